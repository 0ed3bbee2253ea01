#![expect(
    clippy::inline_always,
    reason = "vector instructions reach only what is inlined where they are chosen"
)]

use ndarray::{ArrayView2, parallel::prelude::*};
use rayon::slice::ParallelSlice;

use super::{NearestK, Products, squared_distance};
use crate::product::with_widest_vectors;

const N_QUERIES: usize = 64;
/// References that are looked at together.
const CHUNK: usize = 32;

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
        for (ids, halves) in products.halves(&left) {
            for (i, (found, halves)) in found.iter_mut().zip(halves.rows()).enumerate() {
                let limit =
                    |found: &NearestK| (f64::midpoint(found.limit() - norms[i], slacks[i]) as f32).next_up();
                let query = &queries[i * d..(i + 1) * d];
                let halves = halves.to_slice().expect("standard layout");
                with_widest_vectors(
                    #[inline(always)]
                    || {
                        let mut bound = limit(found);
                        for (at, chunk) in ids.clone().step_by(CHUNK).zip(halves.chunks(CHUNK)) {
                            if !has_within(chunk, bound) {
                                continue;
                            }
                            for id in (at..at + chunk.len()).filter(|id| chunk[id - at] <= bound) {
                                let reference = &references[id * d..(id + 1) * d];
                                found.offer(squared_distance(query, reference), id as u32);
                            }
                            bound = limit(found);
                        }
                    },
                );
            }
        }
        found.iter().flat_map(NearestK::ids).collect::<Vec<u32>>()
    };
    queries.par_chunks(N_QUERIES * d).flat_map_iter(block).collect()
}

/// Whether one of at most [`CHUNK`] values is no larger than `bound`.
#[inline(always)]
fn has_within(chunk: &[f32], bound: f32) -> bool {
    // Unlike `any`, this is done with vector instructions, where the length is known.
    let has = |values: &[f32]| values.iter().fold(0, |any, &value| any | u32::from(value <= bound)) > 0;
    <&[f32; CHUNK]>::try_from(chunk).map_or_else(|_| has(chunk), |whole| has(whole))
}
