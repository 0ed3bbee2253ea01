//! Circle loss.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, positive, within};
use crate::masked::{log_one_plus_exp, log_sum_exp_where, mean_where};
use crate::pairs::{PairLoss, Pairs};

/// Circle loss: each similarity is weighted by how far it is from its optimum.
///
/// With s the cosine similarity, of an anchor: log(1 + sum over negatives of exp(gamma max(0, s +
/// m) (s - m)) times sum over positives of exp(-gamma max(0, 1 + m - s) (s - 1 + m))); Sun et al.
/// 2020, "Circle loss", the equation with the margin m. The weights max(0, ..) are constants to the
/// gradient, as theirs are.
///
/// The mean is over the anchors with both a positive and a negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circle {
    /// Sharpness, above 0; 80 to 256 in the paper.
    pub gamma: f64,
    /// Relaxation, 0 to 1; 0.25 or 0.4 in the paper.
    pub m: f64,
}

impl Default for Circle {
    /// The paper's values for retrieval of fine-grained classes.
    fn default() -> Self {
        Self { gamma: 80.0, m: 0.4 }
    }
}

impl PairLoss for Circle {
    fn checks(&self) -> Checks {
        vec![
            positive("circle", "gamma", self.gamma),
            within("circle", "m", self.m, (0.0..=1.0, "between 0 and 1")),
        ]
    }

    fn of_pairs(&self, pairs: &Pairs) -> Tensor {
        let similarity = pairs.cosines();
        let fixed = similarity.detach();
        let to_positive = (1.0 + self.m - &fixed).relu() * (&similarity - (1.0 - self.m)) * -self.gamma;
        let to_negative = (&fixed + self.m).relu() * (&similarity - self.m) * self.gamma;
        let per_anchor = log_one_plus_exp(
            &(log_sum_exp_where(&to_positive, &pairs.classes.positive, -1)
                + log_sum_exp_where(&to_negative, &pairs.classes.negative, -1)),
        ); // [..., batch]
        let valid =
            pairs.classes.positive.any_dim(-1, false).logical_and(&pairs.classes.negative.any_dim(-1, false));
        mean_where(&per_anchor, &valid, &[-1])
    }
}
