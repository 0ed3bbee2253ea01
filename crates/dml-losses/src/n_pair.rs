//! N-pair loss.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Checks, not_negative};
use crate::masked::{dot_products, log_one_plus_exp, log_sum_exp_where, mean_where};
use crate::pairs::{PairLoss, Pairs};

/// N-pair loss: an anchor's positive shall stand out among all its negatives at once, by dot
/// products that are not normalised.
///
/// Of anchor a and positive p: log(1 + sum over negatives n of exp(a n - a p)); Sohn 2016,
/// "Improved deep metric learning with multi-class N-pair loss objective", the (N+1)-tuplet loss of
/// section 3.1. Plus `l2_weight` times the squared length of the anchors (his section 3.2.2:
/// without it dot products grow with the lengths).
///
/// Sohn's batches hold one pair of each class. Ours hold what they hold, so every positive pair of
/// a batch counts, with every row of another class as a negative (which does not depend on the
/// order of the rows). The mean is over the positive pairs whose anchor has a negative; that of the
/// squared lengths is over these anchors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NPair {
    /// Weight of the squared length of the embeddings, 0 or more.
    pub l2_weight: f64,
}

impl Default for NPair {
    /// That of `TensorFlow`'s `npairs_loss`, which takes a half of its `reg_lambda` of 0.002.
    fn default() -> Self {
        Self { l2_weight: 0.001 }
    }
}

impl PairLoss for NPair {
    fn checks(&self) -> Checks {
        vec![not_negative("n_pair", "l2_weight", self.l2_weight)]
    }

    fn of_pairs(&self, pairs: &Pairs) -> Tensor {
        let products = dot_products(&pairs.anchors, &pairs.candidates);
        // [..., batch, 1]
        let negatives = log_sum_exp_where(&products, &pairs.classes.negative, -1).unsqueeze(-1);
        let valid = pairs.classes.positive.logical_and(&pairs.classes.negative.any_dim(-1, true));
        let squared_length = pairs.anchors.square().sum_dim_intlist(-1, false, None::<Kind>);
        mean_where(&log_one_plus_exp(&(negatives - products)), &valid, &[-2, -1])
            + mean_where(&squared_length, &valid.any_dim(-1, false), &[-1]) * self.l2_weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::Classes;

    /// Sohn's own layout: anchors in one matrix, their positives in another, one pair of each
    /// class.
    #[test]
    fn a_batch_of_one_pair_of_each_class_has_the_value_of_sohns_equation() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../tests/fixtures/losses.json")).expect("the fixture is JSON");
        let sohn = &fixture["sohn"];
        let rows: Vec<Vec<f64>> = serde_json::from_value(sohn["batch"]["embeddings"].clone()).expect("rows");
        let labels: Vec<i64> = serde_json::from_value(sohn["batch"]["labels"].clone()).expect("labels");
        let all = Tensor::from_slice2(&rows);
        let (anchors, positives) = (all.slice(0, 0, None, 2), all.slice(0, 1, None, 2));
        let labels = Tensor::from_slice(&labels).slice(0, 0, None, 2);
        let pairs = Pairs { anchors, candidates: positives, classes: Classes::of(&labels, &labels) };
        let got = NPair { l2_weight: 0.0 }.of_pairs(&pairs).double_value(&[]);
        let expected = sohn["value"].as_f64().expect("a number");
        assert!((got - expected).abs() < 1e-10 * expected, "{got} is not {expected}");
    }
}
