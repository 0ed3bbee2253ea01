//! The priors and their KL divergences.

use tch::{Device, Kind, Tensor};

use crate::{Estimator, Gaussian, Hypercube, PriorError, hypercube, mixture, unit};

/// The most dimensions in which [`Prior::components`] lists a hypercube's vertices: 1,024 of them.
const LISTED_DIMENSIONS: i64 = 10;

/// A prior on the latent space, built by [`crate::PriorConfig::build`], which checks every number. One made by hand is not checked: its
/// numbers are to be in the ranges that stand at [`crate::PriorConfig`] and [`crate::Fitted`].
///
/// Its methods take `pseudo_inputs` and `encode`, of which only the Vamp prior takes notice: `pseudo_inputs` is
/// `[..., K, pixels]`, a parameter that the training loop owns and learns, and `encode` is the encoder, images to
/// posteriors. They are clamped into [0, 1] before `encode` sees them, hard: a pixel outside has zero gradient, one at
/// exactly 0 or 1, as most of a digit's are, still learns. A pixel that a step has pushed outside therefore stays there
/// until momentum brings it back; a loop that clamps its parameter after each step never has one.
#[derive(Debug)]
pub enum Prior {
    /// N(0, I).
    Unit,
    /// Equally weighted Gaussians at the vertices of a cube.
    Hypercube(Hypercube),
    /// The mean of the pseudo-inputs' posteriors (Tomczak & Welling 2018, equation 9).
    Vamp {
        /// K, the number of pseudo-inputs: another number of them panics.
        components: i64,
    },
    /// A fixed mixture.
    Mixture {
        /// Natural logarithms of the weights, `[..., K]`.
        log_weights: Tensor,
        /// The components, `[..., K, d]`.
        components: Gaussian,
    },
}

impl Prior {
    /// KL(q ‖ p) of each row, in nats: in closed form for the unit prior, by quadrature for the exact hypercube, else the
    /// mean over samples of log q(z) − log p(z), all constants kept (so a single estimate may be negative).
    ///
    /// # Shapes
    /// `q` is `[..., b, d]`, `noise` is standard normal, `[samples, ..., b, d]`, and the result is `[..., b]`. The unit
    /// prior and the exact hypercube do not look at it: `Tensor::new()` will do. The samples are
    /// `q.sample(noise)`: a decoder that is given the same noise sees the same points.
    pub fn kl(
        &self,
        q: &Gaussian,
        noise: &Tensor,
        pseudo_inputs: Option<&Tensor>,
        encode: &dyn Fn(&Tensor) -> Gaussian,
    ) -> Tensor {
        if let Some(terms) = self.kl_per_dimension(q, noise) {
            return terms.sum_dim_intlist(-1, false, None);
        }
        check_noise(q, noise);
        let of_prior = self.log_density(&q.sample(noise), pseudo_inputs, encode);
        (q.log_density_of_noise(noise) - of_prior).mean_dim(0, false, None)
    }

    /// The terms of [`Prior::kl`] that each dimension contributes, `[..., b, d]`, for priors that are a product over
    /// dimensions (unit, hypercube); `None` for the others. Takes what [`Prior::kl`] takes.
    pub fn kl_per_dimension(&self, q: &Gaussian, noise: &Tensor) -> Option<Tensor> {
        match *self {
            Prior::Unit => Some(unit::kl_per_dimension(q)),
            Prior::Hypercube(Hypercube { side, logvar, estimator: Estimator::Exact }) => {
                Some(hypercube::exact_kl_per_dimension(q, side, logvar))
            }
            Prior::Hypercube(Hypercube { side, logvar, estimator: Estimator::MonteCarlo }) => {
                check_noise(q, noise);
                let of_prior = hypercube::log_density_per_dimension(&q.sample(noise), side, logvar);
                Some((q.log_density_of_noise_per_dimension(noise) - of_prior).mean_dim(0, false, None))
            }
            Prior::Vamp { .. } | Prior::Mixture { .. } => None,
        }
    }

    /// Log-density of each row of `z`, in nats.
    ///
    /// # Shapes
    /// `z` is `[..., b, d]` or `[samples, ..., b, d]`; the result has the last dimension summed over.
    pub fn log_density(
        &self,
        z: &Tensor,
        pseudo_inputs: Option<&Tensor>,
        encode: &dyn Fn(&Tensor) -> Gaussian,
    ) -> Tensor {
        match self {
            Prior::Unit => unit::log_density_per_dimension(z).sum_dim_intlist(-1, false, None),
            Prior::Hypercube(Hypercube { side, logvar, .. }) => {
                hypercube::log_density_per_dimension(z, *side, *logvar).sum_dim_intlist(-1, false, None)
            }
            Prior::Vamp { components } => {
                mixture::equal_log_density(z, &posteriors(*components, pseudo_inputs, encode))
            }
            Prior::Mixture { log_weights, components } => mixture::log_density(z, components, log_weights),
        }
    }

    /// The mixture's components, `[..., K, d]`: as circles in a figure, or to sample from. `options` is the kind and
    /// device of those that are made here, the unit's and the hypercube's; `latent_dim` is their d.
    ///
    /// # Errors
    /// A hypercube in more than 10 dimensions.
    pub fn components(
        &self,
        latent_dim: i64,
        options: (Kind, Device),
        pseudo_inputs: Option<&Tensor>,
        encode: &dyn Fn(&Tensor) -> Gaussian,
    ) -> Result<Gaussian, PriorError> {
        Ok(match self {
            Prior::Unit => {
                let zeros = Tensor::zeros([1, latent_dim], options);
                Gaussian { logvar: zeros.copy(), mean: zeros }
            }
            Prior::Hypercube(_) if latent_dim > LISTED_DIMENSIONS => {
                return Err(PriorError::TooManyVertices { latent_dim, limit: LISTED_DIMENSIONS });
            }
            Prior::Hypercube(Hypercube { side, logvar, .. }) => {
                hypercube::vertices(*side, *logvar, latent_dim, options)
            }
            Prior::Vamp { components } => posteriors(*components, pseudo_inputs, encode),
            Prior::Mixture { components, .. } => {
                Gaussian { mean: components.mean.shallow_clone(), logvar: components.logvar.shallow_clone() }
            }
        })
    }
}

/// The Vamp prior's components: the posteriors of its pseudo-inputs, clamped into [0, 1].
fn posteriors(k: i64, pseudo_inputs: Option<&Tensor>, encode: &dyn Fn(&Tensor) -> Gaussian) -> Gaussian {
    let inputs = pseudo_inputs.expect("the VampPrior needs pseudo_inputs [..., K, pixels]");
    let rows = |t: &Tensor| t.size()[t.dim() - 2];
    let given = rows(inputs);
    assert!(given == k, "a VampPrior of {k} components takes {k} pseudo-inputs, not {given}");
    let components = encode(&inputs.clamp(0.0, 1.0));
    assert_eq!(
        rows(&components.mean),
        k,
        "encode must give one posterior for each of the VampPrior's pseudo-inputs"
    );
    components
}

fn check_noise(q: &Gaussian, noise: &Tensor) {
    assert_eq!(
        noise.size()[1..],
        q.mean.size(),
        "noise must be [samples, ..., b, d] for posteriors [..., b, d]"
    );
}
