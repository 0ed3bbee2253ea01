//! The unit Gaussian, N(0, I).

use tch::Tensor;

use crate::gaussian::{Gaussian, ln_two_pi};

/// KL(N(μ, σ²) ‖ N(0, 1)) = (μ² + σ² − 1 − ln σ²) / 2 of each dimension (Kingma & Welling 2014,
/// appendix B).
pub(crate) fn kl_per_dimension(q: &Gaussian) -> Tensor {
    // exp(l) - 1 - l cancels near zero, where a posterior equals the prior.
    (q.mean.square() + (q.logvar.expm1() - &q.logvar)) * 0.5
}

/// ln N(z; 0, 1) of each dimension.
pub(crate) fn log_density_per_dimension(z: &Tensor) -> Tensor {
    (z.square() + ln_two_pi()) * -0.5
}
