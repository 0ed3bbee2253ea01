//! `rungs.json`: scores of a trial at epochs after which it was stopped for a while.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::FORMAT;

/// The rungs that a trial has come to, as in
/// `{"format":1,"rungs":{"test_folds.knn.accuracy":{"2":0.91}}}`.
///
/// The result does not know of them: a trial that is trained on ends as one that was never stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rungs {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// Values of the validation split by score and epoch; `None` stands for embeddings that were
    /// very large or not finite.
    pub rungs: BTreeMap<String, BTreeMap<u32, Option<f64>>>,
}

impl Default for Rungs {
    fn default() -> Self {
        Self { format: FORMAT, rungs: BTreeMap::new() }
    }
}

impl Rungs {
    /// The value of a score after an epoch; `None` where the trial has not been there.
    pub fn value(&self, score: &str, epoch: u32) -> Option<Option<f64>> {
        self.rungs.get(score)?.get(&epoch).copied()
    }

    /// Enters the value of a score after an epoch.
    pub fn insert(&mut self, score: &str, epoch: u32, value: Option<f64>) {
        self.rungs.entry(score.to_owned()).or_default().insert(epoch, value);
    }
}
