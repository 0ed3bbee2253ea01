use super::{Protocol, Scores};
use crate::agreement::{accuracy, adjusted_mutual_information};
use crate::label::Label;
use crate::readout::Readout;

/// What came of asking one read-out about the test set, under one protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// `PROTOCOL.READOUT`
    pub name: String,
    /// The share of rows that it was right about, in [0, 1]; under [`Protocol::TestFolds`] the mean
    /// of the folds' shares, whose sizes differ by one row at most.
    pub accuracy: f64,
    /// Adjusted mutual information of predicted and true labels; under [`Protocol::TestFolds`] the
    /// mean over the folds.
    pub ami: f64,
    /// Of each row of the test set, whether the read-out was right about it.
    pub hits: Vec<bool>,
    /// Whether all fits have converged; see
    /// [`Classifier::predict_and_tell`](crate::Classifier::predict_and_tell).
    pub is_converged: bool,
}

/// Rows of the test set that a read-out was asked about at once.
pub(super) struct Part {
    rows: Vec<usize>,
    hits: Vec<bool>,
    accuracy: f64,
    ami: f64,
    /// Whether the fit has converged.
    pub(super) is_converged: bool,
}

impl Part {
    /// Of `rows` with these labels, which a read-out whose fit has converged took for others.
    pub(super) fn of<L: Label>(rows: Vec<usize>, truth: &[L], predicted: &[L]) -> Self {
        Self {
            rows,
            hits: truth.iter().zip(predicted).map(|(truth, predicted)| truth == predicted).collect(),
            accuracy: accuracy(truth, predicted),
            ami: adjusted_mutual_information(truth, predicted),
            is_converged: true,
        }
    }
}

impl Answers {
    /// Of parts in which each row of the test set is once.
    pub(super) fn of(protocol: Protocol, readout: Readout, parts: &[Part]) -> Self {
        let mean = |score: fn(&Part) -> f64| parts.iter().map(score).sum::<f64>() / parts.len() as f64;
        let mut hits = vec![false; parts.iter().map(|part| part.rows.len()).sum()];
        for part in parts {
            for (&row, &hit) in part.rows.iter().zip(&part.hits) {
                hits[row] = hit;
            }
        }
        Self {
            name: format!("{}.{}", protocol.name(), readout.name()),
            accuracy: mean(|part| part.accuracy),
            ami: mean(|part| part.ami),
            hits,
            is_converged: parts.iter().all(|part| part.is_converged),
        }
    }

    /// `PROTOCOL.READOUT.accuracy` and `….ami`.
    pub fn scores(&self) -> Scores {
        [("accuracy", self.accuracy), ("ami", self.ami)]
            .map(|(score, value)| (format!("{}.{score}", self.name), value))
            .into()
    }
}
