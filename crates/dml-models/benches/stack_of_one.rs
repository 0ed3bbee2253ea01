//! What a stack costs where it has one member: a DML autoencoder trained by this crate, beside the
//! same written in plain tch.
//!
//!     cargo run -p dml-models --example stack_of_one
//!
//! Network, batches, loss and values are the same, and the losses at the end are compared. Epochs
//! alternate; each row is the median of the rounds' ratios with their quartiles. Plain tch comes
//! with our Adam and with LibTorch's own. What is measured is the thread's time on a processor, so
//! other work on the machine disturbs less (Linux only).

#[path = "../examples/train_on_your_images.rs"]
#[expect(dead_code, reason = "a program of its own, whose settings this one starts from")]
mod settings;

use dml_data::{ImageShape, random::keyed};
use dml_models::{Adam, NetworkConfig, Parameters, Stack, TrainConfig, TrainingData};
use ndarray::Array2;
use rand::Rng;
use rand::seq::SliceRandom;
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, Tensor};

const SHAPE: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };
const STEPS: usize = 60;
const ROUNDS: usize = 11;
const CLASSES: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tch::set_num_threads(1);
    println!("one member / plain tch, time of a step   with our Adam             with LibTorch's Adam");
    let mlp = |hidden: &[i64]| NetworkConfig::Mlp { hidden: hidden.into() };
    let conv = |channels: &[i64]| NetworkConfig::Conv { channels: channels.into(), hidden: 128 };
    let mlp = |batch| ("mlp [512, 256]", mlp(&[512, 256]), mlp(&[256, 512]), batch);
    for (name, encoder, decoder, batch) in
        [mlp(64), mlp(128), ("conv [32, 64]", conv(&[32, 64]), conv(&[64, 32]), 64)]
    {
        let mut config = settings::config();
        (config.model.encoder, config.model.decoder) = (encoder, decoder);
        config.model.latent_dim = 10;
        config.sampling.batch_size = batch;
        config.training.epochs = ROUNDS as u32;
        let (ms, by_ours, by_theirs) = compare(&config)?;
        println!("{name}, batch {batch}: {ms:>6.2} ms          {by_ours}      {by_theirs}");
    }
    Ok(())
}

/// Milliseconds of our step, and our time over that of plain tch, with either Adam.
fn compare(config: &TrainConfig) -> Result<(f64, String, String), Box<dyn std::error::Error>> {
    let (images, labels) = images(STEPS * config.sampling.batch_size);
    let data = TrainingData::new(images.view(), &labels, SHAPE, CLASSES, Device::Cpu);
    let mask: Vec<usize> = (0..600).collect();
    let mut stack = Stack::new(vec![config.clone()], &[&mask], &data, Device::Cpu)?;
    let mut with_ours = Plain::new(config, &stack);
    let vs = nn::VarStore::new(Device::Cpu);
    let mut with_theirs = Plain::new(config, &stack);
    for (name, tensor) in with_theirs.parameters.names.iter().zip(&mut with_theirs.leaves) {
        *tensor = vs.root().var_copy(&name.replace('.', "_"), tensor);
    }
    let mut optimiser = nn::Adam::default().build(&vs, config.training.learning_rate)?;

    let mut times = Vec::new(); // of a round: ours, plain with our Adam, plain with LibTorch's
    for round in 0..ROUNDS {
        let begin = processor_seconds()?;
        stack.train_epoch(&data)?;
        let ours = processor_seconds()? - begin;
        let begin = processor_seconds()?;
        with_ours.epoch(round, &images, &labels, &mask, |plain| {
            plain.adam.step(&mut plain.parameters, &plain.leaves, &|_| &[true]);
            for leaf in &mut plain.leaves {
                leaf.zero_grad();
            }
        });
        let plain = processor_seconds()? - begin;
        let begin = processor_seconds()?;
        with_theirs.epoch(round, &images, &labels, &mask, |_| {
            optimiser.step();
            optimiser.zero_grad();
        });
        times.push([ours, plain, processor_seconds()? - begin]);
    }
    times.remove(0); // the first round warms up
    let ours = *stack.members[0].curves["reconstruction"].last().ok_or("a curve")?;
    for plain in [&with_ours, &with_theirs] {
        let ratio = plain.reconstruction / ours.ok_or("a value")?;
        assert!((0.9..1.1).contains(&ratio), "they learn the same thing: {ratio}");
    }
    let ms = quartiles(times.iter().map(|t| t[0] * 1e3 / STEPS as f64).collect())[1];
    let ratio = |other: usize| {
        let [low, median, high] = quartiles(times.iter().map(|t| t[0] / t[other]).collect());
        format!("{median:.3} ({low:.3} to {high:.3})")
    };
    Ok((ms, ratio(1), ratio(2)))
}

/// As one writes it without stacks: matrices without a leading dimension, leaves that live as long
/// as the model.
struct Plain<'a> {
    config: &'a TrainConfig,
    parameters: Parameters,
    leaves: Vec<Tensor>,
    adam: Adam,
    pixels: Tensor,
    reconstruction: f64,
}

