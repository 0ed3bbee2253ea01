//! A stack: M models of one shape in training, each with its own seed, labels, weights and learning rate.

use std::collections::BTreeMap;
use std::time::Instant;

use dml_losses::CrossBatchMemory;
use dml_priors::{Gaussian, Prior, PriorConfig, PriorError, PseudoInputs};
use ndarray::{Array2, ArrayView2};
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::adam::Adam;
use crate::batches::LabelledBatches;
use crate::config::{ConfigError, Embedding, TrainConfig};
use crate::model::{Latent, Model};
use crate::network::Builder;
use crate::objective::Objective;
use crate::parameters::{Parameters, Start};
use crate::training_data::TrainingData;

/// Images in a block when a whole data set is embedded.
const EMBED_BLOCK: i64 = 2000;

/// One model of a stack.
#[derive(Debug)]
pub struct Member {
    /// Everything about its training.
    pub config: TrainConfig,
    /// Its labelled draw.
    pub(crate) labelled: LabelledBatches,
    /// Terms of the loss, one value an epoch.
    pub curves: BTreeMap<String, Vec<Option<f64>>>,
    /// The first epoch with a value that was not finite, and which value it was.
    pub diverged: Option<(u32, String)>,
    /// What its checkpoint had taken when this stack was put there.
    pub(crate) seconds_before: f64,
}

/// M models of one shape, between two epochs of their training.
///
/// Pixels are u8 everywhere, and divided by 255 before a network sees them.
///
/// # Panics
/// What takes a member's number, 0 to M - 1, at a larger one; what takes images or latent points, at rows of another length than the
/// model's.
#[derive(Debug)]
pub struct Stack {
    /// The networks.
    pub model: Model,
    /// All learned tensors.
    pub parameters: Parameters,
    /// The losses.
    pub(crate) objective: Objective,
    /// The models.
    pub members: Vec<Member>,
    /// Epochs done.
    pub epoch: u32,
    /// Where the tensors are.
    pub device: Device,
    pub(crate) adam: Adam,
    pub(crate) memory: Option<CrossBatchMemory>,
    /// [`TrainingData::extent`] of what it was made for.
    pub(crate) made_for: String,
    begun: Instant,
}

