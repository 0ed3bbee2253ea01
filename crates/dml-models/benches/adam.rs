//! A step of Adam over the parameters of a DML autoencoder, on one thread, beside copying as much
//! memory as it reads and writes.
//!
//!     cargo bench -p dml-models --profile dev

#[path = "../examples/train_on_your_images.rs"]
#[expect(dead_code, reason = "a program of its own, whose settings this one starts from")]
mod settings;

use divan::Bencher;
use divan::counter::BytesCount;
use dml_data::ImageShape;
use dml_models::{Adam, NetworkConfig, Parameters, Stack, TrainingData};
use ndarray::Array2;
use tch::{Device, Kind, Tensor};

/// Weights, gradients and two moments are read, all but the gradients written.
const PASSES: usize = 7;

fn main() {
    tch::set_num_threads(1);
    divan::main();
}

/// The parameters of a network of 784, 512 and 256 units and its mirror, in f32.
fn parameters() -> Parameters {
    let mut config = settings::config();
    let mlp = |hidden: &[i64]| NetworkConfig::Mlp { hidden: hidden.into() };
    (config.model.encoder, config.model.decoder) = (mlp(&[512, 256]), mlp(&[256, 512]));
    let images = Array2::zeros((1_000, 784));
    let labels: Vec<u8> = (0..1_000).map(|i| (i % 10) as u8).collect();
    let shape = ImageShape { channels: 1, height: 28, width: 28 };
    let data = TrainingData::new(images.view(), &labels, shape, 10, Device::Cpu);
    let rows: Vec<usize> = (0..100).collect();
    Stack::new(vec![config], &[&rows], &data, Device::Cpu).unwrap().parameters
}

#[divan::bench]
fn step(bencher: Bencher) {
    let mut parameters = parameters();
    let training = settings::config().training;
    let mut adam = Adam::new(&parameters, &training, vec![training.learning_rate]);
    let leaves = parameters.leaves();
    let sum = leaves.iter().map(|leaf| leaf.square().sum(Kind::Float)).reduce(|a, b| a + b).unwrap();
    (sum / 1e4).backward();
    let bytes = BytesCount::new(PASSES * 4 * parameters.count());
    bencher.counter(bytes).bench_local(|| adam.step(&mut parameters, &leaves, &|_| &[true]));
}

#[divan::bench]
fn copy(bencher: Bencher) {
    let n = parameters().count() * PASSES / 2;
    let from = Tensor::ones([n as i64], (Kind::Float, Device::Cpu));
    let mut to = from.zeros_like();
    bencher.counter(BytesCount::new(2 * 4 * n)).bench_local(|| to.copy_(&from));
}
