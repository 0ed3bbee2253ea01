//! Losses of distances that are not those of embeddings.

use dml_losses::{Contrastive, LiftedStructure, LossConfig, Nca, Triplet, Weighted, WeightedTerm};
use tch::{Kind, Tensor};

use crate::loops::every_case;
use crate::support::{Batch, assert_close, evaluate, numbers, parameters, tensor};

const LABELS: [i64; 10] = [0, 1, -1, 0, 1, 3, 0, -1, 1, 0];

/// Numbers between 0.1 and 1.9, those of i and j others than those of j and i.
fn matrix(n: i64) -> Tensor {
    let batch = Batch::new(4, &vec![0; (n * n) as usize]);
    let numbers: Vec<f64> = batch.embeddings.iter().map(|row| 1.0 + 0.9 * row[0]).collect();
    tensor(&numbers, &[n, n], Kind::Double)
}

#[test]
fn of_euclidean_distances_it_is_the_loss_of_the_embeddings_with_the_same_gradient() {
    let mut tried = 0;
    for case in every_case() {
        let (loss, batch) = (&case.config, Batch::new(2, &LABELS));
        for kind in [Kind::Float, Kind::Double] {
            let rows = tensor(&batch.embeddings.concat(), &[10, 3], kind).set_requires_grad(true);
            let distances = Tensor::cdist(&rows, &rows, 2.0, 2);
            let Some(value) = loss.of_distances(&distances, &Tensor::from_slice(&LABELS)) else { continue };
            assert_eq!((value.size(), value.kind()), (vec![], kind));
            value.backward();
            let expected = evaluate(loss, &parameters(loss, 1), &batch, kind);
            let tolerance = if kind == Kind::Float { 1e-6 } else { 1e-12 };
            assert_close(&numbers(&value), &[expected.value], tolerance, loss);
            assert_close(&numbers(&rows.grad()), &expected.gradients.concat(), tolerance, loss);
            tried += 1;
        }
    }
    // Half of the triplets (6), one of two contrastive and lifted ones, and what scales nothing.
    assert!(tried >= 2 * 9, "{tried}");
}

#[test]
fn losses_that_look_at_more_than_distances_or_scale_embeddings_have_none() {
    let of = |loss: LossConfig| {
        let is_some = loss.of_distances(&matrix(10), &Tensor::from_slice(&LABELS)).is_some();
        assert_eq!(loss.is_of_distances(), is_some, "{loss:?}");
        is_some
    };
    let free: [LossConfig; 4] = [
        Triplet { normalized: false, ..Triplet::default() }.into(),
        Contrastive::default().into(),
        LiftedStructure::default().into(),
        Nca::default().into(),
    ];
    assert!(free.iter().all(|loss| of(loss.clone())));
    assert!(!of(Triplet::default().into()) && !of(Contrastive { margin: 1.0, normalized: true }.into()));
    for loss in LossConfig::all() {
        let kinds = free.each_ref().map(std::mem::discriminant);
        let of_distances = kinds.contains(&std::mem::discriminant(&loss));
        assert!(of_distances || matches!(loss, LossConfig::Weighted(_)) || !of(loss.clone()), "{loss:?}");
    }
    let sum = |losses: [LossConfig; 2]| {
        let terms = losses.map(|loss| WeightedTerm { weight: 2.0, loss }).into();
        of(Weighted { terms }.into())
    };
    assert!(sum([Nca::default().into(), Contrastive::default().into()]));
    assert!(!sum([Nca::default().into(), dml_losses::SupCon { temperature: 1.0 }.into()]));
}

#[test]
fn the_gradient_by_each_distance_is_that_of_finite_differences_and_zero_where_nothing_is_known() {
    let labels = Tensor::from_slice(&LABELS);
    for loss in
        [Nca::default().into(), LiftedStructure::default().into(), LossConfig::from(Contrastive::default())]
    {
        let unknown = labels.lt(0).unsqueeze(0).logical_or(&labels.lt(0).unsqueeze(1));
        // What does not count may be anything.
        let given = matrix(10).masked_fill(&unknown, f64::NAN).set_requires_grad(true);
        let value = |distances: &Tensor| loss.of_distances(distances, &labels).expect("a loss of distances");
        value(&given).backward();
        let ours = numbers(&given.grad());
        for place in 0_i64..100 {
            let step = Tensor::zeros([100], (Kind::Double, tch::Device::Cpu));
            let step = step.index_fill(0, &Tensor::from(place), 1e-6).reshape([10, 10]);
            let given = given.detach();
            let difference = value(&(&given + &step)) - value(&(&given - &step));
            let expected = difference.double_value(&[]) / 2e-6;
            let (row, column) = (place / 10, place % 10);
            let known = row != column && LABELS[row as usize] >= 0 && LABELS[column as usize] >= 0;
            let ours = ours[place as usize];
            assert!((ours - expected).abs() < 1e-8, "{loss:?}, {place}: {ours} is not {expected}");
            assert!(known || ours.abs() <= 0.0, "{loss:?}, {place}: {ours}");
        }
    }
}

#[test]
fn models_of_a_stack_and_empty_batches_have_their_values() {
    let loss = LossConfig::from(Triplet { normalized: false, ..Triplet::default() });
    let labels = Tensor::from_slice(&LABELS);
    let both = Tensor::stack(&[matrix(10), matrix(10) * 1.5], 0);
    let values = loss.of_distances(&both, &labels.expand([2, 10], false)).expect("a loss of distances");
    for model in 0..2 {
        let alone = loss.of_distances(&both.get(model), &labels).expect("a loss of distances");
        assert_close(&numbers(&values.get(model)), &numbers(&alone), 1e-12, &model);
    }
    let empty = loss.of_distances(&matrix(0), &labels.narrow(0, 0, 0)).expect("a loss of distances");
    assert_eq!(numbers(&empty), [0.0]);
}
