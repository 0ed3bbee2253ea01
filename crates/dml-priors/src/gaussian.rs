//! The diagonal Gaussian: a posterior, or the components of a prior.

use std::f64::consts::PI;

use tch::Tensor;

/// ln 2π, twice the constant of a one-dimensional Gaussian's log-density.
pub(crate) fn ln_two_pi() -> f64 {
    (2.0 * PI).ln()
}

/// Diagonal Gaussians, one a row: N(`mean`, diag exp(`logvar`)).
///
/// # Shapes
/// Both fields are `[..., rows, d]`; leading dimensions are independent models.
#[derive(Debug)]
pub struct Gaussian {
    /// Means, `[..., rows, d]`.
    pub mean: Tensor,
    /// Natural logarithms of the variances, `[..., rows, d]`.
    pub logvar: Tensor,
}

impl Gaussian {
    /// Turns standard normal noise into samples, mean + exp(logvar / 2) · noise, with gradients to
    /// both parameters (Kingma & Welling 2014, section 2.4).
    ///
    /// # Shapes
    /// `noise` is `[..., rows, d]`, or `[samples, ..., rows, d]` for several samples of each row;
    /// so is the result.
    pub fn sample(&self, noise: &Tensor) -> Tensor {
        &self.mean + (&self.logvar * 0.5).exp() * noise
    }

    /// Log-density of each row of `z` under the Gaussian of the same row, in nats, constants kept.
    ///
    /// # Shapes
    /// `z` is `[..., rows, d]` or `[samples, ..., rows, d]`; the result has the last dimension
    /// summed over.
    pub fn log_density(&self, z: &Tensor) -> Tensor {
        let standardised = (z - &self.mean) * (&self.logvar * -0.5).exp();
        self.log_density_of_noise(&standardised)
    }

    /// Log-density of `self.sample(noise)`.
    ///
    /// It equals `log_density(sample(noise))`, in value and in gradient, but does not lose the
    /// noise to rounding where the standard deviation is small beside the mean.
    ///
    /// # Shapes
    /// `noise` is `[..., rows, d]` or `[samples, ..., rows, d]`; the result has the last dimension
    /// summed over.
    pub fn log_density_of_noise(&self, noise: &Tensor) -> Tensor {
        let constants = self.logvar.sum_dim_intlist(-1, false, None) + self.dimensions() as f64 * ln_two_pi();
        (noise.square().sum_dim_intlist(-1, false, None) + constants) * -0.5
    }

    /// The terms of `log_density_of_noise`, before their sum over dimensions.
    pub(crate) fn log_density_of_noise_per_dimension(&self, noise: &Tensor) -> Tensor {
        (noise.square() + &self.logvar + ln_two_pi()) * -0.5
    }

    /// d, the number of latent dimensions.
    pub(crate) fn dimensions(&self) -> i64 {
        *self.mean.size().last().expect("a Gaussian's mean has the shape [..., rows, d]")
    }
}
