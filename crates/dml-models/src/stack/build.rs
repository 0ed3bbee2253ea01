//! Fresh stacks.

use std::collections::BTreeMap;
use std::time::Instant;

use dml_losses::CrossBatchMemory;
use dml_priors::PseudoInputs;
use tch::{Device, Kind, Tensor};

use super::{Member, Stack};
use crate::adam::Adam;
use crate::batches::LabelledBatches;
use crate::config::TrainConfig;
use crate::convert::unit_range;
use crate::error::ConfigError;
use crate::layers::Builder;
use crate::model::Model;
use crate::objective::Objective;
use crate::parameters::{Parameters, Start};
use crate::training_data::TrainingData;

impl Stack {
    /// Fresh models. `masks` are the labelled rows of each, numbers of images in `data`; systems
    /// without a metric loss may have an empty one.
    ///
    /// # Errors
    /// When a config is out of range or of a baseline
    /// ([`System::is_baseline`](crate::System::is_baseline)), when two differ in more than
    /// [`TrainConfig::stacks_with`] allows, or when the prior takes more components from training
    /// images than there are. When there are more or fewer masks than configs, when a mask has a
    /// row that is not in `data`, or whose label is not below `data.n_classes`, or when it has no
    /// row and there is a metric loss.
    pub fn new(
        configs: Vec<TrainConfig>,
        masks: &[&[usize]],
        data: &TrainingData,
        device: Device,
    ) -> Result<Self, ConfigError> {
        let first = check_members(&configs, masks, data)?;
        let mut builder = Builder { precision: first.training.precision, ..Builder::default() };
        let model = Model::new(&mut builder, &first.model, data.shape);
        let objective = declare_objective(&mut builder, &first, data)?;
        let seeds: Vec<u64> = configs.iter().map(|c| c.seed).collect();
        let mut parameters = Parameters::draw(&builder.declarations, &seeds);
        start_from_images(&mut parameters, &builder, &seeds, data);
        for tensor in &mut parameters.tensors {
            *tensor = tensor.to_device(device);
        }
        let rates = configs.iter().map(|c| c.training.learning_rate).collect();
        let adam = Adam::new(&parameters, &first.training, rates);
        let leading = [configs.len() as i64];
        let memory = (first.sampling.memory > 0 && first.model.system.has_metric_loss()).then(|| {
            let options = (Kind::Float, device);
            CrossBatchMemory::new(&leading, first.sampling.memory, first.model.latent_dim, options)
        });
        let members = configs.into_iter().zip(masks).map(|(config, mask)| Member {
            labelled: LabelledBatches::new(config.seed, mask, &data.labels, &config.sampling),
            config,
            curves: BTreeMap::new(),
            diverged: None,
            seconds_before: 0.0,
            checkpoint: None,
        });
        let members = members.collect();
        let (made_for, begun) = (data.extent(), Instant::now());
        Ok(Self {
            model,
            parameters,
            objective,
            members,
            epoch: 0,
            device,
            adam,
            memory,
            pseudo_labelled: false,
            made_for,
            begun,
        })
    }
}

/// Refuses members that cannot be trained, or not in one stack; the first config.
fn check_members(
    configs: &[TrainConfig],
    masks: &[&[usize]],
    data: &TrainingData,
) -> Result<TrainConfig, ConfigError> {
    let conflict = |sentence: &str| Err(ConfigError::conflict(sentence));
    let Some(first) = configs.first().cloned() else { return conflict("a stack needs a member") };
    if configs.len() != masks.len() {
        let (configs, masks) = (configs.len(), masks.len());
        return conflict(&format!("there must be one mask for each config, not {masks} for {configs}"));
    }
    if configs.len() > 1 && first.sampling.memory > 0 {
        return conflict("a model with sampling.memory is not stacked: set it to 0");
    }
    for (config, mask) in configs.iter().zip(masks) {
        config.check()?;
        let system = config.model.system;
        if system.is_baseline() {
            let name = serde_json::json!(system);
            return conflict(&format!("model.system = {name} is not trained: Baseline::fit makes it"));
        }
        if configs.len() > 1 && !first.stacks_with(config) {
            return conflict(
                "members of a stack may differ in their seeds, labels, learning rates, alpha, gamma and beta only, and in none of these by which an epoch has other steps where training.schedule is not \"constant\"",
            );
        }
        data.check_mask(mask)?;
        if mask.is_empty() && system.has_metric_loss() {
            return conflict("a model with a metric loss needs at least one labelled image");
        }
    }
    Ok(first)
}

/// The losses, and their own parameters declared.
fn declare_objective(
    builder: &mut Builder,
    config: &TrainConfig,
    data: &TrainingData,
) -> Result<Objective, ConfigError> {
    let (system, prior) = (config.model.system, config.prior.settings());
    let first = builder.declarations.len();
    if system.has_metric_loss() {
        for shape in config.loss.parameters(config.model.latent_dim, data.n_classes as i64) {
            builder.declare(format!("loss.{}", shape.name), shape.shape, Start::Normal(shape.std));
        }
    }
    let second = builder.declarations.len();
    if system.has_posterior() {
        let (needed, n) = (prior.images_needed(), data.len());
        if needed > n as i64 {
            return Err(ConfigError::conflict(format!(
                "prior.components = {needed} is more than there are training images; it must be at most {n}"
            )));
        }
        for images in prior.parameters(data.images.size()[1]) {
            let start = match images.start {
                PseudoInputs::Data => Start::Images,
                PseudoInputs::Random => Start::Uniform(0.0, 1.0),
            };
            builder.declare(format!("prior.{}", images.name), images.shape.into(), start);
        }
    }
    Ok(Objective {
        loss: config.loss.clone(),
        loss_parameters: first..second,
        prior: config.prior.clone(),
        prior_parameters: second..builder.declarations.len(),
        mixture: None,
        reconstruction: config.reconstruction.clone(),
        instance: config.instance.clone(),
        kl: config.kl.clone(),
    })
}

/// Sets the parameters that start as training images: each member draws its own.
fn start_from_images(parameters: &mut Parameters, builder: &Builder, seeds: &[u64], data: &TrainingData) {
    use rand::seq::index::sample;
    for (tensor, declaration) in parameters.tensors.iter_mut().zip(&builder.declarations) {
        if declaration.start != Start::Images {
            continue;
        }
        let n = declaration.shape[0] as usize;
        let members: Vec<Tensor> = seeds
            .iter()
            .map(|&seed| {
                let mut random = dml_data::random::keyed(seed, &format!("weights/{}", declaration.name), 0);
                let rows: Vec<i64> = sample(&mut random, data.len(), n).iter().map(|r| r as i64).collect();
                let rows = Tensor::from_slice(&rows).to_device(data.images.device());
                unit_range(&data.images.index_select(0, &rows)).to_device(Device::Cpu)
            })
            .collect();
        *tensor = Tensor::stack(&members, 0);
    }
}
