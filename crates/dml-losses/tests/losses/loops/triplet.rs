use dml_losses::{Distance, Mining, Triplet};

use crate::support::{Batch, Case, mean};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mining in [Mining::All, Mining::SemiHard, Mining::Hard] {
        for distance in [Distance::Euclidean, Distance::SquaredEuclidean] {
            for normalized in [false, true] {
                let config = Triplet { margin: 0.6, mining, distance, normalized };
                let between = move |batch: &Batch, i, j| match distance {
                    Distance::Euclidean => batch.distance(i, j, normalized),
                    Distance::SquaredEuclidean => batch.distance(i, j, normalized).powi(2),
                    _ => panic!("there is no for-loop of {distance:?}"),
                };
                cases.push(Case::new(config, move |batch, _, _| match mining {
                    Mining::Hard => batch_hard(batch, |i, j| between(batch, i, j)),
                    Mining::All => all(batch, |_, _| true, |i, j| between(batch, i, j)),
                    Mining::SemiHard => all(batch, |ap, an| an > ap, |i, j| between(batch, i, j)),
                    _ => panic!("there is no for-loop of {mining:?}"),
                }));
            }
        }
    }
    cases
}

fn all(batch: &Batch, mined: impl Fn(f64, f64) -> bool, d: impl Fn(usize, usize) -> f64) -> f64 {
    let mut values = Vec::new();
    for a in batch.anchors() {
        for p in batch.positives(a) {
            for n in batch.negatives(a) {
                if mined(d(a, p), d(a, n)) {
                    values.push((d(a, p) - d(a, n) + 0.6).max(0.0));
                }
            }
        }
    }
    mean(values.into_iter().filter(|&v| v > 0.0))
}

fn batch_hard(batch: &Batch, d: impl Fn(usize, usize) -> f64) -> f64 {
    let of_anchor = |a: usize| {
        let farthest = batch.positives(a).map(|p| d(a, p)).reduce(f64::max)?;
        let nearest = batch.negatives(a).map(|n| d(a, n)).reduce(f64::min)?;
        Some((farthest - nearest + 0.6).max(0.0))
    };
    mean(batch.anchors().filter_map(of_anchor).filter(|&v| v > 0.0))
}
