//! Gaussians, mixtures and KL divergences for variational autoencoders.
//!
//! Every prior here is one thing, a weighted mixture of diagonal Gaussians: [`Unit`] has one
//! component, [`Hypercube`] has the 2^d vertices of a cube, [`Vamp`] encodes its pseudo-inputs, and
//! [`Mixture`] takes fitted numbers. A [`Prior`] is settings; in each step it resolves to a
//! [`Density`]. The KL divergence of a posterior q from any of them is
//!
//! > KL(q ‖ p) = E over q of (log q(z) − logsumexp over k of (log w_k + log p_k(z)))
//!
//! in nats, with all constants kept, so the Monte-Carlo estimate agrees with the closed form where
//! there is one.
//!
//! ```
//! use dml_priors::tch::{Device, Kind, Tensor};
//! use dml_priors::{Density, Gaussian};
//!
//! let cpu = (Kind::Float, Device::Cpu);
//! let q = Gaussian { mean: Tensor::ones([4, 2], cpu), logvar: Tensor::zeros([4, 2], cpu) };
//! let kl = Density::Unit.kl(&q, &Tensor::new()); // [4]; a closed form needs no noise.
//! assert_eq!(kl.double_value(&[0]), 1.0);
//! ```
//!
//! Leading dimensions are independent models: a posterior `[..., b, d]` gives `[..., b]`.
//! Everything works on any device, in `f32` and `f64`. Noise comes in from outside, so that a
//! caller's numbers are reproducible.
//!
//! Values and gradients are finite, also in `f32`, for log-variances in [-40, 40] and means up to
//! 100 in absolute value. Nothing is clamped to that range: an encoder that may leave it should
//! limit its log-variance itself.
//!
//! A program outside this workspace builds with `LIBTORCH` set to the absolute path of LibTorch
//! 2.11 (`cargo xtask setup` puts one at `.libtorch/torch` of this checkout), and runs with
//! `LD_LIBRARY_PATH=$LIBTORCH/lib`: the run path that binaries of this workspace carry reaches no
//! other package. Tensors here are those of `tch = "=0.24.0"`, which is re-exported.

mod config;
mod density;
mod error;
mod gaussian;
mod prior;

mod hypercube;
mod mixture;
mod unit;
mod vamp;

mod quadrature;
mod weighting;

pub use density::{Density, Estimator};
pub use error::PriorError;
pub use gaussian::Gaussian;
pub use mixture::Fitted;
pub use prior::{ImageParameter, Prior, PseudoInputs};
pub use tch;
pub use weighting::{free_bits, warm_up};

// Every prior. (Its `mod` line stands above, because rustfmt looks for no files behind a macro.)
config::priors! {
    unit::Unit,
    hypercube::Hypercube,
    vamp::Vamp,
    mixture::Mixture,
}
