//! How a sweep stops trials early: the settings, and which trials compete.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use dml_store::{flatten, lookup, nearest};
use serde::{Deserialize, Serialize};

use super::trial::{SEED_KEY, Trial};

/// `[stop_early]` of a sweep file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopEarly {
    /// The first rung; 1 or more.
    pub first_epochs: u32,
    /// One of so many trials goes on from a rung, to so many times its epochs; 2 or more.
    pub reduction_factor: u32,
    /// The score of the validation split by which trials are ranked, the largest first, as
    /// `test_folds.knn.accuracy`.
    pub score: String,
    /// Trials compete with those that are equal in these keys. Those of different seeds never do: a
    /// mean over seeds would else be one over the luckiest seeds.
    pub within: Vec<String>,
}

impl StopEarly {
    /// The numbers that can be too small: key, value, and the least that is right.
    pub(crate) fn least(&self) -> [(&'static str, u32, u32); 2] {
        [("first_epochs", self.first_epochs, 1), ("reduction_factor", self.reduction_factor, 2)]
    }

    /// Refuses a key of `within` that no trial has.
    pub(crate) fn check_keys(&self, trials: &[Trial]) -> Result<()> {
        let keys: BTreeSet<String> =
            trials.iter().flat_map(|trial| flatten(&trial.table).into_keys()).collect();
        for key in &self.within {
            let is_there = trials.iter().any(|trial| lookup(&trial.table, key).is_some());
            let near = nearest(key, keys.iter().map(String::as_str));
            let near = near.map(|near| format!("; `{near}` is the nearest")).unwrap_or_default();
            ensure!(is_there, "`stop_early.within` names `{key}`, a key that no trial has{near}");
        }
        Ok(())
    }

    /// Names whom a trial competes with: `data.name="mnist" seed=0`.
    pub(crate) fn group(&self, trial: &Trial) -> String {
        let keys = self.within.iter().map(String::as_str).filter(|key| *key != SEED_KEY).chain([SEED_KEY]);
        let words = keys.filter_map(|key| Some(format!("{key}={}", lookup(&trial.table, key)?)));
        words.collect::<Vec<_>>().join(" ")
    }
}
