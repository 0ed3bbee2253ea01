use std::time::Instant;

use pathfinding::prelude::{Matrix, kuhn_munkres};
use rand::Rng;
use rand::seq::SliceRandom;

use super::*;
use crate::random::generator;

/// Exactly, to the last bit.
fn is_one(score: f64) -> bool {
    score.to_bits() == 1.0_f64.to_bits()
}

/// The Hungarian method on the whole table, which needs as many columns as rows.
fn dense_clustering_accuracy(truth: &[u32], predicted: &[u32]) -> f64 {
    let table = Contingency::of(truth, predicted);
    let side = table.a.len().max(table.b.len());
    let mut counts = Matrix::new(side, side, 0_i64);
    for cell in &table.cells {
        counts[(cell.a, cell.b)] = cell.n.into();
    }
    kuhn_munkres(&counts).0 as f64 / truth.len() as f64
}

#[test]
fn the_best_assignment_is_that_of_the_dense_method_on_random_labelings() {
    let mut rng = generator(0, "assignment");
    for round in 0..600 {
        // From single points to full tables, from squares to a few classes against many, and with
        // favourites among the pairs.
        let (n, n_a, n_b) = (rng.gen_range(1..300), rng.gen_range(1..60_u32), rng.gen_range(1..60_u32));
        let truth: Vec<u32> = (0..n).map(|_| rng.gen_range(0..n_a)).collect();
        let noise = f64::from(round % 5) / 4.0;
        let mut other =
            |&label: &u32| if rng.gen_bool(noise) { rng.gen_range(0..n_b) } else { label * 7 % n_b };
        let predicted: Vec<u32> = truth.iter().map(&mut other).collect();
        let (found, expected) =
            (clustering_accuracy(&truth, &predicted), dense_clustering_accuracy(&truth, &predicted));
        assert!((found - expected).abs() < 1e-15, "{found}, not {expected}: {truth:?} {predicted:?}");
    }
}

#[test]
fn fifty_thousand_classes_are_compared_in_seconds() {
    let mut rng = generator(0, "many classes");
    let n_classes = 50_000_u32;
    let truth: Vec<u32> = (0..200_000).map(|i| i % n_classes).collect();
    let start = Instant::now();
    for noise in [0.0, 0.3, 0.7, 1.0] {
        let mut names: Vec<u32> = (0..n_classes).collect();
        names.shuffle(&mut rng);
        let mut other = |&label: &u32| {
            names[if rng.gen_bool(noise) { rng.gen_range(0..n_classes) } else { label } as usize]
        };
        let predicted: Vec<u32> = truth.iter().map(&mut other).collect();
        let scores = [
            clustering_accuracy(&truth, &predicted),
            adjusted_mutual_information(&truth, &predicted),
            adjusted_rand(&truth, &predicted),
            normalized_mutual_information(&truth, &predicted),
        ];
        if noise == 0.0 {
            assert!(scores.iter().all(|&score| is_one(score)), "{scores:?}");
        } else {
            assert!(scores.iter().all(|score| (-0.01..0.99).contains(score)), "{scores:?}");
        }
    }
    // A table of all pairs would have 2.5e9 cells; this takes a second or two where nothing else
    // runs.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn two_equal_labelings_of_any_size_score_exactly_one() {
    for (n, n_classes) in [(1, 1), (2, 2), (7, 7), (1000, 3), (1000, 999), (20_000, 20_000)] {
        let truth: Vec<u32> = (0..n).map(|i| i % n_classes).collect();
        let renamed: Vec<u32> = truth.iter().map(|label| n_classes - label).collect();
        let parts = homogeneity_completeness_v(&truth, &renamed);
        let scores = [
            adjusted_mutual_information(&truth, &renamed),
            normalized_mutual_information(&truth, &renamed),
            adjusted_rand(&truth, &renamed),
            clustering_accuracy(&truth, &renamed),
            parts.v_measure,
        ];
        assert!(scores.iter().all(|&score| is_one(score)), "{n} points of {n_classes} classes: {scores:?}");
    }
}

#[test]
fn relabelling_a_perfect_match_scores_one_except_for_accuracy() {
    let (a, b) = ([0_u8, 0, 1, 1, 2, 2], [7_u32, 7, 3, 3, 5, 5]);
    assert!((adjusted_mutual_information(&a, &b) - 1.0).abs() < 1e-15);
    assert!((normalized_mutual_information(&a, &b) - 1.0).abs() < 1e-15);
    assert!((adjusted_rand(&a, &b) - 1.0).abs() < 1e-15);
    assert!((clustering_accuracy(&a, &b) - 1.0).abs() < 1e-15);
    assert!((accuracy(&a, &[1_u8, 1, 0, 0, 2, 2]) - 1.0 / 3.0).abs() < 1e-15);
}
