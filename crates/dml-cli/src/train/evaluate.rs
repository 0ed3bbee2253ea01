//! From a trained model, or a baseline, to scores.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use dml_data::{Dataset, Split};
use dml_eval::clustering::GaussianMixture;
use dml_eval::propagation::{Affinity, Poisson, SoftCentres};
use dml_eval::readout::{Lengths, Readout, euclidean};
use dml_eval::{Answers, Embedded, EvalError, Evaluation, LARGEST_COORDINATE, Protocol};
use dml_models::{FittedMixture, PseudoLabels, PseudoLabelsConfig};
use dml_store::{Hits, Scores};
use ndarray::{Array2, ArrayView2, Axis};

use crate::train::hits::name;
use crate::train::trial::{EvaluatedSplit, Trial};

/// The images that a trial is scored on, some of them with a label.
pub(crate) fn evaluated_split<'a>(trial: &Trial, data: &'a Dataset) -> Result<&'a Split> {
    let name = &data.name;
    let (split, of_file) = match trial.evaluation.split {
        EvaluatedSplit::None => bail!("evaluation.split = \"none\" has no images to score"),
        EvaluatedSplit::Test => {
            let what_would_do = || {
                format!(
                    "{name} has no test split, test_images and test_labels; set evaluation.split to \"validation\", and data.validation to the \
                     number of training images to hold out"
                )
            };
            (data.test.as_ref().with_context(what_would_do)?, "test")
        }
        EvaluatedSplit::Validation => {
            let what_would_do = || {
                format!(
                    "{name} has no validation split; set data.validation to the number of training images to hold out"
                )
            };
            (data.validation.as_ref().with_context(what_would_do)?, "val")
        }
    };
    if split.labelled_rows().is_empty() {
        bail!(
            "{name} has no label in {of_file}_labels, and scores compare with labels; some of them must be 0 or more"
        );
    }
    Ok(split)
}

/// Whether embeddings can be scored: whose are not finite, or so large that distances would not be,
/// has diverged.
pub(crate) fn can_be_scored(embeddings: &Array2<f32>) -> bool {
    // Written so that NaN cannot.
    embeddings.iter().all(|x| x.abs() <= LARGEST_COORDINATE)
}

/// What left all bounds, where that is why there are no scores.
fn has_diverged(error: &anyhow::Error) -> Option<String> {
    match error.downcast_ref()? {
        EvalError::NotFinite { set, .. } | EvalError::TooLarge { set, .. } => {
            Some(format!("an embedding of the {set} is very large or not finite"))
        }
        EvalError::Diverged { readout } => Some(format!("the read-out {readout} diverged")),
        _ => None,
    }
}

/// What a trial is scored by.
#[derive(Debug, Default)]
pub(crate) struct Scored {
    pub(crate) scores: Scores,
    /// Which images a read-out was right about, of those that the trial names.
    pub(crate) hits: BTreeMap<String, Hits>,
}

/// What a trial is scored with.
pub(crate) struct Scoring<'a> {
    pub(crate) trial: &'a Trial,
    pub(crate) data: &'a Dataset,
    /// The training rows that keep their label.
    pub(crate) labelled: &'a [usize],
    /// Maps images `[n, pixels]` to embeddings `[n, d]`; it is asked only for what is needed.
    pub(crate) embed: &'a dyn Fn(ArrayView2<u8>) -> Array2<f32>,
    /// Those of ways between embeddings, where a decoder measures them.
    pub(crate) lengths: Option<&'a Lengths<'a>>,
    /// Is told of each step before it begins.
    pub(crate) say: &'a dyn Fn(&str),
}

impl Scoring<'_> {
    /// All scores that the trial asks for, of the embeddings of its split; or what has left all
    /// bounds, which is a result too, and trying again gives the same.
    pub(crate) fn score(&self, queries: &Array2<f32>) -> Result<Result<Scored, String>> {
        if !can_be_scored(queries) {
            return Ok(Err("an embedding is very large or not finite".into()));
        }
        if self.trial.evaluation.split == EvaluatedSplit::None {
            return Ok(Ok(Scored::default()));
        }
        scored(self, queries).map(Ok).or_else(|error| has_diverged(&error).map(Err).ok_or(error))
    }
}

