//! Circle loss.

use tch::Tensor;

use crate::masked::{log_one_plus_exp, log_sum_exp_where, mean_where};
use crate::pairs::{PairLoss, Pairs};

/// Circle loss: each similarity is weighted by how far it is from its optimum.
///
/// With s the cosine similarity, of an anchor: log(1 + sum over negatives of exp(gamma max(0, s + m) (s -
/// m)) times sum over positives of exp(-gamma max(0, 1 + m - s) (s - 1 + m))); Sun et al. 2020, "Circle
/// loss", the equation with the margin m. The weights max(0, ..) are constants to the gradient, as theirs
/// are.
///
/// The mean is over the anchors with both a positive and a negative.
#[derive(Debug)]
pub struct Circle {
    pub(crate) gamma: f64,
    pub(crate) m: f64,
}

impl PairLoss for Circle {
    fn of_pairs(&self, pairs: &Pairs) -> Tensor {
        let similarity = pairs.cosines();
        let fixed = similarity.detach();
        let to_positive = (1.0 + self.m - &fixed).relu() * (&similarity - (1.0 - self.m)) * -self.gamma;
        let to_negative = (&fixed + self.m).relu() * (&similarity - self.m) * self.gamma;
        let per_anchor = log_one_plus_exp(
            &(log_sum_exp_where(&to_positive, &pairs.positive, -1)
                + log_sum_exp_where(&to_negative, &pairs.negative, -1)),
        ); // [..., batch]
        let valid = pairs.positive.any_dim(-1, false).logical_and(&pairs.negative.any_dim(-1, false));
        mean_where(&per_anchor, &valid, &[-1])
    }
}
