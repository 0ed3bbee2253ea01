//! Exact nearest neighbours in Euclidean distance.

mod blocks;
mod nearest_k;
mod products;
mod tree;

use ndarray::{Array2, ArrayView2};

use crate::error::check_embeddings;
use nearest_k::NearestK;

pub(crate) use nearest_k::squared_distance;
pub(crate) use products::{Products, rounding};

/// Up to here a tree beats brute force, on clustered and on evenly spread points alike;
/// scikit-learn changes at 15.
const MAX_TREE_DIMENSION: usize = 15;

/// For every query the ids of its `k` nearest references (all of them where there are fewer),
/// nearest first; of equally distant ones the smallest id first.
///
/// Distances are compared in f64, so neighbours do not depend on block sizes, threads or the
/// processor.
///
/// # Shapes
/// `references`: `[n, d]`, `queries`: `[m, d]`, returns `[m, min(k, n)]`.
///
/// # Panics
/// When a coordinate is not finite or beyond [`LARGEST_COORDINATE`](crate::LARGEST_COORDINATE).
pub fn nearest(references: ArrayView2<f32>, queries: ArrayView2<f32>, k: usize) -> Array2<u32> {
    assert_eq!(references.ncols(), queries.ncols(), "references and queries must have one dimension");
    let (d, k) = (references.ncols(), k.min(references.nrows()));
    if k == 0 || d == 0 || queries.is_empty() {
        // Without coordinates all are equally near.
        return Array2::from_shape_fn((queries.nrows(), k), |(_, id)| id as u32);
    }
    for (embeddings, set) in [(references.view(), "references"), (queries.view(), "queries")] {
        check_embeddings(embeddings, set).unwrap_or_else(|error| panic!("{error}"));
    }
    let shape = (queries.nrows(), k);
    let (references, queries) = (references.as_standard_layout(), queries.as_standard_layout());
    let references = references.as_slice().expect("standard layout");
    let queries = queries.as_slice().expect("standard layout");
    let search = if d <= MAX_TREE_DIMENSION { tree::nearest } else { blocks::nearest };
    Array2::from_shape_vec(shape, search(references, queries, d, k)).expect("every query has k neighbours")
}

#[cfg(test)]
mod tests;
