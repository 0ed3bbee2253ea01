//! The Rust half of `turns.py`: trains a model for as many steps as asked for and tells what they
//! took. One JSON request a line.
//!
//! Beside a step of fully connected networks stands the limit: its matrix products alone, in f32.

#[path = "../../examples/train_on_your_images.rs"]
#[expect(dead_code, reason = "a program of its own, whose settings this one starts from")]
mod settings;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use dml_data::{Dataset, Source};
use dml_models::{Adam, NetworkConfig, Parameters, Precision, Stack, System, TrainConfig, TrainingData};
use dml_priors::{PriorConfig, PseudoInputs, Vamp};
use ndarray::s;
use serde::Deserialize;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor, no_grad};

const PIXELS: i64 = 784;
const LATENT: i64 = 10;
const PSEUDO_INPUTS: i64 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Network {
    Mlp,
    Conv,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Request {
    /// Steps of a model.
    Step(OfModel),
    /// Adam's part of those of the DML autoencoder, alone.
    Adam { steps: usize },
}

#[derive(Debug, Deserialize)]
struct OfModel {
    system: System,
    network: Network,
    batch: usize,
    steps: usize,
    precision: Precision,
}

fn main() -> Result<(), Box<dyn Error>> {
    tch::set_num_threads(1);
    let dataset = dml_data::load("mnist", &Source::from_env(true)?, false)?;
    let (mut trainings, mut adam) = (HashMap::new(), None);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match serde_json::from_str(&line)? {
            Request::Step(asked) => match trainings.entry(line) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Training::new(&asked, &dataset)?),
            }
            .more(&asked)?,
            Request::Adam { steps } => {
                let alone = match adam.take() {
                    Some(alone) => alone,
                    None => AdamAlone::new(&dataset)?,
                };
                adam.insert(alone).more(steps)?
            }
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// Adam with weights and a gradient that stays.
struct AdamAlone {
    adam: Adam,
    parameters: Parameters,
    leaves: Vec<Tensor>,
}

impl AdamAlone {
    fn new(dataset: &Dataset) -> Result<Self, Box<dyn Error>> {
        let (system, network, precision) = (System::DmlAutoencoder, Network::Mlp, Precision::F32);
        let model = Training::new(&OfModel { system, network, batch: 64, steps: 10, precision }, dataset)?;
        let (stack, config) = (model.stack, settings::config().training);
        let adam = Adam::new(&stack.parameters, &config, vec![config.learning_rate]);
        let leaves = stack.parameters.leaves();
        let squares = leaves.iter().map(|leaf| leaf.square().sum(Kind::Float));
        squares.reduce(|sum, square| sum + square).ok_or("nothing is learned")?.backward();
        Ok(Self { adam, parameters: stack.parameters, leaves })
    }

    fn more(&mut self, steps: usize) -> Result<Value, Box<dyn Error>> {
        let Self { adam, parameters, leaves } = self;
        timed(|| (0..steps).for_each(|_| adam.step(parameters, leaves, &|_| &[true])))
    }
}

/// A model between two requests.
struct Training {
    stack: Stack,
    data: TrainingData,
    products: Option<Vec<Product>>,
}

impl Training {
    /// As many images as the steps take, of which the first tenth have a label.
    fn new(request: &OfModel, dataset: &Dataset) -> Result<Self, Box<dyn Error>> {
        let n = request.steps * request.batch;
        let images = dataset.train.images.slice(s![..n, ..]);
        let data = TrainingData::new(images, &dataset.train.labels[..n], dataset.shape, 10, Device::Cpu);
        let labelled: Vec<usize> = (0..n / 10).collect();
        let stack = Stack::new(vec![config(request)], &[&labelled], &data, Device::Cpu)?;
        let products = (request.network == Network::Mlp).then(|| products(request));
        Ok(Self { stack, data, products })
    }

    /// An epoch of these steps, and as often the products of a step.
    fn more(&mut self, request: &OfModel) -> Result<Value, Box<dyn Error>> {
        let mut trained = Ok(None);
        let mut answer = timed(|| trained = self.stack.train_epoch(&self.data))?;
        trained?.ok_or("the training is over")?;
        if let Some(products) = &self.products {
            let all = || (0..request.steps).for_each(|_| products.iter().for_each(Product::compute));
            answer["products"] = timed(|| no_grad(all))?;
        }
        Ok(answer)
    }
}

fn config(request: &OfModel) -> TrainConfig {
    let mut config = settings::config();
    let mlp = |hidden: &[i64]| NetworkConfig::Mlp { hidden: hidden.into() };
    let conv = |channels: &[i64]| NetworkConfig::Conv { channels: channels.into(), hidden: 128 };
    (config.model.encoder, config.model.decoder) = match request.network {
        Network::Mlp => (mlp(&[512, 256]), mlp(&[256, 512])),
        Network::Conv => (conv(&[32, 64]), conv(&[64, 32])),
    };
    (config.model.system, config.model.latent_dim) = (request.system, LATENT);
    config.prior = PriorConfig::Vamp(Vamp { components: PSEUDO_INPUTS, init: PseudoInputs::Data });
    config.sampling.batch_size = request.batch;
    config.training.epochs = u32::MAX;
    config.training.precision = request.precision;
    config
}

/// A fully connected layer, forwards and backwards.
struct Product {
    input: Tensor,
    weight: Tensor,
    gradient: Tensor,
    /// Whether what comes before it learns, too.
    has_layers_before: bool,
}

impl Product {
    fn compute(&self) {
        let Self { input, weight, gradient, .. } = self;
        let _ = (input.mm(weight), input.tr().mm(gradient));
        if self.has_layers_before {
            let _ = gradient.mm(&weight.tr());
        }
    }
}

/// The products of a step: labelled and unlabelled images go through the encoder as one batch, the
/// pseudo-inputs, which learn, by themselves, and unlabelled images through the decoder.
fn products(request: &OfModel) -> Vec<Product> {
    let batch = request.batch as i64;
    let [has_posterior, has_decoder] = [request.system == System::MetricVae, request.system != System::Dml];
    let layers = |rows: i64, widths: &[i64], learns_input: bool| -> Vec<Product> {
        let layer = |(i, w): (usize, &[i64])| {
            let tensor = |shape: [i64; 2]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
            let [input, weight, gradient] = [[rows, w[0]], [w[0], w[1]], [rows, w[1]]].map(tensor);
            Product { input, weight, gradient, has_layers_before: i > 0 || learns_input }
        };
        widths.windows(2).enumerate().map(layer).collect()
    };
    let encoder = |rows, learns_input| {
        let mut own = layers(rows, &[PIXELS, 512, 256, LATENT], learns_input);
        if has_posterior {
            own.extend(layers(rows, &[256, LATENT], true));
        }
        own
    };
    let mut all = encoder(if has_decoder { 2 * batch } else { batch }, false);
    if has_posterior {
        all.extend(encoder(PSEUDO_INPUTS, true));
    }
    if has_decoder {
        all.extend(layers(batch, &[LATENT, 256, 512, PIXELS], true));
    }
    all
}

/// Wall seconds of some work, and those that this thread had a processor for (Linux only).
fn timed(work: impl FnOnce()) -> Result<Value, Box<dyn Error>> {
    let (start, begin) = (Instant::now(), processor_seconds()?);
    work();
    Ok(json!({"seconds": start.elapsed().as_secs_f64(), "processor": processor_seconds()? - begin}))
}

fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
