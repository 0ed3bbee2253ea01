//! The arithmetic of a step: products in bf16, denormal numbers.

use dml_models::{
    Precision, RoutineConfig, Stack, System, TrainConfig, flushes_denormals, set_flush_denormal,
};
use tch::{Device, Tensor};

use crate::common::{conv, data, device, images, run, single, trained, trial};

/// Models in both precisions, of one epoch; `None` where the device has no bf16, and says so.
fn pair(mut config: TrainConfig) -> Option<[Stack; 2]> {
    config.training.epochs = 1;
    let mut low = config.clone();
    low.training.precision = Precision::Bf16;
    if let Err(refused) = Precision::Bf16.check(device()) {
        // Not before it is trained: outside a step everything is f32 anyway.
        let mut stack = Stack::new(vec![low], &[&[0, 1]], &data(device()), device()).unwrap();
        let sentence = stack.train_epoch(&data(device())).unwrap_err().to_string();
        assert_eq!(sentence, refused.to_string());
        assert!(sentence.contains("avx512_bf16"), "{sentence}");
        return None;
    }
    Some([trained(&config), trained(&low)])
}

#[test]
fn bf16_takes_nearly_the_steps_of_f32() {
    let joint = RoutineConfig::JointAlpha { alpha: 0.5 };
    for config in [trial(System::DmlAutoencoder, joint.clone()), conv(trial(System::MetricVae, joint))] {
        let Some([full, low]) = pair(config) else { return };
        for (name, curve) in &full.members[0].curves {
            let (Some(a), Some(b)) = (curve[0], low.members[0].curves[name][0]) else { continue };
            // 8 bits of mantissa are 0.004; a loss is a mean over many products.
            assert!((a - b).abs() < 0.02 * a.abs().max(0.05), "{name}: {a} and {b}");
        }
        let weights = full.parameters.tensors.iter().zip(&low.parameters.tensors);
        assert!(weights.clone().any(|(a, b)| !a.equal(b)), "products are rounded");
        assert!(weights.clone().all(|(_, b)| b.kind() == tch::Kind::Float), "weights are f32");
    }
}

#[test]
fn outside_a_step_everything_is_f32() {
    let Some([mut full, low]) = pair(trial(System::DmlAutoencoder, RoutineConfig::JointAlpha { alpha: 0.5 }))
    else {
        return;
    };
    let _guard = tch::no_grad_guard();
    for (to, from) in full.parameters.tensors.iter_mut().zip(&low.parameters.tensors) {
        to.copy_(from);
    }
    assert_eq!(full.embed(0, images().view()), low.embed(0, images().view()));
    assert_eq!(full.reconstruct(0, images().view()), low.reconstruct(0, images().view()));
}

#[test]
fn a_stack_in_bf16_equals_single_models() {
    let mut config = trial(System::DmlAutoencoder, RoutineConfig::JointAlpha { alpha: 0.5 });
    (config.training.precision, config.training.epochs) = (Precision::Bf16, 1);
    if Precision::Bf16.check(device()).is_err() {
        return;
    }
    let rows: Vec<usize> = (0..60).collect();
    let mut together = crate::common::stack(vec![config.clone(), config.clone()], &[rows.clone(), rows]);
    run(&mut together);
    let mut alone = single(&config);
    run(&mut alone);
    let norm = |t: &Tensor| t.norm().double_value(&[]);
    for (a, b) in together.parameters.tensors.iter().zip(&alone.parameters.tensors) {
        let (a, b) = (a.get(1), b.get(0));
        assert!(norm(&(&a - &b)) < 0.02 * norm(&b), "products of 8 bits, summed in another order");
    }
}

#[test]
fn whoever_trains_or_asks_for_a_device_flushes_denormals() {
    let train = || {
        let config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
        let data = data(Device::Cpu);
        let mut stack = Stack::new(vec![config], &[&[0, 1]], &data, Device::Cpu).unwrap();
        stack.train_epoch(&data).unwrap();
    };
    let ask = || assert_eq!(dml_models::device("cpu"), Ok(Device::Cpu));
    for call in [&train as &(dyn Fn() + Sync), &ask] {
        let flushes = || {
            set_flush_denormal(false);
            assert!(!flushes_denormals());
            call();
            flushes_denormals()
        };
        assert!(std::thread::scope(|scope| scope.spawn(flushes).join().unwrap()));
    }
}
