//! Results made up for tests: a complete little sweep, and what can be missing in it.

use std::path::Path;

use dml_data::npz::NpzWriter;
use dml_spec::{ReportSpecs, TableSpec, number};
use dml_store::{Curves, FORMAT, Hits, Outcome, Scores, TrialResult, lookup, names, trial_id};

use crate::geodesics::{Geodesics, Pair};
use crate::latent::Latent;

pub(crate) struct Synthetic {
    pub(crate) expected: Vec<toml::Table>,
    pub(crate) results: Vec<TrialResult>,
}

pub(crate) fn spec() -> TableSpec {
    toml::from_str(
        r#"
        name = "table-1"
        title = "Table 1: DML & friends"
        published = "table-1-mnist"
        rows = ["data.labelled_percent", "model.system", "routine.alpha"]
        scores = ["test_folds.knn.accuracy", "test_folds.knn.ami"]
        best_within = ["data.labelled_percent"]
        note = "Made up."
        "#,
    )
    .unwrap()
}

/// What is said once for all tables and figures, and no table yet.
pub(crate) fn common() -> ReportSpecs {
    let ignore = "'model.system' = { dml = ['routine.alpha'], pixels = ['routine.alpha'] }";
    ReportSpecs {
        ignore: toml::from_str(ignore).unwrap(),
        baselines: toml::from_str("'model.system' = ['pixels', 'pca']").unwrap(),
        ..ReportSpecs::default()
    }
}

impl Synthetic {
    /// `dml`, `dml_autoencoder` at two alphas, and `pixels`; 0.1 and 10 percent of the labels.
    /// Scores are a fixed pattern.
    pub(crate) fn new(seeds: i64) -> Self {
        let mut expected = Vec::new();
        for (system, alpha, base) in [
            ("dml", 0.5, 0.6),
            ("dml_autoencoder", 0.5, 0.7),
            ("dml_autoencoder", 1.0, 0.69),
            ("pixels", 0.5, 0.75),
        ] {
            for percent in [0.1, 10.0] {
                for seed in 0..seeds {
                    let trial: toml::Table = format!(
                        "seed = {seed}\ndata = {{ name = 'mnist', labelled_percent = {percent:?} }}\n\
                         model = {{ system = '{system}', latent_dim = 10 }}\nloss = {{ kind = 'triplet' }}\n\
                         routine = {{ kind = 'alternate_epochs', alpha = {alpha:?} }}"
                    )
                    .parse()
                    .unwrap();
                    expected.push((
                        trial,
                        base + 0.02 * percent + 0.01 * ((seed * 7) % 5) as f64 / (1.0 + alpha),
                    ));
                }
            }
        }
        let result = |(trial, accuracy): &(toml::Table, f64)| TrialResult {
            format: FORMAT,
            id: trial_id(trial),
            trial: trial.clone(),
            data_sha256: None,
            outcome: Outcome::scored(Scores::from([
                ("test_folds.knn.accuracy".into(), *accuracy),
                ("test_folds.knn.ami".into(), accuracy - 0.1),
            ])),
            curves: Curves::from([
                ("supervised".into(), vec![Some(0.2), Some(0.1)]),
                ("reconstruction".into(), vec![None, Some(30.0 - accuracy)]),
            ]),
        };
        Self {
            results: expected.iter().map(result).collect(),
            expected: expected.into_iter().map(|(trial, _)| trial).collect(),
        }
    }

    fn of<'a>(&'a mut self, system: &'a str, percent: f64) -> impl Iterator<Item = &'a mut TrialResult> {
        self.results.iter_mut().filter(move |r| is(r, system, percent))
    }

    /// Takes the results of the first `seeds` seeds away.
    pub(crate) fn lose(&mut self, system: &str, percent: f64, seeds: i64) {
        self.results.retain(|r| !(is(r, system, percent) && seed(r) < seeds));
    }

    /// Lets the first `seeds` seeds diverge.
    pub(crate) fn diverge(&mut self, system: &str, percent: f64, seeds: i64) {
        for result in self.of(system, percent).filter(|r| seed(r) < seeds) {
            result.outcome = Outcome::Diverged { epoch: 1, reason: "supervised is NaN".into() };
        }
    }

    /// Takes one score away.
    pub(crate) fn unscore(&mut self, system: &str, percent: f64, score: &str) {
        for result in self.of(system, percent) {
            if let Outcome::Scored { scores, .. } = &mut result.outcome {
                scores.remove(score);
            }
        }
    }
}

fn is(result: &TrialResult, system: &str, percent: f64) -> bool {
    lookup(&result.trial, "model.system").and_then(toml::Value::as_str) == Some(system)
        && lookup(&result.trial, "data.labelled_percent").and_then(number) == Some(percent)
}

fn setting(result: &TrialResult) -> (String, f64) {
    let system = lookup(&result.trial, "model.system").and_then(toml::Value::as_str).unwrap();
    (system.to_string(), lookup(&result.trial, "data.labelled_percent").and_then(number).unwrap())
}

fn seed(result: &TrialResult) -> i64 {
    result.trial["seed"].as_integer().unwrap()
}

