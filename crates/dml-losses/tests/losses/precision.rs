//! What f32 costs.

use std::f64::consts::TAU;

use tch::Kind;

use crate::loops::every_case;
use crate::support::{Batch, assert_close, evaluate, number, parameters_for};

const WIDE: i64 = 10;

/// A batch as large as in training, of normal numbers that are the same in f32 as in f64.
fn normal_batch(seed: usize, scale: f64) -> Batch {
    let normal = |i: usize| {
        let (u, v) = (number(2 * i).abs(), number(2 * i + 1));
        f64::from((scale * (-2.0 * u.ln()).sqrt() * (TAU * v).cos()) as f32)
    };
    let row = |i: usize| (0..WIDE as usize).map(|k| normal(1000 * seed + WIDE as usize * i + k)).collect();
    Batch {
        embeddings: (0..64).map(row).collect(),
        labels: (0..64).map(|i| i * 7 % 11 % 5 - 1).collect(),
        n_rows: 64,
    }
}

#[test]
fn a_value_in_f32_is_that_in_f64_to_a_millionth_of_itself() {
    for case in every_case() {
        let loss = &case.config;
        for (scale, seed) in [(1.0, 1), (1.0, 2), (10.0, 3), (10.0, 4)] {
            let p = parameters_for(WIDE, loss, seed);
            for n_rows in [64, 40] {
                let batch = Batch { n_rows, ..normal_batch(seed, scale) };
                let value = |kind| [evaluate(loss, &p, &batch, kind).value];
                assert_close(&value(Kind::Float), &value(Kind::Double), 1e-6, &(&case, scale, seed, n_rows));
            }
        }
    }
}
