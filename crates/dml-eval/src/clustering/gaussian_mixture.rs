use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, parallel::prelude::*};

use super::{KMeans, N_ROWS};
use crate::error::{EvalError, check_embeddings, check_memory, check_width};

/// Added to every variance, as in scikit-learn.
const FLOOR: f64 = 1e-6;
const MAX_ITERATIONS: usize = 100;
const TOLERANCE: f64 = 1e-3;

/// A mixture of Gaussians with diagonal covariance, fitted by expectation maximization (Dempster,
/// Laird & Rubin 1977) from a k-means start, with the defaults of scikit-learn's
/// `GaussianMixture(covariance_type="diag")`.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    /// Sum to 1. `[k]`
    pub weights: Array1<f64>,
    /// `[k, d]`
    pub means: Array2<f64>,
    /// At least 1e-6. `[k, d]`
    pub variances: Array2<f64>,
    /// Mean log density of the fitted points, in nats per point.
    pub log_likelihood: f64,
}

impl GaussianMixture {
    /// Fits `n_components` Gaussians: at most 100 iterations, until the mean log density grows by
    /// less than 1e-3.
    ///
    /// # Shapes
    /// `embeddings`: `[n, d]`
    ///
    /// # Errors
    /// Fewer points than components, or no components; embeddings that are not finite or too large;
    /// more memory than a score may take.
    pub fn fit(embeddings: ArrayView2<f32>, n_components: usize, seed: u64) -> Result<Self, EvalError> {
        let n = embeddings.nrows();
        // What is expected now and what was before; sums and squares of each part of the points.
        let n_sums = n.div_ceil(N_ROWS).saturating_mul(embeddings.ncols());
        let n_numbers = n.saturating_add(n_sums).saturating_mul(n_components).saturating_mul(2);
        check_memory(n_numbers, "the Gaussian mixture", n, n_components)?;
        let start = KMeans::fit(embeddings, n_components, 1, seed)?;
        let center = embeddings.mean_axis(Axis(0)).expect("k-means found points").mapv(f64::from);
        let hard = |(i, k): (usize, usize)| f64::from(u8::from(start.clusters[i] as usize == k));
        let mut responsibilities = Array2::from_shape_fn((embeddings.nrows(), n_components), hard);
        let mut mixture = Self::maximize(embeddings, &responsibilities, &center);
        for _ in 0..MAX_ITERATIONS {
            let before = mixture.log_likelihood;
            let (likelihood, expected) = mixture.expect(embeddings);
            responsibilities = expected;
            mixture =
                Self { log_likelihood: likelihood, ..Self::maximize(embeddings, &responsibilities, &center) };
            if (likelihood - before).abs() < TOLERANCE {
                break;
            }
        }
        mixture.log_likelihood = mixture.expect(embeddings).0;
        Ok(mixture)
    }

    /// The most probable component of every embedding, below k. `[n]`
    ///
    /// # Shapes
    /// `embeddings`: `[n, d]`
    ///
    /// # Errors
    /// Embeddings of another dimension than those of the fit; embeddings that are not finite or too
    /// large.
    pub fn predict(&self, embeddings: ArrayView2<f32>) -> Result<Vec<u32>, EvalError> {
        check_width(self.means.ncols(), embeddings.ncols())?;
        check_embeddings(embeddings, "set")?;
        let (_, responsibilities) = self.expect(embeddings);
        let best = |row: ArrayView1<f64>| {
            let better = |best: usize, (k, &share): (usize, &f64)| if share > row[best] { k } else { best };
            row.iter().enumerate().fold(0, better) as u32
        };
        Ok(responsibilities.rows().into_iter().map(best).collect())
    }

    /// Mean log density, and each component's share in every point. // [n, k]
    fn expect(&self, embeddings: ArrayView2<f32>) -> (f64, Array2<f64>) {
        let d = embeddings.ncols() as f64;
        let log_scale =
            |variances: ArrayView1<f64>| variances.mapv(f64::ln).sum() + d * std::f64::consts::TAU.ln();
        let constants = self.weights.mapv(f64::ln) - self.variances.map_axis(Axis(1), log_scale) / 2.0;
        let precisions = self.variances.mapv(f64::recip);
        let part = |(points, mut shares): (ArrayView2<f32>, ndarray::ArrayViewMut2<f64>)| {
            let mut total = 0.0;
            for (point, mut shares) in points.rows().into_iter().zip(shares.rows_mut()) {
                for (k, share) in shares.iter_mut().enumerate() {
                    let terms = point.iter().zip(self.means.row(k)).zip(precisions.row(k));
                    let squares = terms.map(|((&x, m), p)| (f64::from(x) - m).powi(2) * p);
                    *share = constants[k] - squares.sum::<f64>() / 2.0;
                }
                let largest = shares.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                shares.mapv_inplace(|share| (share - largest).exp());
                let sum = shares.sum();
                shares /= sum;
                total += largest + sum.ln();
            }
            total
        };
        let mut shares = Array2::zeros((embeddings.nrows(), self.weights.len()));
        let points = embeddings.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter();
        let parts = points.zip(shares.axis_chunks_iter_mut(Axis(0), N_ROWS)).map(part);
        let total: f64 = parts.collect::<Vec<_>>().into_iter().sum();
        (total / embeddings.nrows() as f64, shares)
    }

