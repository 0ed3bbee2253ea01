//! Losses as data: what stands in a trial file.

use serde::{Deserialize, Serialize};

use crate::{Distance, Loss, Mining, SupCon, Triplet};

/// A loss and all its settings; nothing has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LossConfig {
    /// See [`Triplet`].
    Triplet {
        /// Above 0, in the units of the distance.
        margin: f64,
        /// Which triplets count.
        mining: Mining,
        /// Between which points.
        distance: Distance,
        /// Whether embeddings are first scaled to length 1.
        normalized: bool,
    },
    /// See [`SupCon`].
    SupCon {
        /// Above 0; 0.1 in the paper.
        temperature: f64,
    },
}

impl LossConfig {
    /// The loss for embeddings of `latent_dim` dimensions and labels in `0..n_classes`, both 1 or more.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn build(&self, latent_dim: i64, n_classes: i64) -> Result<Box<dyn Loss>, LossError> {
        assert!(
            latent_dim > 0 && n_classes > 0,
            "a loss needs a latent dimension and a number of classes of 1 or more"
        );
        Ok(match *self {
            Self::Triplet { margin, mining, distance, normalized } => Box::new(Triplet {
                margin: above_zero("triplet", "margin", margin)?,
                mining,
                distance,
                normalized,
            }),
            Self::SupCon { temperature } => {
                Box::new(SupCon { temperature: above_zero("sup_con", "temperature", temperature)? })
            }
        })
    }
}

/// A setting of a loss that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// A number out of its range.
    #[error("{key} of the loss {kind} is {value}, but has to be {range}")]
    OutOfRange {
        /// The loss, as in the trial file.
        kind: &'static str,
        /// The setting, as in the trial file.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What would be right.
        range: &'static str,
    },
}

fn above_zero(kind: &'static str, key: &'static str, value: f64) -> Result<f64, LossError> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(LossError::OutOfRange { kind, key, value, range: "a finite number above 0" })
}
