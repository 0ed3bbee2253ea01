//! What holds for every loss.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use tch::{Kind, Tensor};

use dml_losses::{CrossBatchMemory, LossConfig};

use crate::loops::every_case;
use crate::support::{
    Batch, Case, DIM, N_CLASSES, assert_close, evaluate, forward, numbers, parameter_tensors, parameters,
    tensors,
};

fn all_zero(numbers: &[f64]) -> bool {
    numbers.iter().all(|x| x.abs() <= 0.0)
}

/// Labels among which the loss finds nothing to do: for every loss where there are none, and where
/// its for-loop says so.
fn without_a_tuple(case: &Case) -> Vec<&'static [i64]> {
    let nowhere: [&[i64]; 3] = [&[], &[-1], &[-1, -1, -1]];
    let perhaps: [&[i64]; 4] = [&[2], &[-1, 2], &[0, 1, 2, -1], &[3, 3, -1, 3]];
    let has_none = |labels: &&[i64]| {
        let batch = Batch::new(1, labels);
        all_zero(&[(case.oracle)(&batch, &parameters(&case.config, 1), &batch)])
    };
    nowhere.into_iter().chain(perhaps.into_iter().filter(has_none)).collect()
}

#[test]
fn a_batch_without_a_valid_tuple_gives_exactly_zero_with_zero_gradients() {
    for case in every_case() {
        for labels in without_a_tuple(&case) {
            for kind in [Kind::Float, Kind::Double] {
                let (p, batch) = (parameters(&case.config, 1), Batch::new(1, labels));
                let got = evaluate(&case.config, &p, &batch, kind);
                assert!(
                    all_zero(&[got.value]) && all_zero(&got.gradients.concat()),
                    "{case:?} {labels:?} {got:?}"
                );
            }
        }
    }
}

#[test]
fn coinciding_points_and_zero_vectors_give_finite_values_and_gradients() {
    for case in every_case() {
        let loss = &case.config;
        for point in [[0.0; DIM], [0.3, -0.2, 0.9], [1e-30; DIM], [1e6; DIM]] {
            let batch = Batch { embeddings: vec![point.to_vec(); 5], ..Batch::new(1, &[0, 0, 1, 1, -1]) };
            let got = evaluate(loss, &parameters(loss, 1), &batch, Kind::Float);
            assert!(got.value.is_finite(), "{case:?} {got:?}");
            assert!(got.gradients.concat().iter().all(|g| g.is_finite()), "{case:?} {got:?}");
        }
    }
}

#[test]
fn an_unlabelled_row_has_a_zero_gradient_and_no_influence_whatever_it_holds() {
    for case in every_case() {
        let loss = &case.config;
        let p = parameters(loss, 3);
        let labels = [0, 1, -1, 1, 0, 2, -1];
        for n_rows in [7, 5] {
            // All seven are the batch, or the last two are the memory.
            let without = Batch { n_rows, ..Batch::new(2, &labels) };
            let mut with = without.clone();
            with.embeddings[2] = vec![f64::NAN; DIM];
            with.embeddings[6] = vec![f64::INFINITY, 1e300, f64::NAN];
            for kind in [Kind::Float, Kind::Double] {
                let (without, with) = (evaluate(loss, &p, &without, kind), evaluate(loss, &p, &with, kind));
                assert_eq!(without, with, "{case:?}");
                for i in [2, 6].into_iter().filter(|&i| i < n_rows) {
                    assert!(all_zero(&with.gradients[0][DIM * i..DIM * (i + 1)]), "{case:?}");
                }
            }
        }
    }
}

#[test]
fn a_label_beyond_the_classes_is_unlabelled_to_a_loss_that_learns_something_of_each() {
    for case in every_case() {
        let loss = &case.config;
        // The terms of a sum may compare rows with rows too.
        if parameters(loss, 1).is_empty() || matches!(loss, LossConfig::Weighted(_)) {
            continue;
        }
        let of = |labels: &[i64]| evaluate(loss, &parameters(loss, 1), &Batch::new(1, labels), Kind::Float);
        assert_eq!(of(&[0, N_CLASSES, 1, -1, i64::MAX, 0]), of(&[0, -1, 1, -1, -1, 0]), "{case:?}");
    }
}

