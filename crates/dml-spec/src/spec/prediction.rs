//! `[[prediction]]`.

use serde::{Deserialize, Serialize};

use crate::select::Selection;

/// What is expected of scores, written down before they are measured: held or failed in the report,
/// open as long as a trial that it speaks of has no result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
// Exhaustive: what makes reports has to know every kind.
pub enum PredictionSpec {
    /// In every case the mean of a score over seeds lies in a range.
    Range {
        /// Anchor.
        name: String,
        /// The prediction as a sentence without its full stop.
        says: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// One case for each combination of these keys' values.
        each: Vec<String>,
        /// What is predicted.
        score: String,
        /// The mean is this or more.
        at_least: Option<f64>,
        /// The mean is less than this.
        below: Option<f64>,
    },
    /// In every single trial a read-out knows no more of the classes than the embedding can hold,
    /// in nats: MI(ŷ; y) ≤ KL + `tolerance`.
    ///
    /// For a sample of the posterior it is a theorem, so a failure is a bug: a read-out sees the
    /// sample alone, and what a sample tells of its image is at most the mean KL to any prior.
    ///
    /// MI is that above chance. No score holds it, but the AMI bounds it: it is at most
    /// AMI · ln `classes`, for no labelling has a larger entropy, so a trial holds where that is
    /// small enough; a trial fails where its AMI is larger than any labelling of so little
    /// information could have; between the two it is open.
    Information {
        /// Anchor.
        name: String,
        /// The prediction as a sentence without its full stop.
        says: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// The score that is the AMI of the read-out's labels.
        ami: String,
        /// The score that is the KL at the end of training, in nats.
        kl: String,
        /// Number of classes; H(y) is taken as that of as many equal ones.
        classes: u32,
        /// In nats: what a finite number of images may add.
        tolerance: f64,
    },
}

impl PredictionSpec {
    /// Anchor.
    pub fn name(&self) -> &str {
        match self {
            Self::Range { name, .. } | Self::Information { name, .. } => name,
        }
    }

    /// The prediction as a sentence without its full stop.
    pub fn says(&self) -> &str {
        match self {
            Self::Range { says, .. } | Self::Information { says, .. } => says,
        }
    }

    /// Which trials.
    pub fn select(&self) -> &Selection {
        match self {
            Self::Range { select, .. } | Self::Information { select, .. } => select,
        }
    }

    /// Which trials.
    pub fn select_mut(&mut self) -> &mut Selection {
        match self {
            Self::Range { select, .. } | Self::Information { select, .. } => select,
        }
    }
}