impl Stack {
    /// Fresh models. `masks` are the labelled rows of each, numbers of images in `data`; systems without a metric loss may have an empty one.
    ///
    /// # Errors
    /// When a config is out of range or of a baseline ([`System::is_baseline`](crate::System::is_baseline)), when two differ in more than
    /// [`TrainConfig::stacks_with`] allows, or when the prior takes more components from training images than there are. When there are more
    /// or fewer masks than configs, when a mask has a row that is not in `data`, or whose label is not below `data.n_classes`, or when it
    /// has no row and there is a metric loss.
    pub fn new(
        configs: Vec<TrainConfig>,
        masks: &[&[usize]],
        data: &TrainingData,
        device: Device,
    ) -> Result<Self, ConfigError> {
        let conflict = |sentence: String| Err(ConfigError::Conflict(sentence));
        let Some(first) = configs.first().cloned() else {
            return conflict("a stack needs a member".into());
        };
        if configs.len() != masks.len() {
            let (configs, masks) = (configs.len(), masks.len());
            return conflict(format!("there must be one mask for each config, not {masks} for {configs}"));
        }
        if configs.len() > 1 && first.sampling.memory > 0 {
            return conflict("a model with sampling.memory is not stacked: set it to 0".into());
        }
        for (config, mask) in configs.iter().zip(masks) {
            config.check()?;
            let system = config.model.system;
            if system.is_baseline() {
                return conflict(format!(
                    "model.system = {} is not trained: Baseline::fit makes it",
                    serde_json::json!(system)
                ));
            }
            if configs.len() > 1 && !first.stacks_with(config) {
                return conflict(
                    "members of a stack may differ in their seeds, labels, learning rates and weights of terms only".into(),
                );
            }
            data.check_mask(mask)?;
            if mask.is_empty() && system.has_metric_loss() {
                return conflict("a model with a metric loss needs at least one labelled image".into());
            }
        }
        let mut builder = Builder::default();
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
        });
        let members = members.collect();
        let (made_for, begun) = (data.extent(), Instant::now());
        Ok(Self { model, parameters, objective, members, epoch: 0, device, adam, memory, made_for, begun })
    }

    /// A member's share of the seconds since this stack was made, which are divided by its members, and what it had taken up to
    /// its checkpoint.
    pub fn seconds(&self, member: usize) -> f64 {
        self.members[member].seconds_before + self.begun.elapsed().as_secs_f64() / self.members.len() as f64
    }

    /// Embeddings of images by one member: `[n, pixels]`, u8, to `[n, latent_dim]`; of a posterior what [`Embedding`] says. Here tensors
    /// end.
    pub fn embed(&self, member: usize, images: ArrayView2<u8>) -> Array2<f32> {
        self.embed_tensor(member, &self.pixels(images))
    }

    /// [`Stack::embed`] of the training images.
    pub(crate) fn embed_training(&self, member: usize, data: &TrainingData) -> Array2<f32> {
        self.embed_tensor(member, &data.images)
    }

    fn embed_tensor(&self, member: usize, images: &Tensor) -> Array2<f32> {
        let _guard = no_grad_guard();
        let parameters = self.of_member(member);
        let config = &self.members[member].config;
        let n = images.size()[0];
        if n == 0 {
            return Array2::zeros((0, config.model.latent_dim as usize));
        }
        let mut blocks = Vec::new();
        for start in (0..n).step_by(EMBED_BLOCK as usize) {
            let block = images.narrow(0, start, EMBED_BLOCK.min(n - start)).to_device(self.device);
            let latent = self.model.encode(&parameters, &unit_range(&block).unsqueeze(0));
            let points = match (&latent, config.model.embedding) {
                (Latent::Normal(posterior), Embedding::Sample) => {
                    let noise = noise_of_images(config.seed, &block, config.model.latent_dim);
                    posterior.sample(&noise.to_device(self.device).unsqueeze(0))
                }
                _ => latent.centre().shallow_clone(),
            };
            blocks.push(points.squeeze_dim(0));
        }
        to_array(&Tensor::cat(&blocks, 0))
    }

    /// The parameters of one member, as those of a stack of one.
    pub(crate) fn of_member(&self, member: usize) -> Vec<Tensor> {
        let members = self.members.len();
        assert!(member < members, "there is no member {member} in a stack of {members}: they count from 0");
        self.parameters.tensors.iter().map(|t| t.narrow(0, member as i64, 1)).collect()
    }

    /// Images of the models' shape, `[n, pixels]`, u8.
    pub(crate) fn pixels(&self, images: ArrayView2<u8>) -> Tensor {
        let (given, pixels) = (images.ncols(), self.model.shape.pixels());
        assert_eq!(given, pixels, "images have {given} pixels, but this model's have {pixels}");
        to_tensor(images)
    }

    /// The prior as that of a stack of one.
    pub(crate) fn prior_of_member(&self, member: usize) -> Option<Prior> {
        let at = member as i64;
        Some(match self.objective.prior.as_ref()? {
            Prior::Mixture { log_weights, components } => Prior::Mixture {
                log_weights: log_weights.narrow(0, at, 1),
                components: Gaussian {
                    mean: components.mean.narrow(0, at, 1),
                    logvar: components.logvar.narrow(0, at, 1),
                },
            },
            Prior::Unit => Prior::Unit,
            &Prior::Hypercube(cube) => Prior::Hypercube(cube),
            &Prior::Vamp { components } => Prior::Vamp { components },
        })
    }

    /// What comes out of the decoder for images `[n, pixels]`, u8, at their latent points, of a posterior its mean: `[n, pixels]` in
    /// [0, 1], as pixels divided by 255; `None` without a decoder.
    pub fn reconstruct(&self, member: usize, images: ArrayView2<u8>) -> Option<Array2<f32>> {
        let _guard = no_grad_guard();
        let parameters = self.of_member(member);
        let images = unit_range(&self.pixels(images).to_device(self.device)).unsqueeze(0);
        let decoded = self.model.decode(&parameters, self.model.encode(&parameters, &images).centre())?;
        Some(to_array(&decoded.squeeze_dim(0)))
    }

    /// Images of latent points `[n, latent_dim]`: `[n, pixels]` in [0, 1], as pixels divided by 255; `None` without a decoder.
    pub fn decode(&self, member: usize, points: ArrayView2<f32>) -> Option<Array2<f32>> {
        let _guard = no_grad_guard();
        let parameters = self.of_member(member);
        let (given, latent) = (points.ncols() as i64, self.members[member].config.model.latent_dim);
        assert!(given == latent, "latent points have {given} dimensions, but this model's have {latent}");
        let points = from_array(points).to_device(self.device).unsqueeze(0);
        Some(to_array(&self.model.decode(&parameters, &points)?.squeeze_dim(0)))
    }

    /// Components of one member's prior, as means and logarithms of variances, each `[components, latent_dim]`; `None` where there is no
    /// prior, or too many components to list.
    pub fn prior_components(&self, member: usize) -> Option<(Array2<f32>, Array2<f32>)> {
        let _guard = no_grad_guard();
        let parameters = self.of_member(member);
        let prior = self.prior_of_member(member)?;
        let components = self.components(&prior, member, &parameters).ok()?;
        let latent = self.members[member].config.model.latent_dim;
        let [mean, logvar] = [components.mean, components.logvar].map(|t| to_array(&t.reshape([-1, latent])));
        Some((mean, logvar))
    }

    /// The components of a member's prior, `[1, K, d]`.
    pub(crate) fn components(
        &self,
        prior: &Prior,
        member: usize,
        parameters: &[Tensor],
    ) -> Result<Gaussian, PriorError> {
        let pseudo_inputs = self.objective.pseudo_inputs.map(|place| &parameters[place]);
        let encode = |images: &Tensor| self.model.posterior(parameters, images);
        let latent_dim = self.members[member].config.model.latent_dim;
        prior.components(latent_dim, (Kind::Float, self.device), pseudo_inputs, &encode)
    }
}