/// All scores that the trial asks for; images without a label are not among what they compare.
fn scored(scoring: &Scoring, queries: &Array2<f32>) -> Result<Scored> {
    let Scoring { trial, data, labelled, embed, lengths, say } = *scoring;
    let asks = |protocol| trial.evaluation.protocols.contains(&protocol);
    let split = evaluated_split(trial, data)?;
    let with_label = split.labelled_rows();
    let test_labels: Vec<i32> = with_label.iter().map(|&row| split.labels[row]).collect();
    let queries = queries.select(Axis(0), &with_label);
    let test = Embedded { embeddings: queries.view(), labels: test_labels.as_slice() };
    // The `labelled` protocol needs only the labelled rows: everything else stays unembedded unless
    // `train` or clusters ask for it.
    let (images, labels, labelled) = if asks(Protocol::Train) || trial.evaluation.train_clustering {
        let rows = data.train.labelled_rows();
        let place = |row| rows.binary_search(row).expect("a mask has rows with a label");
        let labelled: Vec<usize> = labelled.iter().map(place).collect();
        let Split { images, labels } = data.train.select(&rows);
        (images, labels, labelled)
    } else {
        let rows = if asks(Protocol::Labelled) { labelled } else { &[] };
        let labels = rows.iter().map(|&row| data.train.labels[row]).collect();
        (data.train.images.select(Axis(0), rows), labels, (0..rows.len()).collect())
    };
    let train = embed(images.view());
    let train = Embedded { embeddings: train.view(), labels: labels.as_slice() };
    let evaluation = Evaluation { train, labelled: &labelled, test, seed: trial.train.seed };
    let mut scored = Scored::default();
    for &protocol in &trial.evaluation.protocols {
        for &readout in &trial.evaluation.readouts {
            say(&name(protocol, readout));
            for answers in ask(&evaluation, protocol, readout, lengths)? {
                scored.scores.extend(answers.scores());
                if trial.evaluation.hits.contains(&answers.name) {
                    scored.hits.insert(answers.name, Hits(answers.hits));
                }
            }
        }
    }
    scored.scores.extend(without_read_out(trial, &evaluation, lengths, say)?);
    Ok(scored)
}

/// Clusters and retrieval, where they are asked for.
fn without_read_out(
    trial: &Trial,
    evaluation: &Evaluation<i32>,
    lengths: Option<&Lengths>,
    say: &dyn Fn(&str),
) -> Result<Scores> {
    let mut scores = Scores::new();
    if trial.evaluation.clustering {
        say("clustering");
        scores.extend(evaluation.clustering()?);
    }
    if trial.evaluation.train_clustering {
        say("clustering of the training set");
        scores.extend(evaluation.train_k_means()?);
    }
    if trial.evaluation.retrieval {
        say("retrieval");
        scores.extend(evaluation.retrieval()?);
        if trial.evaluation.readouts.contains(&Readout::GeodesicKnn) {
            say("geodesic retrieval");
            scores.extend(evaluation.geodesic_retrieval(lengths.unwrap_or(&euclidean))?);
        }
    }
    Ok(scores)
}

/// What a read-out says; along the decoder, where it has one, and by the same graph without it.
fn ask(
    evaluation: &Evaluation<i32>,
    protocol: Protocol,
    readout: Readout,
    lengths: Option<&Lengths>,
) -> Result<Vec<Answers>, EvalError> {
    if readout != Readout::GeodesicKnn {
        return Ok(vec![evaluation.answers(protocol, readout)?]);
    }
    let plain = evaluation.geodesic_answers(protocol, &euclidean)?;
    let along = match lengths {
        Some(lengths) => evaluation.geodesic_answers(protocol, lengths)?,
        None => plain.clone(),
    };
    Ok(vec![along, Answers { name: format!("{}.graph_knn", protocol.name()), ..plain }])
}

