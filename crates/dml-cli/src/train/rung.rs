//! A rung: an epoch after which a trial stops, so that it can be stopped early by what started it.
//!
//! The trial itself does not know of its rungs: trained on, it ends as one that was never stopped.

use std::str::FromStr;

use anyhow::Result;
use dml_data::Dataset;
use dml_eval::{Protocol, Readout};

use crate::train::evaluate::evaluated_split;
use crate::train::trial::{EvaluatedSplit, EvaluationConfig, Trial, known};

/// Where trials stop, and how they are scored there.
#[derive(Debug, Clone)]
pub(crate) struct Rung {
    pub(crate) epoch: u32,
    pub(crate) score: RungScore,
}

/// A score of a read-out on the validation split, by its dotted name. The larger, the better.
#[derive(Debug, Clone)]
pub(crate) struct RungScore {
    pub(crate) name: String,
    protocol: Protocol,
    readout: Readout,
}

impl FromStr for RungScore {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let parse = || {
            let [protocol, readout, "accuracy" | "ami"] = name.split('.').collect::<Vec<_>>()[..] else {
                return None;
            };
            Some(Self { name: name.into(), protocol: known(protocol)?, readout: known(readout)? })
        };
        parse().ok_or_else(|| {
            "PROTOCOL.READOUT.accuracy or PROTOCOL.READOUT.ami would be right, as test_folds.knn.accuracy"
                .into()
        })
    }
}

impl Rung {
    /// Whether a trial ends only after this rung. Baselines have no epochs.
    pub(crate) fn is_before_the_end(&self, trial: &Trial) -> bool {
        !trial.train.model.system.is_baseline() && self.epoch < trial.train.training.epochs
    }

    /// An error where the data set has no validation split.
    pub(crate) fn check(&self, trial: &Trial, data: &Dataset) -> Result<()> {
        evaluated_split(&self.evaluating(trial), data).map(drop)
    }

    /// The trial with this rung's evaluation in place of the one that it asks for.
    pub(crate) fn evaluating(&self, trial: &Trial) -> Trial {
        let RungScore { protocol, readout, .. } = self.score;
        let evaluation = EvaluationConfig::of(EvaluatedSplit::Validation, vec![protocol], vec![readout]);
        Trial { evaluation, ..trial.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_one_of_a_read_out() {
        let score: RungScore = "labelled.random_forest.ami".parse().unwrap();
        assert_eq!((score.protocol, score.readout), (Protocol::Labelled, Readout::RandomForest));
        for wrong in
            ["knn", "test_folds.knn", "test_folds.knn.nmi", "folds.knn.ami", "clustering.k_means.ami", ""]
        {
            assert!(wrong.parse::<RungScore>().unwrap_err().contains("PROTOCOL.READOUT.accuracy"), "{wrong}");
        }
    }
}
