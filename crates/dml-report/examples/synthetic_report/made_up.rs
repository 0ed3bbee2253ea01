//! Trials and results from a formula.

use std::error::Error;
use std::fs;
use std::path::Path;

use dml_data::npz::NpzWriter;
use dml_store::{Curves, FORMAT, Outcome, RunStore, Scores, TrialResult, names, trial_id};
use ndarray::{Array2, arr2};

/// The first `count` trials of a grid like the paper's; seeds vary fastest.
pub(crate) fn trials(count: usize) -> Vec<toml::Table> {
    let mut trials = Vec::new();
    let systems = [
        ("dml", "unit", &[0.5][..]),
        ("dml_autoencoder", "unit", &[0.25, 0.5, 0.75, 1.0]),
        ("dml_prior", "unit", &[0.33, 1.0]),
        ("dml_prior", "hypercube", &[0.33, 1.0]),
        ("metric_vae", "vamp", &[0.25, 0.5, 0.75, 1.0]),
        ("pixels", "unit", &[0.5]),
        ("pca", "unit", &[0.5]),
        ("random_projection", "unit", &[0.5]),
    ];
    for loss in ["triplet", "sup_con", "center", "contrastive", "n_pair", "proxy_nca"] {
        for data in ["mnist", "organamnist"] {
            for latent_dim in [2, 10] {
                for percent in [0.01, 0.1, 10.0] {
                    for (system, prior, alphas) in systems {
                        for alpha in alphas {
                            for seed in 0..10 {
                                trials.push(trial(
                                    seed, data, percent, system, latent_dim, loss, prior, *alpha,
                                ));
                            }
                        }
                    }
                }
            }
        }
    }
    let round = trials.len();
    (0..count)
        .map(|i| {
            let mut trial = trials[i % round].clone();
            trial.insert(
                "seed".into(),
                (trial["seed"].as_integer().unwrap_or(0) + 10 * (i / round) as i64).into(),
            );
            trial
        })
        .collect()
}

#[expect(clippy::too_many_arguments, reason = "one a key of the made-up grid")]
fn trial(
    seed: i64,
    data: &str,
    percent: f64,
    system: &str,
    latent_dim: i64,
    loss: &str,
    prior: &str,
    alpha: f64,
) -> toml::Table {
    format!(
        "seed = {seed}
        [data]\nname = '{data}'\nlabelled_percent = {percent:?}\nlabelled_sampling = 'uniform'\nvalidation = 0
        [model]\nsystem = '{system}'\nlatent_dim = {latent_dim}\nembedding = 'mean'
        encoder = {{ kind = 'mlp', hidden = [512, 256] }}\ndecoder = {{ kind = 'mlp', hidden = [256, 512] }}
        [loss]\nkind = '{loss}'\nmargin = 0.2
        [reconstruction]\nkind = 'squared_error'\nreduction = 'sum'
        [prior]\nkind = '{prior}'
        [kl]\nbeta = 1.0\nwarm_up_epochs = 0\nfree_bits = 0.0\nsamples = 1
        [routine]\nkind = 'alternate_epochs'\nrule = 'mixed'\nalpha = {alpha:?}
        [sampling]\nbatch_size = 64\nlabelled = {{ kind = 'uniform' }}\nlabelled_epoch = 'cycle'
        [training]\nepochs = 20\nlearning_rate = 0.001\nbeta1 = 0.9\nbeta2 = 0.999\nepsilon = 1e-8
        [evaluation]\nsplit = 'test'\nprotocols = ['test_folds']\nreadouts = ['knn']\nclustering = false\nretrieval = false"
    )
    .parse()
    .expect("a trial")
}

/// A number in [0, 1) that depends on everything in `key`.
fn chance(key: &str) -> f64 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// Writes results straight, without the syncing of a real store.
pub(crate) fn fill(store: &RunStore, trials: &[toml::Table]) -> Result<(), Box<dyn Error>> {
    let images = store.root().join(names::IMAGES);
    fs::create_dir_all(&images)?;
    fs::write(images.join("sheet.png"), thumbnails())?;
    for trial in trials {
        let id = trial_id(trial);
        if chance(&id) < 1.0 / 40.0 {
            continue;
        }
        let directory = store.trial_directory(&id);
        fs::create_dir_all(&directory)?;
        let result = result(&id, trial);
        fs::write(directory.join(names::RESULT), serde_json::to_string_pretty(&result)?)?;
        if trial["seed"].as_integer() == Some(0) && trial["loss"]["kind"].as_str() == Some("triplet") {
            write_latent(&directory, trial)?;
            let link = directory.join(names::THUMBNAILS);
            fs::copy(images.join("sheet.png"), link)?;
            fs::write(directory.join(names::DECODED), grid(chance(&id)))?;
        }
    }
    Ok(())
}

