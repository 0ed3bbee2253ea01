//! `STORE/trainings/NAME.json`: which trial has done a training that may be others' too.

use serde::{Deserialize, Serialize};

/// A training that a trial has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// [`crate::FORMAT`] of the writer.
    pub format: u32,
    /// The trial that has ended it.
    pub trial: String,
    /// The SHA-256 of that trial's weights, in hexadecimal digits.
    pub weights: String,
}
