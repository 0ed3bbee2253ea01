use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul, s};

/// Distances by matrix product: h = |x|²/2 - q·x is half of |q - x|² - |q|², so it orders the
/// references x of a query q as distances do.
///
/// It is in f32 and off by cancellation, by no more than [`slack`](Self::slack) / 2: it says whom
/// to look at, an exact distance must decide.
#[derive(Debug)]
pub(crate) struct Products {
    mean: Array1<f32>,
    /// Rows (-x, |x|²/2), centred; their scalar product with (q, 1) is h. // [n, d + 1]
    right: Array2<f32>,
    /// The largest |x|.
    farthest: f64,
}

impl Products {
    /// Of at least one reference. // [n, d]
    pub(crate) fn new(references: ArrayView2<f32>) -> Self {
        let mean = references.mean_axis(Axis(0)).expect("there are references");
        let mut right = Array2::zeros((references.nrows(), references.ncols() + 1));
        right.slice_mut(s![.., ..-1]).assign(&(&mean - &references));
        let half_norms = right.map_axis(Axis(1), |x| x.dot(&x) / 2.0);
        let largest = half_norms.iter().fold(0.0_f32, |a, &b| a.max(b));
        right.slice_mut(s![.., -1]).assign(&half_norms);
        Self { mean, right, farthest: (2.0 * f64::from(largest)).sqrt() }
    }

    /// The queries as the rows (q, 1) that the other methods take. // [m, d + 1]
    pub(crate) fn queries(&self, queries: ArrayView2<f32>) -> Array2<f32> {
        let mut left = Array2::ones((queries.nrows(), queries.ncols() + 1));
        left.slice_mut(s![.., ..-1]).assign(&(&queries - &self.mean));
        left
    }

    /// Writes h of every query and of the references from `start` on, as many as `out` has columns.
    /// // [m, columns]
    pub(crate) fn halves(&self, queries: ArrayView2<f32>, start: usize, mut out: ArrayViewMut2<f32>) {
        let right = self.right.slice(s![start..start + out.ncols(), ..]);
        general_mat_mul(1.0, &queries, &right.t(), 0.0, &mut out);
    }

    /// |q|² of a query row (q, 1).
    pub(crate) fn squared_norm(query: ArrayView1<f32>) -> f64 {
        query.slice(s![..-1]).fold(0.0, |sum, &q| sum + f64::from(q).powi(2))
    }

    /// A bound, generous, on twice the error of h: the rounding of d + 1 terms, each at most
    /// (|q| + |x|)².
    pub(crate) fn slack(&self, query: ArrayView1<f32>) -> f64 {
        rounding(query.len(), Self::squared_norm(query).sqrt() + self.farthest)
    }
}

/// A bound, generous, on the rounding of a sum of `n_terms` in f32, each at most `size`².
pub(crate) fn rounding(n_terms: usize, size: f64) -> f64 {
    f64::from(f32::EPSILON) * (n_terms as f64 + 8.0) * size.powi(2)
}
