//! Values and gradients against the for-loops.

use std::mem::discriminant;

use dml_losses::LossConfig;
use tch::Kind;

use crate::loops::every_case;
use crate::support::{Batch, Case, assert_close, evaluate, parameters};

/// Batches of all kinds: many labels, few, none shared, one class, with a memory.
fn batches() -> Vec<Batch> {
    let mut batches = Vec::new();
    for seed in 1..5 {
        batches.push(Batch::new(seed, &[0, 1, 2, 0, 1, 3, 0, 2, 1, 0]));
        batches.push(Batch::new(seed, &[-1, 2, -1, 0, 2, -1, 1, 2]));
        batches.push(Batch::new(seed, &[3, -1, 3, 3]));
        batches.push(Batch::new(seed, &[0, 1, 2, 3, -1]));
        batches.push(Batch::new(seed, &[1, 0]));
        batches.push(Batch { n_rows: 4, ..Batch::new(seed, &[0, 1, -1, 2, 2, -1, 0, 1, 1, 3]) });
    }
    batches
}

/// A batch as large as in training, a third of it unlabelled.
fn large_batch() -> Batch {
    Batch::new(9, &(0..64).map(|i| if i % 3 == 0 { -1 } else { i * 7 % 11 % 4 }).collect::<Vec<i64>>())
}

#[test]
fn every_loss_has_a_for_loop() {
    let tried: Vec<_> = every_case().iter().map(|case| discriminant(&case.config)).collect();
    for loss in LossConfig::all() {
        assert!(tried.contains(&discriminant(&loss)), "tests/losses/loops has none for {loss:?}");
    }
}

#[test]
fn values_are_those_of_a_for_loop() {
    for case in every_case() {
        let loss = &case.config;
        for (i, batch) in batches().iter().chain([&large_batch()]).enumerate() {
            let p = parameters(loss, i);
            let expected = (case.oracle)(batch, &p, batch);
            let got = evaluate(loss, &p, batch, Kind::Double).value;
            assert_close(&[got], &[expected], 1e-10, &(&case, batch));
            let got = evaluate(loss, &p, batch, Kind::Float).value;
            // A tiny value is a difference of distances near one, so that their rounding is added.
            let tolerance = 1e-6 * expected.abs() + 4.0 * f64::from(f32::EPSILON);
            assert!((got - expected).abs() <= tolerance, "{got} is not {expected}: {case:?} {batch:?}");
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for case in every_case() {
        let loss = &case.config;
        for (i, batch) in batches().iter().enumerate() {
            let p = parameters(loss, i);
            let got = evaluate(loss, &p, batch, Kind::Double).gradients.concat();
            let expected = finite_differences(&case, batch, &p);
            let scale = expected.iter().fold(1e-3, |m: f64, x| m.max(x.abs()));
            let relative = |g: &[f64]| g.iter().map(|x| x / scale).chain([1.0]).collect::<Vec<_>>();
            assert_close(&relative(&got), &relative(&expected), 1e-6, &(&case, batch));
        }
    }
}

/// Central differences of the for-loop in the rows of the batch, then in the parameters.
///
/// The step is small because a mean over active tuples jumps where one becomes active, which is no
/// step away from the fixed batches above; the rounding error is then 1e-10 times the value.
fn finite_differences(case: &Case, batch: &Batch, parameters: &[Vec<Vec<f64>>]) -> Vec<f64> {
    let step = 1e-6;
    let mut gradients = Vec::new();
    for i in 0..batch.n_rows {
        for k in 0..batch.embeddings[i].len() {
            let at = |shift: f64| {
                let mut moved = batch.clone();
                moved.embeddings[i][k] += shift;
                (case.oracle)(&moved, parameters, batch)
            };
            gradients.push((at(step) - at(-step)) / (2.0 * step));
        }
    }
    for (t, rows) in parameters.iter().enumerate() {
        for (r, row) in rows.iter().enumerate() {
            for k in 0..row.len() {
                let at = |shift: f64| {
                    let mut moved = parameters.to_vec();
                    moved[t][r][k] += shift;
                    (case.oracle)(batch, &moved, batch)
                };
                gradients.push((at(step) - at(-step)) / (2.0 * step));
            }
        }
    }
    gradients
}
