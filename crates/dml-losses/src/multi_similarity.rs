//! Multi-similarity loss.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, not_negative, positive, within};
use crate::masked::{log_one_plus_exp, log_sum_exp_where, mean_where};
use crate::pairs::{PairLoss, Pairs};

/// Multi-similarity loss: pairs weighted by their own similarity and by that of the anchor's other
/// pairs.
///
/// With s the cosine similarity, of an anchor: log(1 + sum over positives of exp(-alpha (s -
/// lambda))) / alpha, plus log(1 + sum over negatives of exp(beta (s - lambda))) / beta; Wang, Han,
/// Huang, Dong and Scott 2019, "Multi-similarity loss with general pair weighting for deep metric
/// learning", the equation of `L_MS`.
///
/// Only mined pairs count (their "pair mining" step): negatives more similar than the least similar
/// positive less epsilon, positives less similar than the most similar negative plus epsilon. An
/// anchor without positives or without negatives so has no pair. The mean is over all labelled
/// rows, as in the paper, with or without pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiSimilarity {
    /// Sharpness among positives, above 0; 2 in the paper.
    pub alpha: f64,
    /// Sharpness among negatives, above 0; 50 in the paper.
    pub beta: f64,
    /// The similarity from which positives and negatives are told apart, -1 to 1; 1 in the paper.
    pub lambda: f64,
    /// How far a mined pair may be from violating, 0 or more; 0.1 in the paper.
    pub epsilon: f64,
}

impl Default for MultiSimilarity {
    /// The paper's values.
    fn default() -> Self {
        Self { alpha: 2.0, beta: 50.0, lambda: 1.0, epsilon: 0.1 }
    }
}

impl PairLoss for MultiSimilarity {
    fn checks(&self) -> Checks {
        vec![
            positive("multi_similarity", "alpha", self.alpha),
            positive("multi_similarity", "beta", self.beta),
            within("multi_similarity", "lambda", self.lambda, (-1.0..=1.0, "between -1 and 1")),
            not_negative("multi_similarity", "epsilon", self.epsilon),
        ]
    }

    fn of_pairs(&self, pairs: &Pairs) -> Tensor {
        let similarity = pairs.cosines();
        let fixed = similarity.detach();
        let least_positive =
            fixed.masked_fill(&pairs.classes.positive.logical_not(), f64::INFINITY).amin(-1, true);
        let most_negative =
            fixed.masked_fill(&pairs.classes.negative.logical_not(), f64::NEG_INFINITY).amax(-1, true);
        let negative = pairs.classes.negative.logical_and(&fixed.gt_tensor(&(least_positive - self.epsilon)));
        let positive = pairs.classes.positive.logical_and(&fixed.lt_tensor(&(most_negative + self.epsilon)));

        let above = similarity - self.lambda;
        let soft_sum =
            |exponents: Tensor, mask: &Tensor| log_one_plus_exp(&log_sum_exp_where(&exponents, mask, -1));
        let per_anchor = soft_sum(&above * -self.alpha, &positive) / self.alpha
            + soft_sum(&above * self.beta, &negative) / self.beta; // [..., batch]
        mean_where(&per_anchor, &pairs.classes.labelled, &[-1])
    }
}
