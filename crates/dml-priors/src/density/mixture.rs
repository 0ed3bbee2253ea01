//! Mixtures of any diagonal Gaussians.

use tch::Tensor;

use crate::gaussian::Gaussian;

/// Log-densities of each row of `z` under each component: `[..., b, d]` and components `[..., K,
/// d]` to `[..., b, K]`.
///
/// The differences z − mean are formed, at the price of a `[..., b, K, d]` tensor: the cheaper
/// expanded square loses a posterior that is narrow and far from zero to rounding in `f32`.
fn log_densities(z: &Tensor, components: &Gaussian) -> Tensor {
    Gaussian { mean: components.mean.unsqueeze(-3), logvar: components.logvar.unsqueeze(-3) }
        .log_density(&z.unsqueeze(-2))
}

/// The number of the most probable component of each row of `z`.
pub(crate) fn most_probable(z: &Tensor, components: &Gaussian, log_weights: Option<&Tensor>) -> Tensor {
    let densities = log_densities(z, components);
    log_weights.map_or(densities.shallow_clone(), |w| densities + w.unsqueeze(-2)).argmax(-1, false)
}

/// Log-density of each row of `z` under the mixture with `log_weights` `[..., K]`; without them its
/// components weigh the same.
pub(crate) fn log_density(z: &Tensor, components: &Gaussian, log_weights: Option<&Tensor>) -> Tensor {
    let densities = log_densities(z, components);
    if let Some(log_weights) = log_weights {
        return (densities + log_weights.unsqueeze(-2)).logsumexp(-1, false);
    }
    let k = components.mean.size()[components.mean.dim() - 2];
    densities.logsumexp(-1, false) - (k as f64).ln()
}
