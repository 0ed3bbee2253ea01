//! Protocols: who is fitted on what, and which labels count. Scores of different protocols have
//! different names and are never mixed in one number.

mod answers;
mod clusters;
mod fold;

use std::collections::BTreeMap;

use ndarray::{ArrayView2, Axis, concatenate};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_enough, check_labelled, check_width};
use crate::label::{Classes, Label};
use crate::readout::{GeodesicNeighbours, Lengths, Readout, Ways};
use crate::retrieval::{Retrieval, retrieval, retrieval_along};

pub use answers::Answers;
use answers::Part;
pub use fold::folds;

/// Scores by dotted name, such as `test_folds.knn.accuracy`.
pub type Scores = BTreeMap<String, f64>;

/// What the read-outs are fitted on, and what they are scored on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Protocol {
    /// Fitted on two thirds of the test embeddings with their labels, scored on the other third,
    /// three folds in turn; a score is the mean over the folds. This is what the paper reports
    /// (Safir et al. 2022; its accuracies are multiples of 1/3334). Our reading where it is silent:
    /// folds as scikit-learn's `KFold(3, shuffle=True)`, 3334 / 3333 / 3333 of 10,000.
    TestFolds,
    /// Fitted on the labelled training embeddings only, scored on all test embeddings.
    Labelled,
    /// Fitted on all training embeddings with all their labels, scored on all test embeddings.
    Train,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::TestFolds, Self::Labelled, Self::Train];

    /// The name in scores and in files, such as `test_folds`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestFolds => "test_folds",
            Self::Labelled => "labelled",
            Self::Train => "train",
        }
    }
}

/// Embeddings with their labels.
#[derive(Debug, Clone, Copy)]
pub struct Embedded<'a, L = u8> {
    /// `[n, d]`
    pub embeddings: ArrayView2<'a, f32>,
    /// `[n]`
    pub labels: &'a [L],
}

/// Everything that is scored of one model.
///
/// To choose between models or settings, put the embeddings of the *validation* split in place of
/// `test`; the test split is for the numbers that are reported, once the choice is made.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a, L = u8> {
    /// The training set.
    pub train: Embedded<'a, L>,
    /// The rows of `train` whose labels the model saw.
    pub labelled: &'a [usize],
    /// What is scored.
    pub test: Embedded<'a, L>,
    /// Draws folds, trees, initial weights, batches and centroids.
    pub seed: u64,
}

