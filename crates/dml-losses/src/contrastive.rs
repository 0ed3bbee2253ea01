//! Contrastive loss.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, positive};
use crate::masked::mean_where;
use crate::pairs::{Classes, DistanceLoss};

/// Contrastive loss: positives at distance zero, negatives at least a margin apart.
///
/// D^2 / 2 of a positive pair and max(0, margin - D)^2 / 2 of a negative one, D Euclidean; Hadsell,
/// Chopra and `LeCun` 2006, "Dimensionality reduction by learning an invariant mapping", equation
/// 4.
///
/// The sum of two means, over the active positive and over the active negative pairs (those with a
/// value above zero), as in pytorch-metric-learning: a batch has many more negative pairs than
/// positive ones. (Theirs is a sum over a fixed set of pairs.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrastive {
    /// Above 0: how far negatives are pushed apart.
    pub margin: f64,
    /// Whether embeddings are first scaled to length 1.
    pub normalized: bool,
}

impl Default for Contrastive {
    /// The margin of pytorch-metric-learning; the paper names none, and scales nothing.
    fn default() -> Self {
        Self { margin: 1.0, normalized: false }
    }
}

impl DistanceLoss for Contrastive {
    fn checks(&self) -> Checks {
        vec![positive("contrastive", "margin", self.margin)]
    }

    fn normalized(&self) -> bool {
        self.normalized
    }

    fn is_of_bounds(&self) -> bool {
        true
    }

    fn of_distances(&self, distances: &Tensor, classes: &Classes) -> Tensor {
        let shortfall = (self.margin - distances).relu();
        let mean_active = |length: &Tensor, mask: &Tensor| {
            mean_where(&length.square(), &mask.logical_and(&length.gt(0)), &[-2, -1]) / 2.0
        };
        mean_active(distances, &classes.positive) + mean_active(&shortfall, &classes.negative)
    }
}
