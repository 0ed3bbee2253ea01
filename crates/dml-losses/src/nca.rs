//! Neighbourhood components analysis.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, positive};
use crate::masked::{log_sum_exp_where, mean_where};
use crate::pairs::{Classes, DistanceLoss};

/// Neighbourhood components analysis: the probability that a random neighbour is of the own class.
///
/// Of anchor i: -log(sum over positives j of p(i, j)), where p(i, j) is the softmax over all other
/// rows of -|i - j|^2 / temperature; Goldberger, Roweis, Hinton and Salakhutdinov 2005,
/// "Neighbourhood components analysis", equations 1 and 2, in the form with the logarithm (their
/// g). They have a temperature of 1.
///
/// The mean is over the anchors that have a positive. Without a negative the value is zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nca {
    /// Above 0, a squared distance; 1 in the paper.
    pub temperature: f64,
}

impl Default for Nca {
    /// The paper's temperature.
    fn default() -> Self {
        Self { temperature: 1.0 }
    }
}

impl DistanceLoss for Nca {
    fn checks(&self) -> Checks {
        vec![positive("nca", "temperature", self.temperature)]
    }

    fn of_distances(&self, distances: &Tensor, classes: &Classes) -> Tensor {
        let exponents = distances.square() / -self.temperature;
        let others = classes.positive.logical_or(&classes.negative);
        let surprise =
            log_sum_exp_where(&exponents, &others, -1) - log_sum_exp_where(&exponents, &classes.positive, -1);
        mean_where(&surprise, &classes.positive.any_dim(-1, false), &[-1])
    }
}
