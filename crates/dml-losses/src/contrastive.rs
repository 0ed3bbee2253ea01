//! Contrastive loss.

use tch::Tensor;

use crate::masked::mean_where;
use crate::pairs::{PairLoss, Pairs};

/// Contrastive loss: positives at distance zero, negatives at least a margin apart.
///
/// D^2 / 2 of a positive pair and max(0, margin - D)^2 / 2 of a negative one, D Euclidean; Hadsell, Chopra
/// and `LeCun` 2006, "Dimensionality reduction by learning an invariant mapping", equation 4.
///
/// The sum of two means, over the active positive and over the active negative pairs (those with a value
/// above zero), as in pytorch-metric-learning: a batch has many more negative pairs than positive ones.
/// (Theirs is a sum over a fixed set of pairs.)
#[derive(Debug)]
pub struct Contrastive {
    pub(crate) margin: f64,
    pub(crate) normalized: bool,
}

impl PairLoss for Contrastive {
    fn of_pairs(&self, pairs: &Pairs) -> Tensor {
        let distances = pairs.distances(self.normalized);
        let shortfall = (self.margin - &distances).relu();
        let mean_active = |length: &Tensor, mask: &Tensor| {
            mean_where(&length.square(), &mask.logical_and(&length.gt(0)), &[-2, -1]) / 2.0
        };
        mean_active(&distances, &pairs.positive) + mean_active(&shortfall, &pairs.negative)
    }
}
