//! Seeded numbers, a small encoder and scalar oracles.

use std::f64::consts::PI;

use dml_priors::{Density, Estimator, Fitted, Gaussian, Mixture};
use ndarray_rand::rand_distr::{Distribution, StandardNormal, Uniform};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

/// Standard normal numbers, f64.
pub(crate) fn normal(shape: &[i64], seed: u64) -> Tensor {
    drawn(&StandardNormal, shape, seed)
}

/// Uniform numbers in [low, high), f64.
pub(crate) fn uniform(low: f64, high: f64, shape: &[i64], seed: u64) -> Tensor {
    drawn(&Uniform::new(low, high), shape, seed)
}

fn drawn(distribution: &impl Distribution<f64>, shape: &[i64], seed: u64) -> Tensor {
    let rng = ChaCha8Rng::seed_from_u64(seed);
    let n = shape.iter().product::<i64>() as usize;
    let numbers: Vec<f64> = distribution.sample_iter(rng).take(n).collect();
    Tensor::from_slice(&numbers).reshape(shape)
}

/// Posteriors with means around 0 and standard deviations around 1/2.
pub(crate) fn posteriors(shape: &[i64], seed: u64) -> Gaussian {
    Gaussian { mean: normal(shape, seed) * 1.5, logvar: normal(shape, seed + 1) - 1.5 }
}

/// All numbers of a tensor, in row-major order.
pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_kind(tch::Kind::Double).reshape([-1]).try_into().unwrap()
}

/// A linear encoder: `weights` is `[..., pixels, 2d]`, means beside log-variances.
pub(crate) fn encoder(weights: &Tensor) -> impl Fn(&Tensor) -> Gaussian + '_ {
    |images| {
        let mut halves = images.matmul(weights).chunk(2, -1).into_iter();
        Gaussian { mean: halves.next().unwrap(), logvar: halves.next().unwrap() }
    }
}

pub(crate) fn hypercube(side: f64, logvar: f64, estimator: Estimator) -> Density {
    Density::Hypercube { side, logvar, estimator }
}

/// A mixture of `leading` independent models; give the same seed and fewer models for a prefix of
/// them.
pub(crate) fn mixture(leading: &[i64], components: i64, d: i64, seed: u64) -> Density {
    let shape = [leading, &[components, d]].concat();
    let weights = uniform(0.1, 1.0, &[leading, &[components]].concat(), seed);
    let fitted = Fitted {
        weights: &weights / weights.sum_dim_intlist(-1, true, None),
        means: normal(&shape, seed + 1) * 2.0,
        variances: uniform(0.05, 2.0, &shape, seed + 2),
    };
    Mixture { components }.fitted(&fitted).unwrap()
}

/// ln N(z; mean, exp(logvar)).
pub(crate) fn ln_normal(z: f64, mean: f64, logvar: f64) -> f64 {
    -0.5 * ((2.0 * PI).ln() + logvar + (z - mean).powi(2) / logvar.exp())
}

/// ln Σ exp.
pub(crate) fn log_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.iter().map(|t| (t - largest).exp()).sum::<f64>().ln()
}

/// Asserts that two tensors agree to `tolerance`, relative to the larger of 1 and the expected
/// value.
pub(crate) fn assert_close(actual: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(actual.size(), expected.size());
    for (i, (a, e)) in values(actual).into_iter().zip(values(expected)).enumerate() {
        let error = (a - e).abs() / e.abs().max(1.0);
        assert!(error <= tolerance, "element {i}: {a} instead of {e}, relative error {error:e}");
    }
}

/// Monte-Carlo errors in units of their standard errors: `estimates` is `[samples, rows]`,
/// `expected` `[rows]`.
pub(crate) fn z_scores(estimates: &Tensor, expected: &Tensor) -> Vec<f64> {
    let samples = estimates.size()[0] as f64;
    let standard_errors = estimates.std_dim(Some([0i64].as_slice()), true, false) / samples.sqrt();
    values(&((estimates.mean_dim(0, false, None) - expected) / standard_errors))
}