/// What a panic says.
fn panic_of(f: impl FnOnce() -> Tensor) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic");
    let literal = payload.downcast_ref::<&str>().copied().map(String::from);
    literal.or(payload.downcast_ref::<String>().cloned()).expect("a panic says something")
}

#[test]
fn tensors_that_do_not_fit_are_a_panic_that_says_what_would() {
    for case in every_case() {
        let loss = &case.config;
        let p = parameter_tensors(&parameters(loss, 1), Kind::Float);
        let (embeddings, labels, _) = tensors(&Batch::new(1, &[0, 1, 1, 0]), Kind::Float);
        for (labels, shape) in [
            (labels.unsqueeze(-1), "[4, 1]"),
            (labels.unsqueeze(0), "[1, 4]"),
            (labels.narrow(0, 0, 1), "[1]"),
        ] {
            assert_eq!(
                panic_of(|| loss.forward(&p, &embeddings, &labels)),
                format!(
                    "embeddings are [..., batch, dim] and labels [..., batch], but these are [4, 3] and {shape}"
                ),
                "{case:?}"
            );
        }
        assert_eq!(
            panic_of(|| loss.forward(&p, &embeddings.to_kind(Kind::Int64), &labels)),
            "embeddings are f32 or f64, but these are Int64"
        );
        if !p.is_empty() {
            let said = panic_of(|| loss.forward(&[], &embeddings, &labels));
            assert!(said.contains(" takes "), "{case:?}: {said}");
        }
    }
}

