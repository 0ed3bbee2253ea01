//! The KL term: its settings, its free bits and its warm-up.

use dml_priors::{Density, Gaussian, free_bits, warm_up};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, in_range, is_weight};

/// The `[kl]` of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlConfig {
    /// Weight of the KL term (Higgins et al. 2017), at least 0.
    pub beta: f64,
    /// Epochs over which the weight grows linearly to `beta`; 0 for none. Epochs of a first stage
    /// do not count; those of alternation that are without a KL do.
    pub warm_up_epochs: u32,
    /// Nats a dimension that are free (Kingma et al. 2016), at least 0; held against the sum where
    /// the KL does not fall apart into dimensions (vamp, mixture).
    pub free_bits: f64,
    /// Samples of the posterior where the KL is a Monte-Carlo estimate, at least 1. The first one
    /// is also what is decoded.
    pub samples: i64,
}

impl KlConfig {
    /// Checks every range.
    pub(crate) fn check(&self) -> Checks {
        vec![
            is_weight("kl.beta", self.beta),
            is_weight("kl.free_bits", self.free_bits),
            in_range("kl.samples", self.samples, (1..=1024).contains(&self.samples), "1 to 1024"),
        ]
    }

    /// The weight of the term in an epoch, counted from 1 after a first stage without it.
    pub(crate) fn weight(&self, epoch: u32) -> f64 {
        self.beta * warm_up(epoch as usize, self.warm_up_epochs as usize)
    }

    /// The term of each member before its weight: `q` `[M, b, d]`, `noise` `[samples, M, b, d]` to
    /// `[M]`.
    pub(crate) fn term(&self, density: &Density, q: &Gaussian, noise: &Tensor) -> Tensor {
        if let Some(terms) = density.kl_per_dimension(q, noise) {
            return free_bits(&terms, self.free_bits); // from [M, b, d]
        }
        // Where the KL does not fall apart into dimensions, the free nats of all of them are held
        // against the whole.
        let latent_dim = q.mean.size()[q.mean.dim() - 1] as f64;
        // The KL of each row counts as one dimension: [M, b, 1].
        free_bits(&density.kl(q, noise).unsqueeze(-1), self.free_bits * latent_dim)
    }
}
