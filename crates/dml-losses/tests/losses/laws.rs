//! What holds for every loss.

use dml_losses::{Distance, LossConfig, Mining};
use tch::Kind;

use crate::support::{Batch, batch, build, evaluate, parameters};

fn every_loss() -> Vec<LossConfig> {
    let mut all = vec![LossConfig::SupCon { temperature: 0.5 }];
    for mining in [Mining::All, Mining::SemiHard, Mining::Hard] {
        for distance in [Distance::Euclidean, Distance::SquaredEuclidean] {
            for normalized in [false, true] {
                all.push(LossConfig::Triplet { margin: 0.7, mining, distance, normalized });
            }
        }
    }
    all
}

#[test]
fn a_batch_without_a_valid_tuple_gives_exactly_zero_with_zero_gradients() {
    for config in every_loss() {
        let loss = build(&config);
        for labels in [&[][..], &[2], &[-1], &[-1, -1, -1], &[0, 1, 2, -1, -1]] {
            for kind in [Kind::Float, Kind::Double] {
                let got = evaluate(&*loss, &parameters(&*loss, 1), &batch(1, labels), kind);
                assert_eq!(got.value, 0.0, "{config:?} {labels:?}");
                assert!(got.gradient.concat().iter().all(|&g| g == 0.0), "{config:?} {labels:?}: {got:?}");
            }
        }
    }
}

#[test]
fn coinciding_points_and_zero_vectors_give_finite_values_and_gradients() {
    for config in every_loss() {
        let loss = build(&config);
        for point in [vec![0.0; 3], vec![0.3, -0.2, 0.9]] {
            let batch = Batch { embeddings: vec![point; 5], labels: vec![0, 0, 1, 1, -1] };
            let got = evaluate(&*loss, &parameters(&*loss, 1), &batch, Kind::Float);
            assert!(
                got.value.is_finite() && got.gradient.concat().iter().all(|g| g.is_finite()),
                "{config:?} {got:?}"
            );
        }
    }
}