#[test]
fn stacked_models_are_single_ones_and_do_not_touch_each_other() {
    let members = [
        Batch::new(1, &[0, 1, 1, 0, 2, -1, 1, 0]),
        Batch::new(2, &[-1, 3, -1, 3, 1, 1, -1, 3]),
        Batch::new(3, &[-1; 8]),
        // The fourth is lost to NaN.
        Batch { embeddings: vec![vec![f64::NAN; DIM]; 8], ..Batch::new(4, &[0, 1, 1, 0, 2, -1, 1, 0]) },
    ];
    // Two leading dimensions, [2, 2].
    let stack = |tensors: Vec<&Tensor>| {
        let shape = [&[2, 2], &tensors[0].size()[..]].concat();
        Tensor::stack(&tensors, 0).reshape(shape)
    };
    for case in every_case() {
        let loss = &case.config;
        // All eight rows are the batch, or the last three are the memory.
        for (kind, n_rows) in [(Kind::Float, 8), (Kind::Float, 5), (Kind::Double, 8), (Kind::Double, 5)] {
            let members = members.clone().map(|member| Batch { n_rows, ..member });
            let p: Vec<_> = (0..members.len()).map(|i| parameters(loss, i)).collect();

            let batches = members.each_ref().map(|member| tensors(member, kind));
            let embeddings = stack(batches.iter().map(|b| &b.0).collect()).set_requires_grad(true);
            let labels = stack(batches.iter().map(|b| &b.1).collect());
            let memory = CrossBatchMemory {
                embeddings: stack(batches.iter().map(|b| &b.2.embeddings).collect()),
                labels: stack(batches.iter().map(|b| &b.2.labels).collect()),
                next: 0,
            };
            let each: Vec<_> = p.iter().map(|p| parameter_tensors(p, kind)).collect();
            let parameters: Vec<_> = (0..each[0].len())
                .map(|i| stack(each.iter().map(|tensors| &tensors[i]).collect()).set_requires_grad(true))
                .collect();
            let value = forward(loss, &parameters, &(embeddings.shallow_clone(), labels, memory));
            assert_eq!(value.size(), [2, 2]);
            value.sum(kind).backward();

            let tolerance = if kind == Kind::Float { 1e-5 } else { 1e-13 };
            for (m, (member, p)) in members.iter().zip(&p).enumerate().take(3) {
                let single = evaluate(loss, p, member, kind);
                let of_member = |t: &Tensor| numbers(&t.flatten(0, 1).get(m as i64));
                assert_close(&of_member(&value), &[single.value], tolerance, &(&case, n_rows));
                for (stacked, single) in [&embeddings].into_iter().chain(&parameters).zip(&single.gradients) {
                    assert_close(&of_member(&stacked.grad()), single, tolerance, &(&case, n_rows));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_rows_does_not_matter(
        seed in 1usize..1000,
        labels in prop::collection::vec(-1i64..4, 2..9),
        keys in prop::collection::vec(any::<u32>(), 9),
    ) {
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by_key(|&i| keys[i]);
        let batch = Batch::new(seed, &labels);
        let permuted = Batch {
            embeddings: order.iter().map(|&i| batch.embeddings[i].clone()).collect(),
            labels: order.iter().map(|&i| labels[i]).collect(),
            ..batch
        };
        for case in every_case() {
            let loss = &case.config;
            let p = parameters(loss, seed);
            let (a, b) = (evaluate(loss, &p, &batch, Kind::Double), evaluate(loss, &p, &permuted, Kind::Double));
            // A tiny number is a difference of numbers near one, and has their rounding error.
            let close = |b: &[f64], a: &[f64]| {
                assert_close(&[b, &[0.1]].concat(), &[a, &[0.1]].concat(), 1e-12, &case);
            };
            close(&[b.value], &[a.value]);
            let rows: Vec<&[f64]> = a.gradients[0].chunks(DIM).collect();
            close(&b.gradients[0], &order.iter().map(|&i| rows[i]).collect::<Vec<_>>().concat());
            for (b, a) in b.gradients.iter().zip(&a.gradients).skip(1) {
                close(b, a);
            }
        }
    }
}

#[test]
fn an_empty_memory_changes_nothing() {
    for case in every_case() {
        let loss = &case.config;
        let p = parameter_tensors(&parameters(loss, 1), Kind::Double);
        let (embeddings, labels, _) = tensors(&Batch::new(1, &[0, 1, 1, -1, 0]), Kind::Double);
        let empty = CrossBatchMemory::new(&[], 4, DIM as i64, (Kind::Double, tch::Device::Cpu));
        let got = numbers(&loss.forward_against(&p, &embeddings, &labels, &empty));
        assert_close(&got, &numbers(&loss.forward(&p, &embeddings, &labels)), 1e-13, &case);
    }
}

#[test]
fn a_memory_holds_the_last_rows_of_each_model() {
    let mut memory = CrossBatchMemory::new(&[2], 5, 1, (Kind::Float, tch::Device::Cpu));
    let mut enqueue = |first: i64, n: i64| {
        let rows = Tensor::arange(n, (Kind::Int64, tch::Device::Cpu)) + first;
        let labels = Tensor::stack(&[&rows, &(&rows * 10)], 0); // [2, n]
        memory.enqueue(&labels.unsqueeze(-1).to_kind(Kind::Float).set_requires_grad(true), &labels);
        assert!(!memory.embeddings.requires_grad());
        (numbers(&memory.labels), numbers(&memory.embeddings), memory.next)
    };
    let (labels, _, next) = enqueue(1, 2);
    assert_eq!((labels, next), (vec![1., 2., -1., -1., -1., 10., 20., -1., -1., -1.], 2));
    let (labels, embeddings, next) = enqueue(3, 4);
    assert_eq!((&labels, next), (&vec![6., 2., 3., 4., 5., 60., 20., 30., 40., 50.], 1));
    assert_eq!(labels, embeddings);
    let (labels, _, _) = enqueue(7, 12);
    let mut kept = labels[..5].to_vec();
    kept.sort_by(f64::total_cmp);
    assert_eq!(kept, [14., 15., 16., 17., 18.]);
}