impl TrainConfig {
    /// Whether two models can be members of one stack: they may differ in seed, labels, learning rate, alpha, gamma and beta.
    /// A model with a cross-batch memory is not stacked: members with few labels are padded, and padding would take places of their
    /// memories. Alone, a model's batches go there without padding.
    pub fn stacks_with(&self, other: &Self) -> bool {
        fn shared(config: &TrainConfig) -> TrainConfig {
            use crate::config::RoutineConfig::{
                AlternateBatches, AlternateEpochs, JointAlpha, JointGamma, Staged,
            };
            let mut config = config.clone();
            config.seed = 0;
            config.training.learning_rate = 0.0;
            config.kl.beta = 0.0;
            match &mut config.routine {
                AlternateEpochs { alpha: weight, .. }
                | AlternateBatches { alpha: weight, .. }
                | JointAlpha { alpha: weight }
                | JointGamma { gamma: weight }
                | Staged { gamma: weight, .. } => *weight = 0.0,
            }
            config
        }
        self.sampling.memory == 0 && shared(self) == shared(other)
    }
}

fn declare_objective(
    builder: &mut Builder,
    config: &TrainConfig,
    data: &TrainingData,
) -> Result<Objective, ConfigError> {
    let loss = config.loss.clone();
    let start = builder.declarations.len();
    if config.model.system.has_metric_loss() {
        for shape in loss.parameters(config.model.latent_dim, data.n_classes as i64) {
            builder.declare(format!("loss.{}", shape.name), shape.shape, Start::Normal(0.0, shape.std));
        }
    }
    let loss_parameters = start..builder.declarations.len();
    let (mut prior, mut pseudo_inputs) = (None, None);
    if config.model.system.has_posterior() {
        check_components(&config.prior, data.len())?;
        if let PriorConfig::Vamp { components, init } = config.prior {
            let pixels = data.images.size()[1];
            let start = match init {
                PseudoInputs::Data => Start::Images,
                PseudoInputs::Random => Start::Uniform(0.0, 1.0),
            };
            let place = builder.declare("prior.pseudo_inputs".into(), vec![components, pixels], start);
            pseudo_inputs = Some(place);
        }
        if !matches!(config.prior, PriorConfig::Mixture { .. }) {
            prior = Some(config.prior.build(None)?);
        }
    }
    let reconstruction = config.reconstruction.clone();
    let free_bits = config.kl.free_bits;
    Ok(Objective { loss, loss_parameters, prior, pseudo_inputs, reconstruction, free_bits })
}

/// A component that is made of a training image, or fitted on their embeddings, needs an image of its own.
fn check_components(prior: &PriorConfig, images: usize) -> Result<(), ConfigError> {
    match *prior {
        PriorConfig::Vamp { components, init: PseudoInputs::Data } | PriorConfig::Mixture { components }
            if components > images as i64 =>
        {
            Err(ConfigError::Conflict(format!(
                "prior.components = {components} is more than there are training images; it must be at most {images}"
            )))
        }
        _ => Ok(()),
    }
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

/// Standard normal values `[n, latent_dim]` for images `[n, pixels]`: an image always gets the same ones, in whatever split, order or
/// selection it comes.
fn noise_of_images(seed: u64, images: &Tensor, latent_dim: i64) -> Tensor {
    let size = images.size();
    let bytes =
        Vec::<u8>::try_from(&images.to_device(Device::Cpu).contiguous().view([-1])).expect("u8 images");
    let rows = bytes.chunks_exact(size[1] as usize).map(|image| {
        // FNV-1a: names the image, nothing more.
        let hash = image.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &b| {
            (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        crate::random::normal(seed, "embedding", hash, &[latent_dim])
    });
    Tensor::stack(&rows.collect::<Vec<_>>(), 0)
}

/// Pixels u8 to f32 in [0, 1].
pub(crate) fn unit_range(pixels: &Tensor) -> Tensor {
    pixels.to_kind(Kind::Float) / 255.0
}

pub(crate) fn to_tensor(images: ArrayView2<u8>) -> Tensor {
    let (rows, columns) = images.dim();
    let images = images.as_standard_layout();
    let values = images.as_slice().expect("standard layout");
    Tensor::from_slice(values).reshape([rows as i64, columns as i64])
}

pub(crate) fn from_array(values: ArrayView2<f32>) -> Tensor {
    let (rows, columns) = values.dim();
    let values = values.as_standard_layout();
    Tensor::from_slice(values.as_slice().expect("standard layout")).reshape([rows as i64, columns as i64])
}

pub(crate) fn to_array(tensor: &Tensor) -> Array2<f32> {
    let size = tensor.size();
    let flat = tensor.to_device(Device::Cpu).to_kind(Kind::Float).contiguous().view([-1]);
    let values = Vec::<f32>::try_from(&flat).expect("a flat f32 tensor on the CPU");
    Array2::from_shape_vec((size[0] as usize, size[1] as usize), values)
        .expect("as many values as the shape says")
}
