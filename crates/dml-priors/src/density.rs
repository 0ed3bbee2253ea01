//! Densities of priors and the KL divergence of a posterior from them.

mod hypercube;
mod mixture;
mod unit;

use tch::{Device, Kind, Tensor};

use crate::error::PriorError;
use crate::gaussian::Gaussian;

pub use hypercube::Estimator;

/// The most dimensions in which [`Density::components`] lists a hypercube's vertices: 1,024 of
/// them.
const LISTED_DIMENSIONS: i64 = 10;
/// The most dimensions in which i64 numbers a hypercube's vertices.
const COUNTED_DIMENSIONS: i64 = 62;

/// What a prior comes to in one step of a training: a weighted mixture of diagonal Gaussians.
///
/// A [`Prior`](crate::Prior) gives it. One made by hand is not checked: its numbers are to be in
/// the ranges that the settings state.
#[derive(Debug)]
pub enum Density {
    /// N(0, I).
    Unit,
    /// Equally weighted Gaussians at the vertices of a cube.
    Hypercube {
        /// Length of an edge.
        side: f64,
        /// Natural logarithm of every component's variance.
        logvar: f64,
        /// How its KL is computed.
        estimator: Estimator,
    },
    /// Any components.
    Mixture {
        /// Natural logarithms of the weights, `[..., K]`; `None` where all components weigh the
        /// same.
        log_weights: Option<Tensor>,
        /// The components, `[..., K, d]`.
        components: Gaussian,
    },
}

impl Density {
    /// The density of model `member` of a stack, as that of a stack of one.
    #[must_use]
    pub fn of_member(&self, member: i64) -> Self {
        self.map(|t| t.narrow(0, member, 1))
    }

    /// The same on the same memory.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        self.map(Tensor::shallow_clone)
    }

    fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        match self {
            Density::Unit => Density::Unit,
            &Density::Hypercube { side, logvar, estimator } => Density::Hypercube { side, logvar, estimator },
            Density::Mixture { log_weights, components: Gaussian { mean, logvar } } => Density::Mixture {
                log_weights: log_weights.as_ref().map(&f),
                components: Gaussian { mean: f(mean), logvar: f(logvar) },
            },
        }
    }

    /// KL(q ‖ p) of each row, in nats: in closed form for the unit prior, by quadrature for the
    /// exact hypercube, else the mean over samples of log q(z) − log p(z), all constants kept (so a
    /// single estimate may be negative).
    ///
    /// # Shapes
    /// `q` is `[..., b, d]`, `noise` is standard normal, `[samples, ..., b, d]`, and the result is
    /// `[..., b]`. The unit prior and the exact hypercube do not look at it: `Tensor::new()` will
    /// do. The samples are `q.sample(noise)`: a decoder that is given the same noise sees the same
    /// points.
    pub fn kl(&self, q: &Gaussian, noise: &Tensor) -> Tensor {
        if let Some(terms) = self.kl_per_dimension(q, noise) {
            return terms.sum_dim_intlist(-1, false, None);
        }
        check_noise(q, noise);
        let of_prior = self.log_density(&q.sample(noise));
        (q.log_density_of_noise(noise) - of_prior).mean_dim(0, false, None)
    }

    /// The terms of [`Density::kl`] that each dimension contributes, `[..., b, d]`, for priors that
    /// are a product over dimensions (unit, hypercube); `None` for the others. Takes what
    /// [`Density::kl`] takes.
    pub fn kl_per_dimension(&self, q: &Gaussian, noise: &Tensor) -> Option<Tensor> {
        match *self {
            Density::Unit => Some(unit::kl_per_dimension(q)),
            Density::Hypercube { side, logvar, estimator: Estimator::Exact } => {
                Some(hypercube::exact_kl_per_dimension(q, side, logvar))
            }
            Density::Hypercube { side, logvar, estimator: Estimator::MonteCarlo } => {
                check_noise(q, noise);
                let of_prior = hypercube::log_density_per_dimension(&q.sample(noise), side, logvar);
                Some((q.log_density_of_noise_per_dimension(noise) - of_prior).mean_dim(0, false, None))
            }
            Density::Mixture { .. } => None,
        }
    }

    /// Log-density of each row of `z`, in nats.
    ///
    /// # Shapes
    /// `z` is `[..., b, d]` or `[samples, ..., b, d]`; the result has the last dimension summed
    /// over.
    pub fn log_density(&self, z: &Tensor) -> Tensor {
        match self {
            Density::Unit => unit::log_density_per_dimension(z).sum_dim_intlist(-1, false, None),
            Density::Hypercube { side, logvar, .. } => {
                hypercube::log_density_per_dimension(z, *side, *logvar).sum_dim_intlist(-1, false, None)
            }
            Density::Mixture { log_weights, components } => {
                mixture::log_density(z, components, log_weights.as_ref())
            }
        }
    }

    /// The mixture's components, `[..., K, d]`: as circles in a figure, or to sample from.
    /// `options` is the kind and device of those that are made here, the unit's and the
    /// hypercube's; `latent_dim` is their d.
    ///
    /// # Errors
    /// A hypercube in more than 10 dimensions.
    pub fn components(&self, latent_dim: i64, options: (Kind, Device)) -> Result<Gaussian, PriorError> {
        Ok(match self {
            Density::Unit => {
                let zeros = Tensor::zeros([1, latent_dim], options);
                Gaussian { logvar: zeros.copy(), mean: zeros }
            }
            Density::Hypercube { .. } if latent_dim > LISTED_DIMENSIONS => {
                return Err(PriorError::TooManyVertices { latent_dim, limit: LISTED_DIMENSIONS });
            }
            Density::Hypercube { side, logvar, .. } => {
                hypercube::vertices(*side, *logvar, latent_dim, options)
            }
            Density::Mixture { components, .. } => {
                Gaussian { mean: components.mean.shallow_clone(), logvar: components.logvar.shallow_clone() }
            }
        })
    }

    /// The number of the most probable component of each row of `z` `[..., b, d]`, in the order of
    /// [`Density::components`]: `[..., b]`, i64.
    ///
    /// # Errors
    /// A hypercube in more than 62 dimensions, whose vertices i64 cannot count.
    pub fn most_probable_component(&self, z: &Tensor) -> Result<Tensor, PriorError> {
        let latent_dim = *z.size().last().expect("z has the shape [..., b, d]");
        Ok(match self {
            Density::Unit => z.select(-1, 0).zeros_like().to_kind(Kind::Int64),
            Density::Hypercube { .. } if latent_dim > COUNTED_DIMENSIONS => {
                return Err(PriorError::TooManyVertices { latent_dim, limit: COUNTED_DIMENSIONS });
            }
            Density::Hypercube { .. } => hypercube::nearest_vertex(z),
            Density::Mixture { log_weights, components } => {
                mixture::most_probable(z, components, log_weights.as_ref())
            }
        })
    }
}

fn check_noise(q: &Gaussian, noise: &Tensor) {
    assert_eq!(
        noise.size()[1..],
        q.mean.size(),
        "noise must be [samples, ..., b, d] for posteriors [..., b, d]"
    );
}
