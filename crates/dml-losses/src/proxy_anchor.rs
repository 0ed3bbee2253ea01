//! Proxy-anchor loss.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::ParameterShape;
use crate::error::{Checks, not_negative, positive};
use crate::loss::{Batch, Loss};
use crate::masked::{
    classes_of, dot_products, is_of_class, labelled_only, log_one_plus_exp, log_sum_exp_where, mean_where,
    normalized, of_a_class,
};

/// Proxy-anchor loss: each class has a learned proxy, which is compared with all rows of the batch.
///
/// With s the cosine similarity of row and proxy, the mean over the proxies with a row of their
/// class of log(1 + sum over these rows of exp(-alpha (s - delta))), plus the mean over all proxies
/// of log(1 + sum over the other rows of exp(alpha (s + delta))); Kim, Kim, Cho and Kwak 2020,
/// "Proxy anchor loss for deep metric learning", equation 4.
///
/// Proxies start with the standard deviation sqrt(2 / classes) of the authors' code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyAnchor {
    /// Sharpness, above 0; 32 in the paper.
    pub alpha: f64,
    /// Margin in similarity, 0 or more; 0.1 in the paper.
    pub delta: f64,
}

impl Default for ProxyAnchor {
    /// The paper's values.
    fn default() -> Self {
        Self { alpha: 32.0, delta: 0.1 }
    }
}

impl Loss for ProxyAnchor {
    fn checks(&self) -> Checks {
        vec![positive("proxy_anchor", "alpha", self.alpha), not_negative("proxy_anchor", "delta", self.delta)]
    }

    fn parameters(&self, dim: i64, n_classes: i64) -> Vec<ParameterShape> {
        let std = (2.0 / n_classes as f64).sqrt();
        vec![ParameterShape { name: "proxies", shape: vec![n_classes, dim], std }]
    }

    fn value(&self, parameters: &[Tensor], batch: &Batch) -> Tensor {
        let [proxies] = parameters else { panic!("proxy_anchor takes its proxies") };
        let n_classes = classes_of(proxies);
        let labels = &of_a_class(batch.labels, n_classes);
        let rows = labelled_only(batch.embeddings, labels);
        // [..., batch, classes]
        let similarity = dot_products(&normalized(&rows), &normalized(proxies));
        let positive = is_of_class(labels, n_classes);
        let negative = positive.logical_not().logical_and(&labels.ge(0).unsqueeze(-1));
        let soft_sum =
            |exponents: Tensor, mask: &Tensor| log_one_plus_exp(&log_sum_exp_where(&exponents, mask, -2));
        let pull = soft_sum((&similarity - self.delta) * -self.alpha, &positive); // [..., classes]
        let push = soft_sum((&similarity + self.delta) * self.alpha, &negative);
        mean_where(&pull, &positive.any_dim(-2, false), &[-1]) + push.mean_dim(-1, false, None::<Kind>)
    }
}