/// The mixture of the staged routine, fitted on embeddings.
pub(crate) fn fit_mixture(
    embeddings: ArrayView2<f32>,
    components: usize,
    seed: u64,
) -> Result<FittedMixture> {
    let mixture = GaussianMixture::fit(embeddings, components, seed)?;
    let narrow = |value: &f64| *value as f32;
    Ok(FittedMixture {
        weights: mixture.weights.iter().map(narrow).collect(),
        means: mixture.means.map(narrow),
        variances: mixture.variances.map(narrow),
    })
}

/// Guessed labels of a share of the rows of `embeddings`, without those that are `given`.
pub(crate) fn pseudo_labels(
    config: &PseudoLabelsConfig,
    embeddings: ArrayView2<f32>,
    given: &[(usize, i32)],
    share: f64,
    n_classes: usize,
) -> Result<PseudoLabels> {
    let labelled: Vec<(usize, u32)> = given.iter().map(|&(row, class)| (row, class as u32)).collect();
    let guesses = match *config {
        PseudoLabelsConfig::SoftCentres { .. } => SoftCentres {}.guess(embeddings, &labelled)?,
        PseudoLabelsConfig::Propagation { neighbours, .. } => {
            Poisson { neighbours }.guess(embeddings, &labelled)?
        }
        PseudoLabelsConfig::Affinity { neighbours, gamma, .. } => {
            Affinity { neighbours, gamma }.guess(embeddings, &labelled)?
        }
        _ => bail!("{config:?} is none that guesses"),
    };
    let n = (share * embeddings.nrows() as f64) as usize;
    let is_balanced = config.rounds().is_some_and(|rounds| rounds.balanced);
    let of_class = if is_balanced { n / n_classes } else { n };
    let surest = guesses.surest(n, of_class, &labelled).into_iter();
    Ok(surest.map(|(row, class)| (row, class as i32)).collect())
}

#[cfg(test)]
mod tests {
    use dml_models::Rounds;

    use super::*;

    #[test]
    fn embeddings_that_are_not_finite_or_too_large_have_diverged() {
        for (x, expected) in [(-1e15, true), (2e15, false), (f32::NAN, false), (f32::NEG_INFINITY, false)] {
            assert_eq!(can_be_scored(&Array2::from_elem((2, 1), x)), expected, "{x}");
        }
    }

    #[test]
    fn classes_without_a_label_keep_their_part_of_the_guesses_from_the_others() {
        let rounds = Rounds { first: 1, every: 1, share: [0.5, 0.5], balanced: true };
        let config = PseudoLabelsConfig::Propagation { neighbours: 3, rounds };
        // Two lines of 20, and labels of two of the four classes.
        let embeddings = Array2::from_shape_fn(
            (40, 2),
            |(row, d)| if d == 0 { row % 20 } else { 100 * (row / 20) } as f32,
        );
        let guessed = pseudo_labels(&config, embeddings.view(), &[(0, 0), (20, 2)], 0.8, 4).unwrap();
        let of_class = |class: i32| guessed.iter().filter(|(_, guess)| *guess == class).count();
        // 0.8 of 40 images, a quarter of them of each class, less the one that is given.
        assert_eq!([0, 1, 2, 3].map(of_class), [7, 0, 7, 0]);
        assert!(guessed.iter().all(|&(row, class)| class == if row < 20 { 0 } else { 2 }));
    }

    #[test]
    fn what_leaves_all_bounds_has_diverged_and_nothing_else_has() {
        let reason = |error: EvalError| has_diverged(&error.into());
        let of_read_out = reason(EvalError::Diverged { readout: "mlp" });
        assert_eq!(of_read_out.as_deref(), Some("the read-out mlp diverged"));
        let of_row = reason(EvalError::TooLarge { row: 3, set: "training set" });
        assert_eq!(of_row.as_deref(), Some("an embedding of the training set is very large or not finite"));
        assert_eq!(reason(EvalError::NoPair { n: 3 }), None);
        assert_eq!(has_diverged(&anyhow::anyhow!("a full disk")), None);
    }
}
