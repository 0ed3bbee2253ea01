use ndarray::{Array2, Axis};
use rand::Rng;

use super::*;
use crate::random::generator;

fn for_loop(references: &Array2<f32>, queries: &Array2<f32>, k: usize) -> Vec<Vec<u32>> {
    let mut rows = Vec::new();
    for query in queries.rows() {
        let mut all: Vec<(f64, u32)> = Vec::new();
        for (id, reference) in references.rows().into_iter().enumerate() {
            all.push((squared_distance(&query.to_vec(), &reference.to_vec()), id as u32));
        }
        all.sort_by(|a, b| a.partial_cmp(b).unwrap());
        rows.push(all.iter().take(k).map(|&(_, id)| id).collect());
    }
    rows
}

fn check(n: usize, m: usize, d: usize, k: usize, offset: f32, steps: i32) {
    let mut rng = generator(n as u64, "points");
    // Coordinates on a coarse grid give many exact ties.
    let mut draw =
        |rows| Array2::from_shape_simple_fn((rows, d), || rng.gen_range(0..steps) as f32 / 8.0 + offset);
    let (references, queries) = (draw(n), draw(m));
    let found = nearest(references.view(), queries.view(), k);
    for (row, expected) in found.axis_iter(Axis(0)).zip(for_loop(&references, &queries, k)) {
        assert_eq!(row.to_vec(), expected, "n = {n}, d = {d}, k = {k}");
    }
}

#[test]
fn neighbours_are_those_of_a_for_loop_in_any_dimension_with_and_without_ties() {
    for d in [1, 2, 10, 16, 40] {
        check(3_000, 150, d, 5, 0.0, 4);
        check(2_500, 150, d, 7, 0.0, 1 << 20);
        check(2_000, 70, d, 3, 1000.0, 200);
    }
}

#[test]
fn fewer_references_than_k_are_all_neighbours() {
    check(3, 4, 2, 5, 0.0, 100);
    check(1, 4, 20, 5, 0.0, 100);
    check(0, 4, 3, 5, 0.0, 100);
}

#[test]
fn copies_of_one_point_come_in_the_order_of_their_ids() {
    check(500, 3, 4, 6, 0.5, 1);
}

#[test]
#[should_panic(expected = "embedding 2 of the queries has a coordinate that is not finite")]
fn a_query_that_is_not_finite_is_refused() {
    let references = Array2::zeros((5, 3));
    let mut queries = references.clone();
    queries[[2, 1]] = f32::NAN;
    nearest(references.view(), queries.view(), 1);
}