    /// Weights, means and variances of the points as `shares` divides them; `center` keeps squares
    /// small.
    fn maximize(embeddings: ArrayView2<f32>, shares: &Array2<f64>, center: &Array1<f64>) -> Self {
        let part = |(points, shares): (ArrayView2<f32>, ArrayView2<f64>)| {
            let off = points.mapv(f64::from) - center;
            let squares = &off * &off;
            [shares.t().dot(&off), shares.t().dot(&squares)]
        };
        let points = embeddings.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter();
        let parts = points.zip(shares.axis_chunks_iter(Axis(0), N_ROWS)).map(part).collect::<Vec<_>>();
        let [sums, squares] =
            parts.into_iter().reduce(|[a, b], [c, d]| [a + c, b + d]).expect("there are points");
        let counts = shares.sum_axis(Axis(0)) + 10.0 * f64::EPSILON;
        let column = counts.view().insert_axis(Axis(1));
        let off = &sums / &column;
        let variances = (&squares / &column - &off * &off).mapv(|v| v.max(0.0) + FLOOR);
        let weights = &counts / counts.sum();
        Self { weights, means: off + center, variances, log_likelihood: f64::NEG_INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::random::generator;

    #[test]
    fn a_mixture_of_two_gaussians_is_recovered() {
        let mut rng = generator(5, "mixture");
        // Twelve uniform draws have variance 1.
        let mut normal = || (0..12).map(|_| rng.gen_range(-0.5..0.5)).sum::<f64>();
        let point = |i: usize, z: [f64; 2]| {
            if i.is_multiple_of(4) { [z[0], 3.0 + z[1]] } else { [8.0 + 2.0 * z[0], z[1] / 2.0] }
        };
        let rows: Vec<[f64; 2]> = (0..4000).map(|i| point(i, [normal(), normal()])).collect();
        let embeddings = Array2::from_shape_fn((4000, 2), |(i, j)| rows[i][j] as f32);
        let found = GaussianMixture::fit(embeddings.view(), 2, 1).unwrap();
        let small = usize::from(found.weights[0] > found.weights[1]);
        let large = 1 - small;
        assert!((found.weights[small] - 0.25).abs() < 0.01, "{}", found.weights);
        // A mean of 1000 draws of unit variance is off by 0.03 on average, a variance by 0.045.
        let near = |a: f64, b: f64| (a - b).abs() < 0.15 * b.abs().max(1.0);
        assert!(near(found.means[[small, 1]], 3.0) && near(found.means[[large, 0]], 8.0), "{}", found.means);
        assert!(near(found.variances[[small, 0]], 1.0) && near(found.variances[[large, 0]], 4.0));
        assert!(near(found.variances[[large, 1]], 0.25), "{}", found.variances);
        let wrong = found.predict(embeddings.view()).unwrap().into_iter().enumerate();
        let wrong = wrong.filter(|&(i, k)| (k as usize == small) != i.is_multiple_of(4)).count();
        assert!(wrong < 100, "{wrong} of 4000 points are in the wrong component");
    }

    #[test]
    fn a_mixture_that_memory_would_not_hold_is_refused_before_anything_is_done() {
        let points = Array2::zeros((1 << 15, 1));
        let error = GaussianMixture::fit(points.view(), 1 << 15, 1).unwrap_err().to_string();
        assert_eq!(
            error,
            "the Gaussian mixture of 32768 points and 32768 classes takes 17 GiB, and 8 GiB are the most; fewer points or classes would do"
        );
    }

    #[test]
    fn one_component_has_the_mean_the_variance_and_the_log_density_of_the_points() {
        let points = Array2::from_shape_vec((4, 1), vec![1.0_f32, 3.0, 5.0, 7.0]).unwrap();
        let found = GaussianMixture::fit(points.view(), 1, 1).unwrap();
        let variance = 5.0 + FLOOR;
        assert!(
            (found.means[[0, 0]] - 4.0).abs() < 1e-12 && (found.variances[[0, 0]] - variance).abs() < 1e-12
        );
        let density = -0.5 * ((std::f64::consts::TAU * variance).ln() + 5.0 / variance);
        assert!((found.log_likelihood - density).abs() < 1e-12);
    }
}