impl<'a> Plain<'a> {
    fn new(config: &'a TrainConfig, stack: &Stack) -> Self {
        let tensors = stack.parameters.tensors.iter().map(|t| t.squeeze_dim(0).copy()).collect();
        let parameters = Parameters { names: stack.parameters.names.clone(), tensors };
        let adam = Adam::new(&parameters, &config.training, vec![config.training.learning_rate]);
        let leaves = parameters.leaves();
        Self { config, parameters, leaves, adam, pixels: Tensor::new(), reconstruction: 0.0 }
    }

    fn epoch(
        &mut self,
        round: usize,
        images: &Array2<u8>,
        labels: &[u8],
        mask: &[usize],
        mut step: impl FnMut(&mut Self),
    ) {
        if round == 0 {
            let values = images.as_slice().expect("standard layout");
            self.pixels = Tensor::from_slice(values).reshape([labels.len() as i64, -1]);
        }
        let batch = self.config.sampling.batch_size;
        let mut random = keyed(9, "plain", round as u64);
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.shuffle(&mut random);
        let mut labelled: Vec<usize> = mask.iter().copied().cycle().take(labels.len()).collect();
        labelled.shuffle(&mut random);
        let mut sum = Tensor::zeros([], (Kind::Double, Device::Cpu));
        for (all, labelled) in order.chunks(batch).zip(labelled.chunks(batch)) {
            let images = self.batch(all);
            let decoded = self.decode(&self.encode(&images)).sigmoid();
            let reconstruction =
                (decoded - &images).square().sum_dim_intlist(-1, false, Kind::Float).mean(Kind::Float);
            let z = self.encode(&self.batch(labelled));
            let own: Vec<i64> = labelled.iter().map(|&row| i64::from(labels[row])).collect();
            let supervised = self.config.loss.forward(&[], &z, &Tensor::from_slice(&own));
            (&reconstruction * 0.5 + supervised * 0.5).backward();
            step(self);
            sum += reconstruction.detach();
        }
        self.reconstruction = sum.double_value(&[]) / STEPS as f64;
    }

    fn batch(&self, rows: &[usize]) -> Tensor {
        let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        self.pixels.index_select(0, &Tensor::from_slice(&rows)).to_kind(Kind::Float) / 255.0
    }

    fn of(&self, name: &str) -> &Tensor {
        let place = self.parameters.names.iter().position(|n| n == name);
        &self.leaves[place.unwrap_or_else(|| panic!("there is a {name}"))]
    }

    fn linear(&self, name: &str, x: &Tensor) -> Tensor {
        self.of(&format!("{name}.bias")).addmm(x, self.of(&format!("{name}.weight")))
    }

    fn encode(&self, images: &Tensor) -> Tensor {
        let features = if let NetworkConfig::Mlp { .. } = &self.config.model.encoder {
            self.linear("encoder.1", &self.linear("encoder.0", images).relu()).relu()
        } else {
            let mut x = images.reshape([-1, 1, 28, 28]);
            for i in 0..2 {
                let (weight, bias) = self.convolution("encoder", i);
                x = x.conv2d(weight, Some(bias), [2, 2], [1, 1], [1, 1], 1).relu();
            }
            self.linear("encoder.dense", &x.flatten(1, -1)).relu()
        };
        self.linear("head.mean", &features)
    }

    fn decode(&self, z: &Tensor) -> Tensor {
        if let NetworkConfig::Mlp { .. } = &self.config.model.decoder {
            let x = self.linear("decoder.1", &self.linear("decoder.0", z).relu()).relu();
            return self.linear("decoder.2", &x);
        }
        let x = self.linear("decoder.dense.0", z).relu();
        let x = self.linear("decoder.dense.1", &x).relu().reshape([-1, 64, 7, 7]);
        let (weight, bias) = self.convolution("decoder", 0);
        let x = x.conv_transpose2d(weight, Some(bias), [2, 2], [1, 1], [1, 1], 1, [1, 1]).relu();
        let (weight, bias) = self.convolution("decoder", 1);
        x.conv_transpose2d(weight, Some(bias), [2, 2], [1, 1], [1, 1], 1, [1, 1]).flatten(1, -1)
    }

    fn convolution(&self, network: &str, i: usize) -> (&Tensor, &Tensor) {
        (self.of(&format!("{network}.{i}.weight")), self.of(&format!("{network}.{i}.bias")))
    }
}

/// Noise with a bright row that tells the class.
fn images(n: usize) -> (Array2<u8>, Vec<u8>) {
    let mut random = keyed(0, "images", 0);
    let labels: Vec<u8> = (0..n).map(|i| (i % CLASSES) as u8).collect();
    let images = Array2::from_shape_fn((n, SHAPE.pixels()), |(i, pixel)| {
        let lit = pixel / SHAPE.width / 2 == usize::from(labels[i]);
        random.gen_range(0..60) + if lit { 180 } else { 0 }
    });
    (images, labels)
}

/// Time that this thread has had a processor for.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

/// The quarter, the half and the three quarters of sorted values.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