impl<L: Label> Evaluation<'_, L> {
    /// Accuracy and adjusted mutual information of every read-out: `PROTOCOL.READOUT.accuracy` and
    /// `….ami`.
    ///
    /// # Errors
    /// Of what the protocol looks at: embeddings that are not finite or too large; labels that are
    /// negative or not one an embedding; train and test of different dimensions; nothing to fit on;
    /// fewer than three test points for folds; a labelled row that does not exist.
    pub fn readouts(&self, protocol: Protocol, readouts: &[Readout]) -> Result<Scores, EvalError> {
        self.check(protocol)?;
        let mut scores = Scores::new();
        for &readout in readouts {
            scores.extend(self.ask(protocol, readout)?.scores());
        }
        Ok(scores)
    }

    /// The same of one read-out, and which rows of the test set it was right about.
    ///
    /// # Errors
    /// Those of [`readouts`](Self::readouts).
    pub fn answers(&self, protocol: Protocol, readout: Readout) -> Result<Answers, EvalError> {
        self.check(protocol)?;
        self.ask(protocol, readout)
    }

    /// Accuracy and adjusted mutual information of [`GeodesicNeighbours`] where the ways between
    /// neighbours are not as long as in the space of embeddings, but as someone else says, who is
    /// asked once: of a decoder's images, say. `PROTOCOL.geodesic_knn.accuracy` and `….ami`.
    ///
    /// # Errors
    /// Those of [`readouts`](Self::readouts).
    pub fn geodesic_knn(&self, protocol: Protocol, lengths: &Lengths) -> Result<Scores, EvalError> {
        Ok(self.geodesic_answers(protocol, lengths)?.scores())
    }

    /// The same, and which rows of the test set it was right about.
    ///
    /// # Errors
    /// Those of [`readouts`](Self::readouts).
    pub fn geodesic_answers(&self, protocol: Protocol, lengths: &Lengths) -> Result<Answers, EvalError> {
        self.check(protocol)?;
        let rows = match protocol {
            Protocol::TestFolds => &[][..],
            Protocol::Labelled => self.labelled,
            Protocol::Train => &(0..self.train.labels.len()).collect::<Vec<_>>(),
        };
        if protocol != Protocol::TestFolds {
            check_enough(rows.len(), 1, "to fit a classifier")?;
        }
        let (fit, mut labels) = self.train.select(rows);
        labels.extend_from_slice(self.test.labels);
        let classes = Classes::of(&labels).ids;
        let embeddings = if rows.is_empty() {
            self.test.embeddings.to_owned()
        } else {
            concatenate(Axis(0), &[fit.view(), self.test.embeddings.view()])
                .expect("checked: the same dimension")
        };
        let GeodesicNeighbours { k, neighbours } = GeodesicNeighbours::default();
        let ways = Ways::between(embeddings.view(), neighbours, lengths);
        let parts = match protocol {
            Protocol::TestFolds => folds(labels.len(), 3, self.seed),
            Protocol::Labelled | Protocol::Train => {
                vec![((0..rows.len()).collect(), (rows.len()..labels.len()).collect())]
            }
        };
        let of = |rows: &[usize]| rows.iter().map(|&row| classes[row]).collect::<Vec<u32>>();
        // Labelled and training rows lie before those of the test set.
        let before = rows.len();
        let ask = |(sources, asked): (Vec<usize>, Vec<usize>)| {
            let own = of(&sources);
            let predicted = ways.vote(embeddings.view(), (&sources, &own), &asked, k);
            Part::of(asked.iter().map(|row| row - before).collect(), &of(&asked), &predicted)
        };
        let parts: Vec<Part> = parts.into_par_iter().map(ask).collect();
        Ok(Answers::of(protocol, Readout::GeodesicKnn, &parts))
    }

    /// Leave-one-out retrieval among the test embeddings: `retrieval.recall_at_1`,
    /// `retrieval.r_precision`, `retrieval.map_at_r`.
    ///
    /// # Errors
    /// Test embeddings that are not finite or too large; labels that are negative or not one an
    /// embedding; no two of one class.
    pub fn retrieval(&self) -> Result<Scores, EvalError> {
        self.check_test()?;
        Ok(named("retrieval", &retrieval(self.test.embeddings, self.test.labels, &[1])?))
    }

    /// The same along the graph of [`GeodesicNeighbours`] over the test embeddings, whose ways are
    /// as long as someone says who is asked once: `geodesic_retrieval.…`.
    ///
    /// # Errors
    /// Those of [`retrieval`](Self::retrieval).
    pub fn geodesic_retrieval(&self, lengths: &Lengths) -> Result<Scores, EvalError> {
        self.check_test()?;
        let Embedded { embeddings, labels } = self.test;
        let ways = Ways::between(embeddings, GeodesicNeighbours::default().neighbours, lengths);
        Ok(named("geodesic_retrieval", &retrieval_along(&ways, embeddings, labels, &[1])?))
    }

    /// Refuses what `protocol` cannot be scored on, here where rows have the caller's numbers.
    fn check(&self, protocol: Protocol) -> Result<(), EvalError> {
        let Embedded { embeddings, labels } = self.train;
        let n = embeddings.nrows();
        match protocol {
            Protocol::TestFolds => check_enough(self.test.embeddings.nrows(), 3, "for three folds")?,
            Protocol::Labelled => {
                if let Some(&row) = self.labelled.iter().find(|&&row| row >= n) {
                    return Err(EvalError::NoSuchRow { row, n });
                }
                check_labelled(embeddings, labels, self.labelled.iter().copied(), "training set")?;
            }
            Protocol::Train => check_labelled(embeddings, labels, 0..n, "training set")?,
        }
        if protocol != Protocol::TestFolds {
            check_width(embeddings.ncols(), self.test.embeddings.ncols())?;
            check_enough(self.test.embeddings.nrows(), 1, "to ask a read-out about")?;
        }
        self.check_test()
    }

    fn check_test(&self) -> Result<(), EvalError> {
        let Embedded { embeddings, labels } = self.test;
        check_labelled(embeddings, labels, 0..embeddings.nrows(), "test set")
    }

    /// Asks a read-out about the test set, which has been checked.
    fn ask(&self, protocol: Protocol, readout: Readout) -> Result<Answers, EvalError> {
        let parts = match protocol {
            Protocol::TestFolds => self.over_folds(readout)?,
            Protocol::Labelled => {
                let (embeddings, labels) = self.train.select(self.labelled);
                vec![self.on_all(Embedded { embeddings: embeddings.view(), labels: &labels }, readout)?]
            }
            Protocol::Train => vec![self.on_all(self.train, readout)?],
        };
        Ok(Answers::of(protocol, readout, &parts))
    }

    /// All rows of the test set, asked of a read-out fitted on `fit`.
    fn on_all(&self, fit: Embedded<L>, readout: Readout) -> Result<Part, EvalError> {
        read_out(fit, self.test, (0..self.test.labels.len()).collect(), readout, self.seed)
    }

    fn over_folds(&self, readout: Readout) -> Result<Vec<Part>, EvalError> {
        let ask = |(fit, asked): (Vec<usize>, Vec<usize>)| {
            let (fit_embeddings, fit_labels) = self.test.select(&fit);
            let (ask_embeddings, ask_labels) = self.test.select(&asked);
            let fit = Embedded { embeddings: fit_embeddings.view(), labels: &fit_labels };
            let test = Embedded { embeddings: ask_embeddings.view(), labels: &ask_labels };
            read_out(fit, test, asked, readout, self.seed)
        };
        folds(self.test.labels.len(), 3, self.seed).into_par_iter().map(ask).collect()
    }
}

/// Scores of retrieval, R@1 among them.
fn named(name: &str, found: &Retrieval) -> Scores {
    let scores = [
        ("recall_at_1", found.recall_at[0]),
        ("r_precision", found.r_precision),
        ("map_at_r", found.map_at_r),
    ];
    scores.map(|(score, value)| (format!("{name}.{score}"), value)).into()
}

/// What a read-out fitted on `fit` says of `test`, which are these rows of the whole test set.
fn read_out<L: Label>(
    fit: Embedded<L>,
    test: Embedded<L>,
    rows: Vec<usize>,
    readout: Readout,
    seed: u64,
) -> Result<Part, EvalError> {
    let classifier = readout.classifier(seed);
    let (predicted, is_converged) = classifier.fit_and_tell(fit.embeddings, fit.labels, test.embeddings)?;
    let mut part = Part::of(rows, test.labels, &predicted);
    part.is_converged = is_converged;
    Ok(part)
}

impl<L: Label> Embedded<'_, L> {
    fn select(&self, rows: &[usize]) -> (ndarray::Array2<f32>, Vec<L>) {
        (self.embeddings.select(Axis(0), rows), rows.iter().map(|&row| self.labels[row]).collect())
    }
}

#[cfg(test)]
mod tests;
