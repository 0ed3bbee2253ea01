//! Exact nearest neighbours in Euclidean distance.

mod blocks;
mod nearest_k;

use ndarray::{Array2, ArrayView2};

pub(crate) use nearest_k::{NearestK, squared_distance};

/// For every query the ids of its `k` nearest references (all of them where there are fewer), nearest first; of
/// equally distant ones the smallest id first.
///
/// Distances are compared in f64, so neighbours do not depend on block sizes, threads or the processor.
///
/// # Shapes
/// `references`: `[n, d]`, `queries`: `[m, d]`, returns `[m, min(k, n)]`. All coordinates must be finite.
pub fn nearest(references: ArrayView2<f32>, queries: ArrayView2<f32>, k: usize) -> Array2<u32> {
    assert_eq!(references.ncols(), queries.ncols(), "references and queries must have one dimension");
    let k = k.min(references.nrows());
    let (references, queries) = (references.as_standard_layout(), queries.as_standard_layout());
    let rows = blocks::nearest(references.view(), queries.view(), k);
    Array2::from_shape_vec((queries.nrows(), k), rows.concat()).expect("every query has k neighbours")
}

#[cfg(test)]
mod tests;
