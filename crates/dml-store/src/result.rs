//! What came out of a trial.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Hits;

/// Version of everything the run store writes. A store of another version is refused by name.
pub const FORMAT: u32 = 1;

/// Scores under dotted names, as in `test_folds.knn.accuracy`.
pub type Scores = BTreeMap<String, f64>;

/// One value an epoch under the name of a loss term, as in `reconstruction`.
///
/// `None` is an epoch in which the routine did not ask for the term.
pub type Curves = BTreeMap<String, Vec<Option<f64>>>;

/// The result of one trial: everything a report needs, and nothing that depends on when or where it
/// ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialResult {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// [`crate::trial_id`] of `trial`.
    pub id: String,
    /// The whole trial file, without keys that have their neutral value.
    pub trial: toml::Table,
    /// The SHA-256 of the data set, where the trial names it by path; older versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Loss terms over epochs.
    pub curves: Curves,
}

/// How a trial ended. A crash is not among these: it leaves a [`Failure`] and runs again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Trained and scored.
    Scored {
        /// All scores.
        scores: Scores,
        /// Which images a read-out was right about, by its name as in `labelled.nearest`: of those
        /// that the trial names.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        hits: BTreeMap<String, Hits>,
    },
    /// A loss or a weight stopped being finite. That is a result.
    Diverged {
        /// The first epoch (counted from 1) whose losses were not finite.
        epoch: u32,
        /// What was not finite.
        reason: String,
    },
}

impl Outcome {
    /// Scores alone.
    pub fn scored(scores: Scores) -> Self {
        Self::Scored { scores, hits: BTreeMap::new() }
    }

    /// The outcome in a word.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Scored { .. } => Ending::Scored,
            Self::Diverged { .. } => Ending::Diverged,
        }
    }
}

/// An [`Outcome`] without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Trained and scored.
    Scored,
    /// Something stopped being finite.
    Diverged,
}

impl fmt::Display for Ending {
    /// The word that the JSON has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scored => "scored",
            Self::Diverged => "diverged",
        })
    }
}

/// Why a trial has no result yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// One sentence.
    pub reason: String,
    /// How many times it has failed.
    pub attempts: u32,
    /// Whether trying again can help. A missing data set is not retried within a sweep.
    pub retry: bool,
    /// The last lines of its log.
    pub log: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_survives_json() {
        let result = |hits| TrialResult {
            format: FORMAT,
            id: "0".into(),
            trial: "a = 0.1".parse().unwrap(),
            data_sha256: Some("00ff".into()),
            outcome: Outcome::Scored { scores: Scores::from([("x.y".into(), 0.1 + 0.2)]), hits },
            curves: Curves::from([("kl".into(), vec![None, Some(1.5)])]),
        };
        let text = |result: &TrialResult| serde_json::to_string(result).unwrap();
        let hits = BTreeMap::from([("labelled.knn".to_owned(), Hits(vec![true, false, true]))]);
        for result in [result(hits), result(BTreeMap::new())] {
            assert_eq!(serde_json::from_str::<TrialResult>(&text(&result)).unwrap(), result);
        }
        // As before there were hits.
        let without = serde_json::to_string(&result(BTreeMap::new()).outcome).unwrap();
        assert_eq!(without, r#"{"kind":"scored","scores":{"x.y":0.30000000000000004}}"#);
    }
}
