//! The instance term: two views of one image are of one class, which is the image's own.

use dml_losses::{LossConfig, SupCon};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, is_weight, refuse};

/// The `[instance]` of a trial: a metric loss on two views of each unlabelled image, whose label is
/// the image's number. With the supervised contrastive loss it is `InfoNCE` (van den Oord et al.
/// 2018) as in Chen et al. 2020, "A simple framework for contrastive learning", equation 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceConfig {
    /// Weight of the term in the unsupervised loss, at least 0; 0 for none.
    pub weight: f64,
    /// A loss of pairs: one that learns nothing for a class.
    pub loss: LossConfig,
}

impl Default for InstanceConfig {
    /// No instance term.
    fn default() -> Self {
        Self { weight: 0.0, loss: SupCon { temperature: 0.2 }.into() }
    }
}

impl InstanceConfig {
    /// Checks the weight and the loss.
    pub(crate) fn check(&self) -> Checks {
        let name = serde_json::json!(self.loss)["kind"].clone();
        let sentence = format!(
            "instance.loss.kind = {name} learns something for each class, and here each image is one: use a loss of pairs"
        );
        let mut checks = vec![
            is_weight("instance.weight", self.weight),
            refuse(!self.loss.parameters(1, 1).is_empty(), sentence),
        ];
        checks.extend(self.loss.mistakes().into_iter().map(|mistake| Err(mistake.into())));
        checks
    }

    /// The term of each member, from where the first and the second views of the same images lie,
    /// one after the other: `[M, 2 b, d]` to `[M]`.
    pub(crate) fn term(&self, points: &Tensor) -> Tensor {
        let size = points.size();
        let numbers = Tensor::arange(size[1] / 2, (tch::Kind::Int64, points.device())).repeat([2]);
        self.loss.forward(&[], points, &numbers.expand([size[0], size[1]], false))
    }
}