fn result(id: &str, trial: &toml::Table) -> TrialResult {
    let text = |table: &str, key: &str| trial[table][key].as_str().unwrap_or_default();
    let number = |table: &str, key: &str| trial[table][key].as_float().unwrap_or_default();
    let base = match (text("model", "system"), text("prior", "kind")) {
        ("dml", _) => 0.55,
        ("dml_autoencoder", _) => 0.65,
        ("metric_vae", _) => 0.5,
        ("pixels", _) => 0.75,
        ("pca", _) => 0.7,
        ("random_projection", _) => 0.45,
        _ => 0.0,
    };
    let null = text("model", "system") == "dml_prior";
    let gain = 0.06 * number("data", "labelled_percent").log10()
        + 0.01 * trial["model"]["latent_dim"].as_integer().unwrap_or(0) as f64;
    let accuracy = if null { 0.1 } else { base + gain } + 0.04 * (chance(&format!("{id} accuracy")) - 0.5);
    let ami = if null { 0.004 * (chance(&format!("{id} ami")) - 0.5) } else { accuracy - 0.12 };
    let outcome = if chance(&format!("{id} diverged")) < 0.02 {
        Outcome::Diverged { epoch: 7, reason: "the loss was NaN".to_string() }
    } else {
        Outcome::scored(Scores::from([
            ("test_folds.knn.accuracy".to_string(), accuracy),
            ("test_folds.knn.ami".to_string(), ami),
            ("labelled.knn.accuracy".to_string(), accuracy - 0.1),
            ("labelled.knn.ami".to_string(), ami - 0.1),
        ]))
    };
    let curve = |start: f64, end: f64, every: usize| {
        let value = |epoch: usize| {
            end + (start - end) * (-(epoch as f64) / 4.0).exp()
                + 0.02 * start * chance(&format!("{id}{epoch}{start}"))
        };
        (0..20).map(|epoch| (epoch % every == 0).then(|| value(epoch))).collect::<Vec<_>>()
    };
    let curves = Curves::from([
        ("supervised".to_string(), curve(0.3, 0.02 + 0.1 * number("routine", "alpha"), 2)),
        ("reconstruction".to_string(), curve(60.0, 30.0, 1)),
        ("kl".to_string(), curve(2.0, 8.0, 1)),
    ]);
    TrialResult {
        format: FORMAT,
        id: id.to_string(),
        trial: trial.clone(),
        data_sha256: None,
        outcome,
        curves,
    }
}

fn write_latent(directory: &Path, trial: &toml::Table) -> Result<(), Box<dyn Error>> {
    let n = 2000;
    let d = trial["model"]["latent_dim"].as_integer().unwrap_or(2) as usize;
    let system = trial["model"]["system"].as_str().unwrap_or_default();
    let spread = if system == "dml_prior" { 0.3 } else { 3.0 };
    let value = |(i, j): (usize, usize)| {
        let noise: f64 = (0..6).map(|k| chance(&format!("{system} {i} {j} {k}")) - 0.5).sum();
        (spread * ((i % 10 * (j + 2) * 3) as f64).sin() + noise) as f32
    };
    let mut npz = NpzWriter::create(&directory.join(names::LATENT))?;
    npz.add_f32("embeddings", Array2::from_shape_fn((n, d), value).view())?;
    npz.add_i64("labels", &(0..n as i64).map(|i| i % 10).collect::<Vec<_>>())?;
    npz.add_i64("rows", &(0..n as i64).map(|i| 5 * i).collect::<Vec<_>>())?;
    if d == 2 && system != "dml" {
        let corners = arr2(&[[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]);
        npz.add_f32("components_mean", corners.view())?;
        npz.add_f32("components_logvar", Array2::ones((4, 2)).view())?;
    }
    Ok(npz.finish()?)
}

/// 2,000 tiles of 28 x 28, 50 a row: a bar for each class, at its own slant.
fn thumbnails() -> Vec<u8> {
    let (columns, rows, side) = (50, 40, 28);
    gray(columns * side, rows * side, |x, y| {
        let class = ((y / side) * columns + x / side) % 10;
        let (dx, dy) = ((x % side) as f64 - 13.5, (y % side) as f64 - 13.5);
        let angle = class as f64 * std::f64::consts::PI / 10.0;
        let across = (dx * angle.sin() - dy * angle.cos()).abs();
        if dx.hypot(dy) < 12.0 && across < 2.5 { 235 } else { 12 }
    })
}

fn grid(phase: f64) -> Vec<u8> {
    gray(280, 280, |x, y| {
        (127.0 + 127.0 * (x as f64 / 20.0 + phase * 6.0).sin() * (y as f64 / 30.0).cos()) as u8
    })
}

fn gray(width: usize, height: usize, pixel: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..width * height).map(|i| pixel(i % width, i / width)).collect();
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).expect("memory");
    bytes
}
