//! Small made images and a small trial.

#[path = "../../examples/train_on_your_images.rs"]
#[expect(dead_code, reason = "a program of its own, whose settings the tests start from")]
mod example;

use dml_data::ImageShape;
use dml_models::{
    EpochLosses, FittedMixture, ModelConfig, NetworkConfig, PseudoLabels, RoutineConfig, SamplingConfig,
    Stack, System, TrainConfig, TrainingConfig, TrainingData,
};
use dml_priors::{Mixture, PriorConfig, Vamp};
use ndarray::{Array2, ArrayView2};
use tch::{Device, Tensor};

/// Classes of the made images.
pub(crate) const CLASSES: i64 = 3;
/// Their shape.
pub(crate) const SHAPE: ImageShape = ImageShape { channels: 1, height: 7, width: 7 };
pub(crate) const N: usize = 240;

/// A bright bar at a height that depends on the class, with a random brightness and noise.
pub(crate) fn images() -> Array2<u8> {
    images_of(SHAPE, N)
}

/// The same of another shape and number.
pub(crate) fn images_of(shape: ImageShape, n: usize) -> Array2<u8> {
    use rand::Rng;
    let mut random = dml_data::random::keyed(0, "test images", 0);
    Array2::from_shape_fn((n, shape.pixels()), |(i, p)| {
        let bar = p / shape.width == 1 + 2 * (i % CLASSES as usize);
        random.gen_range(0..40) + if bar { random.gen_range(120..=215) } else { 0 }
    })
}

/// The images as training data, in three classes.
pub(crate) fn data(device: Device) -> TrainingData {
    data_of(SHAPE, N, device)
}

/// The same of another shape and number.
pub(crate) fn data_of(shape: ImageShape, n: usize, device: Device) -> TrainingData {
    let labels: Vec<u8> = (0..n).map(|i| (i % CLASSES as usize) as u8).collect();
    TrainingData::new(images_of(shape, n).view(), &labels, shape, CLASSES as usize, device)
}

/// A metric VAE with each prior there is, of few enough components for the made images.
pub(crate) fn of_every_prior() -> Vec<TrainConfig> {
    let of = |prior| {
        let prior = match prior {
            PriorConfig::Vamp(vamp) => PriorConfig::Vamp(Vamp { components: 5, ..vamp }),
            PriorConfig::Mixture(_) => PriorConfig::Mixture(Mixture { components: 3 }),
            other => other,
        };
        let routine = match prior.settings().fitted_components() {
            Some(_) => RoutineConfig::Staged { dml_epochs: 1, gamma: 1.0 },
            None => RoutineConfig::JointAlpha { alpha: 0.5 },
        };
        TrainConfig { prior, ..trial(System::MetricVae, routine) }
    };
    PriorConfig::all().into_iter().map(of).collect()
}

/// The same trial with convolutions.
pub(crate) fn conv(mut config: TrainConfig) -> TrainConfig {
    let network = |channels: [i64; 2]| NetworkConfig::Conv { channels: channels.into(), hidden: 16 };
    (config.model.encoder, config.model.decoder) = (network([4, 8]), network([8, 4]));
    config
}

/// The first `n` rows.
pub(crate) fn rows(n: usize) -> Vec<usize> {
    (0..n).collect()
}

/// A trial of three epochs.
pub(crate) fn trial(system: System, routine: RoutineConfig) -> TrainConfig {
    let network = NetworkConfig::Mlp { hidden: vec![16] };
    let base = example::config();
    TrainConfig {
        seed: 3,
        model: ModelConfig { system, encoder: network.clone(), decoder: network, ..base.model },
        routine,
        sampling: SamplingConfig { batch_size: 32, ..base.sampling },
        training: TrainingConfig { epochs: 3, ..base.training },
        ..base
    }
}

/// The device that `DML_TEST_DEVICE` names, which must be there; the CPU without it.
pub(crate) fn device() -> Device {
    dml_models::device(&std::env::var("DML_TEST_DEVICE").unwrap_or_else(|_| "cpu".into())).unwrap()
}

