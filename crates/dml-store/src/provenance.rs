//! `run.json`: when, where, on what and for how long. It stands apart from the result, which
//! depends on none of it.

use serde::{Deserialize, Serialize};

/// How a trial came to its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// [`crate::FORMAT`] of the writer.
    pub format: u32,
    /// Version of `dml`.
    pub version: String,
    /// Version of `LibTorch`.
    pub libtorch: String,
    /// What it was trained on, in words.
    pub device: String,
    /// Threads for training and scoring.
    pub threads: u16,
    /// Whether numbers below 1.2e-38 were taken as zero. The first version did not say.
    #[serde(default)]
    pub denormals_flushed: bool,
    /// The machine.
    pub host: String,
    /// The SHA-256 of the data set, where the trial names it by path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// Seconds since 1970.
    pub finished_at: u64,
    /// Of all attempts, also what was lost where they were killed, but for the last second or
    /// epoch: of the training of a stack a share, its time divided by its members; of scoring the
    /// trial's own.
    pub seconds: f64,
    /// The trial whose training it took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_as: Option<String>,
}
