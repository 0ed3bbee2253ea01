//! Supervised contrastive loss.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, positive};
use crate::masked::{log_sum_exp_where, mean_where};
use crate::pairs::{PairLoss, Pairs};

/// Supervised contrastive loss: an anchor's positives shall stand out among all other rows.
///
/// For anchor i with positives P and all other rows A, and s the cosine similarity divided by the
/// temperature: -1/|P| sum over p in P of log(exp(s(i, p)) / sum over a in A of exp(s(i, a)));
/// Khosla et al. 2020, "Supervised contrastive learning", equation 2 (`L_out`).
///
/// The mean is over the anchors that have a positive. (Theirs is a sum over all anchors, and
/// divides by zero where there is none.) An anchor without negatives keeps its value, as in the
/// equation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupCon {
    /// Above 0; 0.1 in the paper.
    pub temperature: f64,
}

impl Default for SupCon {
    /// The paper's temperature.
    fn default() -> Self {
        Self { temperature: 0.1 }
    }
}

impl PairLoss for SupCon {
    fn checks(&self) -> Checks {
        vec![positive("sup_con", "temperature", self.temperature)]
    }

    fn of_pairs(&self, pairs: &Pairs) -> Tensor {
        let similarity = pairs.cosines() / self.temperature;
        let others = pairs.classes.positive.logical_or(&pairs.classes.negative);
        let log_share = &similarity - log_sum_exp_where(&similarity, &others, -1).unsqueeze(-1);
        let per_anchor = -mean_where(&log_share, &pairs.classes.positive, &[-1]); // [..., batch]
        mean_where(&per_anchor, &pairs.classes.positive.any_dim(-1, false), &[-1])
    }
}
