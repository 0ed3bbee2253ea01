use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis, linalg::general_mat_mul, s};

use super::{NearestK, squared_distance};

const N_QUERIES: usize = 64;
const N_REFERENCES: usize = 1024;

/// Brute force: a matrix product per block of references finds whom to look at, an exact distance decides.
///
/// The product gives |x|²/2 - q·x, half of |q - x|² - |q|², in f32. What it says is too far by more than its
/// rounding error can be is skipped, the rest is measured in f64.
pub(super) fn nearest(references: ArrayView2<f32>, queries: ArrayView2<f32>, k: usize) -> Vec<Vec<u32>> {
    let Some(mean) = references.mean_axis(Axis(0)) else { return vec![Vec::new(); queries.nrows()] };
    let d = references.ncols();
    // Rows (-x, |x|²/2) and (q, 1), centred: their scalar product is the half above. // [n, d + 1], [m, d + 1]
    let mut left = Array2::ones((queries.nrows(), d + 1));
    left.slice_mut(s![.., ..d]).assign(&(&queries - &mean));
    let mut right = Array2::zeros((references.nrows(), d + 1));
    right.slice_mut(s![.., ..d]).assign(&(&mean - &references));
    let half_norms = right.map_axis(Axis(1), |x| x.dot(&x) / 2.0);
    right.column_mut(d).assign(&half_norms);
    let farthest = half_norms.iter().fold(0.0_f32, |a, &b| a.max(b));
    let farthest = (2.0 * f64::from(farthest)).sqrt();

    let block = |(queries, left): (ArrayView2<f32>, ArrayView2<f32>)| {
        let mut found: Vec<NearestK> = queries.rows().into_iter().map(|_| NearestK::new(k)).collect();
        let mut halves = Array2::zeros((queries.nrows(), N_REFERENCES));
        for (start, right) in (0..).step_by(N_REFERENCES).zip(right.axis_chunks_iter(Axis(0), N_REFERENCES)) {
            let mut halves = halves.slice_mut(s![.., ..right.nrows()]);
            general_mat_mul(1.0, &left, &right.t(), 0.0, &mut halves);
            for (i, found) in found.iter_mut().enumerate() {
                let norm = left.slice(s![i, ..d]).fold(0.0, |sum, &q| sum + f64::from(q).powi(2));
                let slack = rounding(d) * (norm.sqrt() + farthest).powi(2);
                let limit = |found: &NearestK| (f64::midpoint(found.limit() - norm, slack) as f32).next_up();
                let row = halves.row(i);
                let row = row.as_slice().expect("the block has standard layout");
                let mut bound = limit(found);
                for (at, chunk) in (start..).step_by(16).zip(row.chunks(16)) {
                    // Counting, unlike `any`, is done with vector instructions.
                    if chunk.iter().filter(|&&half| half <= bound).count() == 0 {
                        continue;
                    }
                    for id in (at..at + chunk.len()).filter(|id| chunk[id - at] <= bound) {
                        found.offer(squared_distance(queries.row(i), references.row(id)), id as u32);
                    }
                    bound = limit(found);
                }
            }
        }
        found.iter().map(NearestK::ids).collect::<Vec<_>>()
    };
    let queries = queries.axis_chunks_iter(Axis(0), N_QUERIES).into_par_iter();
    let left = left.axis_chunks_iter(Axis(0), N_QUERIES).into_par_iter();
    queries.zip(left).flat_map_iter(block).collect()
}

/// Bound on the relative rounding error of a product of d + 1 terms of f32, generously.
fn rounding(d: usize) -> f64 {
    f64::from(f32::EPSILON) * (d as f64 + 8.0)
}
