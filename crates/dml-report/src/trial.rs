//! What a trial is called and what came out of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Version of everything the run store writes. A store of another version is refused by name.
pub const FORMAT: u32 = 1;

/// Scores under dotted names, as in `test_folds.knn.accuracy`.
pub type Scores = BTreeMap<String, f64>;

/// One value an epoch under the name of a loss term, as in `reconstruction`.
///
/// `None` is an epoch in which the routine did not ask for the term.
pub type Curves = BTreeMap<String, Vec<Option<f64>>>;

/// The result of one trial: everything a report needs, and nothing that depends on when or where it ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialResult {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// [`trial_id`] of `trial`.
    pub id: String,
    /// The whole trial file.
    pub trial: toml::Table,
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
    },
    /// A loss or a weight stopped being finite. That is a result.
    Diverged {
        /// The first epoch (counted from 1) whose losses were not finite.
        epoch: u32,
        /// What was not finite.
        reason: String,
    },
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

/// The identity of a trial: the first 16 hex digits of the SHA-256 of its canonical JSON (sorted keys, no spaces).
pub fn trial_id(trial: &toml::Table) -> String {
    let canonical = serde_json::to_string(trial).expect("a TOML table of a trial has string keys only");
    let digest = Sha256::digest(canonical.as_bytes());
    digest[..8].iter().fold(String::new(), |id, byte| id + &format!("{byte:02x}"))
}

/// The value under a dotted key, as in `data.labelled_percent`.
pub fn lookup<'a>(table: &'a toml::Table, key: &str) -> Option<&'a toml::Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value = table.get(first)?;
    rest.map_or(Some(value), |rest| lookup(value.as_table()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn the_id_does_not_depend_on_the_order_of_keys_but_on_every_value_and_type() {
        let id = trial_id(&table("a = 1\n[b]\nc = 2\nd = 'x'"));
        assert_eq!(id, trial_id(&table("b = { d = 'x', c = 2 }\na = 1")));
        assert_ne!(id, trial_id(&table("a = 1\n[b]\nc = 3\nd = 'x'")));
        assert_ne!(id, trial_id(&table("a = 1.0\n[b]\nc = 2\nd = 'x'")));
        assert_eq!(id.len(), 16);
    }

    #[test]
    fn dotted_keys_find_nested_values() {
        let t = table("a = 1\n[b]\nc = 2");
        assert_eq!(lookup(&t, "b.c").and_then(toml::Value::as_integer), Some(2));
        assert_eq!(lookup(&t, "a").and_then(toml::Value::as_integer), Some(1));
        assert!(lookup(&t, "a.c").is_none());
        assert!(lookup(&t, "b.x").is_none());
    }

    #[test]
    fn a_result_survives_json() {
        let result = TrialResult {
            format: FORMAT,
            id: "0".into(),
            trial: table("a = 0.1"),
            outcome: Outcome::Scored { scores: Scores::from([("x.y".into(), 0.1 + 0.2)]) },
            curves: Curves::from([("kl".into(), vec![None, Some(1.5)])]),
        };
        let text = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<TrialResult>(&text).unwrap(), result);
    }
}
