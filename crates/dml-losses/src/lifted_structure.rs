//! Lifted structured loss.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, positive};
use crate::masked::{log_sum_exp_where, mean_where};
use crate::pairs::{Classes, DistanceLoss};

/// Lifted structured loss: a positive pair against all the negatives of both its ends.
///
/// Of the pair (i, j): J = D(i, j) + log(sum over negatives k of i of exp(margin - D(i, k)) + the
/// same for j), and the value is max(0, J)^2 / 2; Song, Xiang, Jegelka and Savarese 2016, "Deep
/// metric learning via lifted structured feature embedding", equation 4, D Euclidean.
///
/// The mean is over the positive pairs. With a memory, the negatives of the end j are rows of the
/// batch only: distances among rows in the memory have no gradient and are not computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftedStructure {
    /// Above 0; 1 in the paper.
    pub margin: f64,
    /// Whether embeddings are first scaled to length 1.
    pub normalized: bool,
}

impl Default for LiftedStructure {
    /// The paper's margin; its equation scales nothing.
    fn default() -> Self {
        Self { margin: 1.0, normalized: false }
    }
}

impl DistanceLoss for LiftedStructure {
    fn checks(&self) -> Checks {
        vec![positive("lifted_structure", "margin", self.margin)]
    }

    fn normalized(&self) -> bool {
        self.normalized
    }

    fn of_distances(&self, distances: &Tensor, classes: &Classes) -> Tensor {
        let nearness = self.margin - distances;
        // [..., batch, 1]
        let of_anchor = log_sum_exp_where(&nearness, &classes.negative, -1).unsqueeze(-1);
        // [..., 1, candidates]
        let of_candidate = log_sum_exp_where(&nearness, &classes.negative, -2).unsqueeze(-2);
        let value = (distances + of_anchor.logaddexp(&of_candidate)).relu().square() / 2.0;
        mean_where(&value, &classes.positive, &[-2, -1])
    }
}
