//! How a sweep stops trials early: the settings, and which trials compete.

use anyhow::{Result, ensure};
use dml_store::lookup;
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
    /// Refuses numbers that are too small.
    pub(crate) fn check(&self) -> Result<()> {
        for (key, value, least) in
            [("first_epochs", self.first_epochs, 1), ("reduction_factor", self.reduction_factor, 2)]
        {
            ensure!(value >= least, "`stop_early.{key}` is {value}; {least} or more would be right");
        }
        Ok(())
    }

    /// Refuses a key of `within` that no trial has.
    pub(crate) fn check_keys(&self, trials: &[Trial]) -> Result<()> {
        for key in &self.within {
            let is_there = trials.iter().any(|trial| lookup(&trial.table, key).is_some());
            ensure!(is_there, "`stop_early.within` names `{key}`, a key that no trial has");
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
