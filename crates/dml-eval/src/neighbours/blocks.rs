use ndarray::{Array2, ArrayView2, parallel::prelude::*, s};
use rayon::slice::ParallelSlice;

use super::{NearestK, Products, squared_distance};

const N_QUERIES: usize = 64;
const N_REFERENCES: usize = 1024;

/// Brute force: a matrix product for a block of queries and references says whom to look at, an
/// exact distance decides. For many dimensions. `references` and `queries` are rows of `d`
/// coordinates.
pub(super) fn nearest(references: &[f32], queries: &[f32], d: usize, k: usize) -> Vec<u32> {
    let n = references.len() / d;
    let products = Products::new(ArrayView2::from_shape((n, d), references).expect("rows of d"));
    let block = |queries: &[f32]| {
        let left =
            products.queries(ArrayView2::from_shape((queries.len() / d, d), queries).expect("rows of d"));
        let norms: Vec<f64> = left.rows().into_iter().map(Products::squared_norm).collect();
        let slacks: Vec<f64> = left.rows().into_iter().map(|query| products.slack(query)).collect();
        let mut found: Vec<NearestK> = norms.iter().map(|_| NearestK::new(k)).collect();
        let mut halves = Array2::zeros((left.nrows(), N_REFERENCES));
        for start in (0..n).step_by(N_REFERENCES) {
            let mut halves = halves.slice_mut(s![.., ..N_REFERENCES.min(n - start)]);
            products.halves(left.view(), start, halves.view_mut());
            for (i, found) in found.iter_mut().enumerate() {
                let limit =
                    |found: &NearestK| (f64::midpoint(found.limit() - norms[i], slacks[i]) as f32).next_up();
                let mut bound = limit(found);
                let halves = halves.row(i);
                let halves = halves.as_slice().expect("rows are contiguous");
                for (at, chunk) in (start..).step_by(16).zip(halves.chunks(16)) {
                    // Counting, unlike `any`, is done with vector instructions.
                    if chunk.iter().filter(|&&half| half <= bound).count() == 0 {
                        continue;
                    }
                    for id in (at..at + chunk.len()).filter(|id| chunk[id - at] <= bound) {
                        let reference = &references[id * d..(id + 1) * d];
                        found.offer(squared_distance(&queries[i * d..(i + 1) * d], reference), id as u32);
                    }
                    bound = limit(found);
                }
            }
        }
        found.iter().flat_map(NearestK::ids).collect::<Vec<u32>>()
    };
    queries.par_chunks(N_QUERIES * d).flat_map_iter(block).collect()
}
