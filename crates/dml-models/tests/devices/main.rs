//! The same training on the CPU and on CUDA. Where there is no CUDA the CPU stands in for it, so
//! that the comparison itself is run; the result of each test then says so: `test [the CPU with
//! itself] …`.

#[path = "../training/common.rs"]
#[expect(dead_code, reason = "made for the tests of training, of which these need a part")]
mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;

use dml_losses::{Distance, LossConfig, Mining, Triplet};
use dml_models::{NetworkConfig, RoutineConfig, Stack, System, TrainConfig};
use dml_priors::{Estimator, Hypercube, PriorConfig};
use libtest_mimic::{Arguments, Trial};
use tch::{Device, Kind, Tensor};

use common::{CLASSES, conv, images, neighbours, of_every_prior, rows, run, stack_on, trial};

fn main() -> ExitCode {
    let name = std::env::var("DML_TEST_DEVICE").unwrap_or_else(|_| "auto".to_string());
    let device = dml_models::device(&name).expect("the device that DML_TEST_DEVICE names is there");
    let compared = if device == Device::Cpu {
        "the CPU with itself".to_string()
    } else {
        format!("the CPU with {}", dml_models::device_name(device))
    };
    let trial = |name: &str, test: fn(Device)| {
        let run = move || {
            test(device);
            Ok(())
        };
        Trial::test(name, run).with_kind(compared.as_str())
    };
    let trials = vec![
        trial("tensors_of_two_devices_do_not_mix", tensors_of_two_devices_do_not_mix),
        trial("both_give_the_same_first_gradients", both_give_the_same_first_gradients),
        trial("both_give_the_same_scores_within_seed_noise", both_give_the_same_scores_within_seed_noise),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Every loss, prior and kind of network.
fn trials() -> Vec<TrainConfig> {
    let joint = || RoutineConfig::JointAlpha { alpha: 0.5 };
    let triplet = |mining, distance, normalized| Triplet { margin: 0.2, mining, distance, normalized }.into();
    let mut losses = LossConfig::all();
    losses.push(triplet(Mining::All, Distance::Euclidean, false));
    losses.push(triplet(Mining::Hard, Distance::Euclidean, false));
    let exact = Hypercube { side: 2.0, logvar: -1.0, estimator: Estimator::Exact };
    let exact = TrainConfig { prior: PriorConfig::Hypercube(exact), ..trial(System::MetricVae, joint()) };
    let of_losses = losses.into_iter().map(|loss| TrainConfig { loss, ..trial(System::Dml, joint()) });
    let of_priors = of_every_prior().into_iter().chain([exact]).map(conv);
    of_losses.chain(of_priors).chain([trial(System::DmlAutoencoder, joint())]).collect()
}

/// The gradients of a training's first step, by name, each `[M, ...]`: ten times Adam's first
/// moments after it.
///
/// A routine of two stages takes one step in each, of which the moments hold both gradients. Steps
/// are so small that they leave the weights as they are: two devices compare the same models.
fn first_gradients(device: Device, config: &TrainConfig, members: u64) -> Vec<(String, Tensor)> {
    let mut config = config.clone();
    config.sampling.batch_size = images().nrows();
    config.training.learning_rate = 1e-12;
    let epochs = if matches!(config.routine, RoutineConfig::Staged { .. }) { 2 } else { 1 };
    config.training.epochs = epochs;
    let configs = (0..members).map(|seed| TrainConfig { seed, ..config.clone() }).collect();
    let masks: Vec<Vec<usize>> = (0..members).map(|member| rows(40 + 10 * member as usize)).collect();
    let mut stack = stack_on(device, configs, &masks);
    run(&mut stack);
    let folder = tempfile::tempdir().unwrap();
    let mut gradients = Vec::new();
    for member in 0..members {
        stack.save_checkpoint(member as usize, folder.path()).unwrap();
        let saved = folder.path().join(format!("checkpoint-{epochs}.safetensors"));
        let saved = Tensor::read_safetensors(saved).unwrap();
        let moments = saved.into_iter().filter(|(name, _)| name.starts_with("first/"));
        gradients.extend(moments.map(|(name, moment)| (format!("{member}/{name}"), moment * 10.0)));
    }
    gradients.sort_by(|a, b| a.0.cmp(&b.0));
    gradients
}

fn tensors_of_two_devices_do_not_mix(device: Device) {
    let [here, there] = [Device::Cpu, device].map(|device| Tensor::ones([2], (Kind::Float, device)));
    assert_eq!(here.f_add(&there).is_err(), device != Device::Cpu);
}

/// What a trial file can call a network, as serde lists it, and what the trials call theirs.
fn kinds_of_networks(trials: &[TrainConfig]) -> [BTreeSet<String>; 2] {
    let listed = serde_json::from_str::<NetworkConfig>(r#"{"kind": "?"}"#).unwrap_err().to_string();
    // "unknown variant `?`, expected `mlp` or `conv`"
    let known = listed.split('`').skip(3).step_by(2).map(str::to_owned);
    let kind = |trial: &TrainConfig| serde_json::to_value(&trial.model.encoder).unwrap()["kind"].clone();
    let tried = trials.iter().map(|trial| kind(trial).as_str().unwrap().to_owned());
    [known.collect(), tried.collect()]
}

fn both_give_the_same_first_gradients(device: Device) {
    let trials = trials();
    let [known, tried] = kinds_of_networks(&trials);
    assert_eq!(known, tried, "every kind of network is compared");
    for config in trials {
        for members in [1, 3] {
            let ours = first_gradients(Device::Cpu, &config, members);
            let theirs = first_gradients(device, &config, members);
            assert_eq!(ours.len(), theirs.len());
            let largest = ours.iter().map(|(_, t)| t.norm().double_value(&[])).fold(0.0, f64::max);
            assert!(largest > 0.0, "{config:?} has a gradient");
            for ((name, a), (_, b)) in ours.iter().zip(&theirs) {
                let apart = (a - b).norm().double_value(&[]);
                // A parameter whose gradient is a thousandth of the largest one holds rounding
                // errors of the others.
                let relative = apart / a.norm().double_value(&[]).max(1e-3 * largest);
                assert!(relative < 1e-4, "{name}, {members} members: {relative:e}, {config:?}");
            }
        }
    }
}

/// kNN accuracy of the embeddings of all images.
fn accuracy(stack: &Stack, member: usize) -> f64 {
    let classes = neighbours(&stack.embed(member, images().view()));
    let right = classes.iter().enumerate().filter(|&(i, &class)| class == i % CLASSES as usize).count();
    right as f64 / classes.len() as f64
}

fn both_give_the_same_scores_within_seed_noise(device: Device) {
    const SEEDS: u64 = 6;
    for system in [System::DmlAutoencoder, System::MetricVae] {
        let config = trial(system, RoutineConfig::JointAlpha { alpha: 0.5 });
        let scores = |device| -> Vec<[f64; 3]> {
            let configs = (0..SEEDS).map(|seed| TrainConfig { seed, ..config.clone() }).collect();
            let masks: Vec<Vec<usize>> = (0..SEEDS).map(|_| rows(12)).collect();
            let mut stack = stack_on(device, configs, &masks);
            run(&mut stack);
            let last =
                |m: usize, curve: &str| stack.members[m].curves[curve].last().copied().flatten().unwrap();
            let of_member = |m| [accuracy(&stack, m), last(m, "supervised"), last(m, "reconstruction")];
            (0..SEEDS as usize).map(of_member).collect()
        };
        let (ours, theirs) = (scores(Device::Cpu), scores(device));
        for score in 0..3 {
            let mean =
                |all: &[[f64; 3]]| all.iter().map(|of_seed| of_seed[score]).sum::<f64>() / SEEDS as f64;
            let squares = ours.iter().map(|of_seed| (of_seed[score] - mean(&ours)).powi(2)).sum::<f64>();
            // All seeds may put every image right: then half an image is the noise.
            let noise = (squares / (SEEDS - 1) as f64).sqrt().max(0.5 / images().nrows() as f64);
            let apart = (mean(&ours) - mean(&theirs)).abs();
            assert!(apart < noise, "{system:?}: {ours:?} on the CPU, {theirs:?} on {device:?}");
        }
    }
}
