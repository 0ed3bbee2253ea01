use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::product::{Left, add_product};

/// References whose products are taken at a time. A vector of each row of a block is read after
/// another: rows that were a power of two apart would share one place of the cache.
const N_REFERENCES: usize = 528;

const STANDARD: &str = "standard layout";

/// Distances by matrix product: h = |x|²/2 - q·x is half of |q - x|² - |q|², so it orders the
/// references x of a query q as distances do.
///
/// It is in f32 and off by cancellation, by no more than [`slack`](Self::slack) / 2: it says whom
/// to look at, an exact distance must decide.
#[derive(Debug)]
pub(crate) struct Products {
    mean: Array1<f32>,
    /// Of each block of references the columns (-x, |x|²/2), centred; their scalar product with (q,
    /// 1) is h. // [d + 1, references]
    blocks: Vec<Array2<f32>>,
    /// The largest |x|.
    farthest: f64,
}

impl Products {
    /// Of at least one reference. // [n, d]
    pub(crate) fn new(references: ArrayView2<f32>) -> Self {
        let mean = references.mean_axis(Axis(0)).expect("there are references");
        let block = |references: ArrayView2<f32>| {
            let mut block = Array2::zeros((references.ncols() + 1, references.nrows()));
            let (mut x, mut half_norms) = block.view_mut().split_at(Axis(0), references.ncols());
            x.assign(&(&mean - &references).t());
            let half_norm = |x: ArrayView1<f32>| x.fold(0.0, |sum, &x| sum + x * x) / 2.0;
            half_norms.row_mut(0).assign(&x.map_axis(Axis(0), half_norm));
            block
        };
        let blocks: Vec<_> = references.axis_chunks_iter(Axis(0), N_REFERENCES).map(block).collect();
        let half_norms = blocks.iter().flat_map(|block| block.row(block.nrows() - 1).to_vec());
        let largest = half_norms.fold(0.0, f32::max);
        Self { mean, blocks, farthest: (2.0 * f64::from(largest)).sqrt() }
    }

    /// The queries as the rows (q, 1) that the other methods take. // [m, d + 1]
    pub(crate) fn queries(&self, queries: ArrayView2<f32>) -> Array2<f32> {
        let mut left = Array2::ones((queries.nrows(), queries.ncols() + 1));
        left.slice_mut(s![.., ..-1]).assign(&(&queries - &self.mean));
        left
    }

    /// h of every query, of one block of references after another, and which references these are.
    /// // [m, references]
    pub(crate) fn halves(&self, queries: &Array2<f32>) -> impl Iterator<Item = (Range<usize>, Array2<f32>)> {
        let starts = (0..).step_by(N_REFERENCES);
        self.blocks.iter().zip(starts).map(|(block, start)| {
            let mut halves = Array2::zeros((queries.nrows(), block.ncols()));
            let shape = [queries.nrows(), block.nrows(), block.ncols()];
            let left = Left::Rows(queries.as_slice().expect(STANDARD));
            let right = block.as_slice().expect(STANDARD);
            add_product(left, right, halves.as_slice_mut().expect(STANDARD), shape);
            (start..start + block.ncols(), halves)
        })
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
