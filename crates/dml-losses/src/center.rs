//! Softmax cross-entropy with center loss.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::ParameterShape;
use crate::error::{Checks, not_negative};
use crate::loss::{Batch, Loss};
use crate::masked::{classes_of, dot_products, is_of_class, labelled_only, mean_where, of_a_class};

/// Softmax cross-entropy of a linear head, plus lambda times half the squared distance to the
/// centre of the own class.
///
/// Of row x with label y: -log softmax(W x + b)\[y\] + lambda/2 |x - c\[y\]|^2; Wen, Zhang, Li and
/// Qiao 2016, "A discriminative feature learning approach for deep face recognition", equation 5.
/// The mean is over the labelled rows (theirs is a sum, so their lambda is ours).
///
/// The centres are learned by the optimiser, from the loss's own gradient, like W and b. (Theirs
/// move by a running mean with a rate of its own, equation 4, which has the same fixed point and
/// would be hidden state here.) W and the centres start with a standard deviation of 1/sqrt(dim),
/// as in the authors' code; b at zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Center {
    /// Weight of the distance to the centres, 0 or more; 0.003 in the paper.
    pub lambda: f64,
}

impl Default for Center {
    /// The paper's weight.
    fn default() -> Self {
        Self { lambda: 0.003 }
    }
}

impl Loss for Center {
    fn checks(&self) -> Checks {
        vec![not_negative("center", "lambda", self.lambda)]
    }

    fn parameters(&self, dim: i64, n_classes: i64) -> Vec<ParameterShape> {
        let per_class = vec![n_classes, dim];
        let std = (dim as f64).sqrt().recip();
        vec![
            ParameterShape { name: "head_weight", shape: per_class.clone(), std },
            ParameterShape { name: "head_bias", shape: vec![n_classes], std: 0.0 },
            ParameterShape { name: "centers", shape: per_class, std },
        ]
    }

    fn value(&self, parameters: &[Tensor], batch: &Batch) -> Tensor {
        let [weight, bias, centers] = parameters else { panic!("center takes a weight, a bias and centers") };
        let n_classes = classes_of(centers);
        let labels = &of_a_class(batch.labels, n_classes);
        let rows = labelled_only(batch.embeddings, labels);
        let own = is_of_class(labels, n_classes); // [..., batch, classes]
        let log_softmax = (dot_products(&rows, weight) + bias.unsqueeze(-2)).log_softmax(-1, None::<Kind>);
        // One class a row: a mean over rows.
        let cross_entropy = -mean_where(&log_softmax, &own, &[-2, -1]);
        let apart = &rows - own.to_kind(rows.kind()).matmul(centers);
        let to_center = apart.square().sum_dim_intlist(-1, false, None::<Kind>); // [..., batch]
        cross_entropy + mean_where(&to_center, &labels.ge(0), &[-1]) * (self.lambda / 2.0)
    }
}