impl Synthetic {
    /// New accuracy and AMI from system, percentage and seed.
    pub(crate) fn rescore(&mut self, scores_of: impl Fn(&str, f64, i64) -> (f64, f64)) {
        for result in &mut self.results {
            let (system, percent) = setting(result);
            let (accuracy, ami) = scores_of(&system, percent, seed(result));
            if let Outcome::Scored { scores, .. } = &mut result.outcome {
                scores.insert("test_folds.knn.accuracy".into(), accuracy);
                scores.insert("test_folds.knn.ami".into(), ami);
            }
        }
    }
}

impl Synthetic {
    /// New accuracies from the images that are right, by system, percentage and seed, which the
    /// results then say.
    pub(crate) fn hit(&mut self, hits_of: impl Fn(&str, f64, i64) -> Vec<bool>) {
        let share = |hits: &[bool]| hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64;
        self.rescore(|system, percent, seed| {
            let accuracy = share(&hits_of(system, percent, seed));
            (accuracy, accuracy - 0.1)
        });
        for result in &mut self.results {
            let ((system, percent), seed) = (setting(result), seed(result));
            if let Outcome::Scored { hits, .. } = &mut result.outcome {
                hits.insert("test_folds.knn".into(), Hits(hits_of(&system, percent, seed)));
            }
        }
    }
}

/// `n` points of ten classes around corners in `d` dimensions, with four prior components.
pub(crate) fn blobs(n: usize, d: usize, seed: u64) -> Latent {
    let noise = |i: usize, j: usize| {
        let x = ((i * 31 + j * 17 + seed as usize * 7) as f32 * 12.9898).sin() * 43758.547;
        x - x.floor() - 0.5
    };
    let centre = |class: usize, j: usize| 6.0 * ((class * (j + 1) * 5) as f32).sin();
    Latent {
        embeddings: ndarray::Array2::from_shape_fn((n, d), |(i, j)| centre(i % 10, j) + 1.5 * noise(i, j)),
        labels: (0..n).map(|i| (i % 10) as u16).collect(),
        rows: (0..n as i64).collect(),
        components: Some((
            ndarray::Array2::from_shape_fn((4, d), |(k, j)| if (k >> (j % 2)) & 1 == 1 { 1.0 } else { -1.0 }),
            ndarray::Array2::zeros((4, d)),
        )),
    }
}

/// Writes a trial's `latent.npz`.
pub(crate) fn write_latent(directory: &Path, latent: &Latent) {
    let Latent { embeddings, labels, rows, components } = latent;
    let mut npz = NpzWriter::create(&directory.join(names::LATENT)).unwrap();
    npz.add_f32("embeddings", embeddings.view()).unwrap();
    npz.add_i64("labels", &labels.iter().map(|&label| label.into()).collect::<Vec<_>>()).unwrap();
    npz.add_i64("rows", rows).unwrap();
    if let Some((mean, logvar)) = components {
        npz.add_f32("components_mean", mean.view()).unwrap();
        npz.add_f32("components_logvar", logvar.view()).unwrap();
    }
    npz.finish().unwrap();
}

/// Two ways around the middle of a bowl, each of nine points.
pub(crate) fn bowl() -> Geodesics {
    let pair = |side: f64| {
        let at = |i: i32| {
            let angle = std::f64::consts::PI * f64::from(i) / 8.0;
            [angle.cos(), side * angle.sin()].map(|x| f64::from(x as f32))
        };
        Pair { geodesic: (0..9).map(at).collect(), lengths: [3.0, 4.5], classes: [0, 10] }
    };
    let height = |(i, j): (usize, usize)| {
        let from_middle = (i as f32 - 9.5).hypot(j as f32 - 9.5);
        2.0 - from_middle / 5.0
    };
    Geodesics {
        window: [[-2.0, 2.0], [-2.0, 2.0]],
        log10_volume: ndarray::Array2::from_shape_fn((20, 20), height),
        pairs: vec![pair(1.0), pair(-1.0)],
    }
}

/// Writes a trial's `geodesics.npz`.
pub(crate) fn write_geodesics(directory: &Path, geodesics: &Geodesics) {
    let Geodesics { window, log10_volume, pairs } = geodesics;
    let two_columns =
        |rows: Vec<[f64; 2]>| ndarray::Array2::from_shape_fn((rows.len(), 2), |(i, j)| rows[i][j] as f32);
    let mut npz = NpzWriter::create(&directory.join(names::GEODESICS)).unwrap();
    npz.add_f32("window", two_columns(window.to_vec()).view()).unwrap();
    npz.add_f32("log10_volume", log10_volume.view()).unwrap();
    let curves = pairs.iter().flat_map(|pair| pair.geodesic.clone()).collect();
    npz.add_f32("geodesics", two_columns(curves).view()).unwrap();
    npz.add_f32("lengths", two_columns(pairs.iter().map(|pair| pair.lengths).collect()).view()).unwrap();
    npz.add_i64("classes", &pairs.iter().flat_map(|pair| pair.classes).collect::<Vec<_>>()).unwrap();
    npz.finish().unwrap();
}