/// Fresh models with these labelled rows.
pub(crate) fn stack(configs: Vec<TrainConfig>, masks: &[Vec<usize>]) -> Stack {
    stack_on(device(), configs, masks)
}

/// The same on any device.
pub(crate) fn stack_on(device: Device, configs: Vec<TrainConfig>, masks: &[Vec<usize>]) -> Stack {
    let masks: Vec<&[usize]> = masks.iter().map(Vec::as_slice).collect();
    Stack::new(configs, &masks, &data(device), device).unwrap()
}

/// One fresh model with 60 labels.
pub(crate) fn single(config: &TrainConfig) -> Stack {
    stack(vec![config.clone()], &[rows(60)])
}

/// A mixture for tests of the training loop alone: equal weights at the first embeddings.
fn fit(embeddings: ArrayView2<f32>, components: usize, seed: u64) -> FittedMixture {
    let first = seed as usize % 2;
    let means = embeddings.slice(ndarray::s![first..first + components, ..]).to_owned();
    let variances = Array2::ones(means.dim());
    FittedMixture { weights: vec![1.0 / components as f32; components], means, variances }
}

/// Labels for tests of the training loop alone: those of the nearest true label's row, for as large
/// a part of the rows as is asked for.
fn guess(stack: &Stack, member: usize, data: &TrainingData, share: f64) -> PseudoLabels {
    let embeddings = stack.embed_training(member, data);
    let of_row = |row: usize| {
        let distance = |given: usize| (&embeddings.row(row) - &embeddings.row(given)).mapv(|x| x * x).sum();
        let nearest = (0..6).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
        (row, (nearest % CLASSES as usize) as i32)
    };
    (0..(share * N as f64) as usize).map(of_row).collect()
}

/// One more epoch, after the mixtures and the labels where they are due.
pub(crate) fn next_epoch(stack: &mut Stack) -> Option<EpochLosses> {
    let data = data(stack.device);
    if let Some(components) = stack.mixture_due() {
        let of_member = |m: usize| {
            let member = &stack.members[m];
            let fit = || fit(stack.embed_training(m, &data).view(), components, member.config.seed);
            member.diverged.is_none().then(fit)
        };
        let mixtures = (0..stack.members.len()).map(of_member).collect();
        stack.set_mixtures(mixtures).unwrap();
    }
    if let Some(share) = stack.pseudo_labels_due() {
        let of_member = |m: usize| {
            let member = &stack.members[m];
            member.diverged.is_none().then(|| guess(stack, m, &data, share))
        };
        let guessed = (0..stack.members.len()).map(of_member).collect();
        stack.set_pseudo_labels(guessed);
    }
    stack.train_epoch(&data).unwrap()
}

/// Trains to the end.
pub(crate) fn run(stack: &mut Stack) {
    while next_epoch(stack).is_some() {}
}

/// One model with 60 labels, trained.
pub(crate) fn trained(config: &TrainConfig) -> Stack {
    let mut stack = single(config);
    run(&mut stack);
    stack
}

pub(crate) fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    a.size() == b.size() && a.equal(b)
}

/// The class that the five nearest other images of each image have most often; of two as often the
/// first.
pub(crate) fn neighbours(embeddings: &Array2<f32>) -> Vec<usize> {
    let of_image = |i: usize| {
        let distance = |j: usize| (&embeddings.row(i) - &embeddings.row(j)).mapv(|x| x * x).sum();
        let mut others: Vec<usize> = (0..embeddings.nrows()).filter(|&j| j != i).collect();
        others.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        let votes = |class: usize| others[..5].iter().filter(|&&j| j % CLASSES as usize == class).count();
        (0..CLASSES as usize).rev().max_by_key(|&class| votes(class)).unwrap()
    };
    (0..embeddings.nrows()).map(of_image).collect()
}
