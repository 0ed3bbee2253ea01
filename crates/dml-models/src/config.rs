//! What a model is and how it is trained, as data. No field has a default: a trial file is the record of the run.

use std::fmt::Display;

use dml_losses::LossConfig;
use dml_priors::PriorConfig;
use serde::{Deserialize, Serialize};

/// A value that cannot be, with what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number out of its range.
    #[error("{key} = {value} is out of range; it must be {range}")]
    Range {
        /// Dotted key in the trial file.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        range: &'static str,
    },
    /// Settings that do not go together, or not with the data.
    #[error("{0}")]
    Conflict(String),
    /// The loss refuses its settings.
    #[error(transparent)]
    Loss(#[from] dml_losses::LossError),
    /// The prior refuses its settings.
    #[error(transparent)]
    Prior(#[from] dml_priors::PriorError),
}

/// The systems of the paper and the baselines every table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// Deep metric learning alone: point embedding, labelled images only.
    Dml,
    /// Improvement proposal 1: DML with a decoder and a reconstruction loss.
    DmlAutoencoder,
    /// Improvement proposal 2: DML with a posterior and a KL loss, no decoder.
    DmlPrior,
    /// Improvement proposal 3: DML on the latent space of a whole VAE.
    MetricVae,
    /// [`System::DmlAutoencoder`] with the metric loss off.
    Autoencoder,
    /// [`System::MetricVae`] with the metric loss off.
    Vae,
    /// Baseline: the pixels themselves, in [0, 1].
    Pixels,
    /// Baseline: principal components of the training images.
    Pca,
    /// Baseline: a Gaussian random projection (Johnson & Lindenstrauss 1984).
    RandomProjection,
}

impl System {
    /// Whether there is a posterior, and so a prior and a KL term.
    pub fn has_posterior(self) -> bool {
        matches!(self, Self::DmlPrior | Self::MetricVae | Self::Vae)
    }

    /// Whether there is a decoder, and so a reconstruction term.
    pub fn has_decoder(self) -> bool {
        matches!(self, Self::DmlAutoencoder | Self::MetricVae | Self::Autoencoder | Self::Vae)
    }

    /// Whether nothing is trained.
    pub fn is_baseline(self) -> bool {
        matches!(self, Self::Pixels | Self::Pca | Self::RandomProjection)
    }

    /// Whether the metric loss takes part.
    pub fn has_metric_loss(self) -> bool {
        matches!(self, Self::Dml | Self::DmlAutoencoder | Self::DmlPrior | Self::MetricVae)
    }
}

/// The `[model]` of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Which system.
    pub system: System,
    /// Dimension of the embedding, at least 1. `pixels` ignores it.
    pub latent_dim: i64,
    /// What represents an image at evaluation.
    pub embedding: Embedding,
    /// Network from an image to the latent space.
    pub encoder: NetworkConfig,
    /// Network from the latent space to an image; systems without a decoder ignore it.
    pub decoder: NetworkConfig,
}

/// What represents an image at evaluation, for systems with a posterior. In training the point is always sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Embedding {
    /// The posterior's mean.
    Mean,
    /// One sample of the posterior.
    Sample,
}

/// A network. The paper states no layers; these are our choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum NetworkConfig {
    /// Fully connected layers with ReLU between them.
    Mlp {
        /// Widths of the hidden layers, from the input's side.
        hidden: Vec<i64>,
    },
    /// 3x3 convolutions of stride 2 with ReLU and one hidden fully connected layer; as a decoder its mirror, with transposed
    /// convolutions.
    Conv {
        /// Channels of the convolutions, from the input's side.
        channels: Vec<i64>,
        /// Width of the fully connected layer between the convolutions and the latent space.
        hidden: i64,
    },
}

/// Which reconstruction loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reconstruction {
    /// (x - g(z))^2 with a sigmoid output.
    SquaredError,
    /// -x log g(z) - (1 - x) log(1 - g(z)), computed from logits.
    BinaryCrossEntropy,
}

/// The `[reconstruction]` of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconstructionConfig {
    /// Which loss.
    pub kind: Reconstruction,
    /// Over the pixels of an image; over images it is always the mean.
    pub reduction: PixelReduction,
}

/// How a reconstruction loss is taken over the pixels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelReduction {
    /// Sum.
    Sum,
    /// Mean.
    Mean,
}

/// The `[kl]` of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlConfig {
    /// Weight of the KL term (Higgins et al. 2017), at least 0.
    pub beta: f64,
    /// Epochs over which the weight grows linearly to `beta`; 0 for none.
    pub warm_up_epochs: u32,
    /// Nats a dimension that are free (Kingma et al. 2016), at least 0; held against the sum where the KL does not fall apart into
    /// dimensions (vamp, mixture).
    pub free_bits: f64,
    /// Samples of the posterior where the KL is a Monte-Carlo estimate, at least 1. The first one is also what is decoded.
    pub samples: i64,
}

/// The `[routine]` of a trial: when which term counts how much. Systems with one term, `L_S` or `L_U`, have it in every step, with factor 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RoutineConfig {
    /// Phases alternate from epoch to epoch.
    AlternateEpochs {
        /// What a phase contains.
        rule: Rule,
        /// Balance in [0, 1]; 1 switches the metric loss off.
        alpha: f64,
    },
    /// Phases alternate from step to step, within the number of steps that a pass over all images takes; under [`Rule::Pure`] an epoch
    /// therefore sees a half of them without labels.
    AlternateBatches {
        /// What a phase contains.
        rule: Rule,
        /// Balance in [0, 1]; 1 switches the metric loss off.
        alpha: f64,
    },
    /// (1 - alpha) `L_S` + alpha `L_U` in every step.
    JointAlpha {
        /// Balance in [0, 1].
        alpha: f64,
    },
    /// `L_U` + gamma `L_S` in every step.
    JointGamma {
        /// Weight of the metric loss, at least 0.
        gamma: f64,
    },
    /// First DML alone; then a Gaussian mixture fitted on the embeddings becomes the prior, and the rest is joint with gamma.
    /// Needs the prior `mixture`.
    Staged {
        /// Epochs of the first stage, at least 1 and fewer than all.
        dml_epochs: u32,
        /// Weight of the metric loss in the second stage, at least 0.
        gamma: f64,
    },
}

/// What a supervised and an unsupervised phase contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Odd: (1 - alpha) `L_S` + alpha `L_U`; even: alpha `L_U` (the thesis's rule).
    Mixed,
    /// Odd: (1 - alpha) `L_S`; even: alpha `L_U` (the other reading of the paper).
    Pure,
}

/// The `[sampling]` of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingConfig {
    /// Images in a batch, of each of the labelled and the unlabelled draw.
    pub batch_size: usize,
    /// How labelled batches are drawn.
    pub labelled: LabelledSampling,
    /// What an epoch of labelled images is.
    pub labelled_epoch: LabelledEpoch,
    /// Embeddings of earlier labelled batches that pairs are also formed with (cross-batch memory, Wang et al. 2020); 0 for none.
    pub memory: i64,
}

/// How labelled batches are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LabelledSampling {
    /// A random order of the labelled images, cut into batches.
    Uniform {},
    /// Batches of `batch_size / per_class` random classes with `per_class` images each (fewer where a class has fewer).
    PerClass {
        /// Images a class, at least 1.
        per_class: usize,
    },
}

/// What an epoch of labelled images is. The paper does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelledEpoch {
    /// One pass over the labelled images: 6 labels are 1 step. In an epoch with both terms the metric loss is there only in
    /// the first steps, until the pass is over. With [`LabelledSampling::PerClass`] it is as many steps, each of them a random draw, so an
    /// image may come more than once or not at all.
    Pass,
    /// As many steps as a pass over all images takes, with the labelled ones cycled.
    Cycle,
}

/// The `[training]` of a trial: epochs, and Adam (Kingma & Ba 2015).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Number of epochs, at least 1.
    pub epochs: u32,
    /// Step size, above 0, also in f32.
    pub learning_rate: f64,
    /// Decay of the first moment, in [0, 1).
    pub beta1: f64,
    /// Decay of the second moment, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the second moment, above 0, also in f32.
    pub epsilon: f64,
}

/// All of a trial that is about the model and its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Seed of every draw.
    pub seed: u64,
    /// The model.
    pub model: ModelConfig,
    /// The metric loss.
    pub loss: LossConfig,
    /// The reconstruction loss.
    pub reconstruction: ReconstructionConfig,
    /// The prior.
    pub prior: PriorConfig,
    /// The KL term.
    pub kl: KlConfig,
    /// The routine.
    pub routine: RoutineConfig,
    /// The batches.
    pub sampling: SamplingConfig,
    /// The optimiser.
    pub training: TrainingConfig,
}

impl TrainConfig {
    /// Checks every range and combination, also of parts that the system does not use.
    ///
    /// # Errors
    /// One sentence that names the key and what would be right.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (kl, training, sampling) = (&self.kl, &self.training, &self.sampling);
        range(
            "model.latent_dim",
            self.model.latent_dim,
            (1..=4096).contains(&self.model.latent_dim),
            "1 to 4096",
        )?;
        self.model.encoder.check(["model.encoder.hidden", "model.encoder.channels"])?;
        self.model.decoder.check(["model.decoder.hidden", "model.decoder.channels"])?;
        // Terms are weighed in f32, where a larger number is infinite.
        let weight = |key, value: f64| {
            let fits = value >= 0.0 && (value as f32).is_finite();
            range(key, format!("{value:?}"), fits, "0 or more, at most 3.4e38")
        };
        weight("kl.beta", kl.beta)?;
        weight("kl.free_bits", kl.free_bits)?;
        range("kl.samples", kl.samples, (1..=1024).contains(&kl.samples), "1 to 1024")?;
        range("sampling.batch_size", sampling.batch_size, sampling.batch_size >= 2, "at least 2")?;
        if let LabelledSampling::PerClass { per_class } = sampling.labelled {
            let fits = (1..=sampling.batch_size).contains(&per_class);
            range("sampling.labelled.per_class", per_class, fits, "1 to sampling.batch_size")?;
        }
        range(
            "sampling.memory",
            sampling.memory,
            (0..=1_000_000).contains(&sampling.memory),
            "0 to 1000000",
        )?;
        range("training.epochs", training.epochs, training.epochs >= 1, "at least 1")?;
        // Steps are taken in f32, where a smaller number is 0. Of the betas only 1 - beta gets there, which is large enough for any below 1.
        let is_positive = |value: f64| (f32::MIN_POSITIVE..=f32::MAX).contains(&(value as f32));
        for (key, value) in
            [("training.learning_rate", training.learning_rate), ("training.epsilon", training.epsilon)]
        {
            range(key, format!("{value:?}"), is_positive(value), "above 0, from 1.2e-38 to 3.4e38")?;
        }
        range("training.beta1", training.beta1, (0.0..1.0).contains(&training.beta1), "in [0, 1)")?;
        range("training.beta2", training.beta2, (0.0..1.0).contains(&training.beta2), "in [0, 1)")?;
        match self.routine {
            RoutineConfig::AlternateEpochs { alpha, .. }
            | RoutineConfig::AlternateBatches { alpha, .. }
            | RoutineConfig::JointAlpha { alpha } => {
                range("routine.alpha", alpha, (0.0..=1.0).contains(&alpha), "in [0, 1]")?;
            }
            RoutineConfig::JointGamma { gamma } | RoutineConfig::Staged { gamma, .. } => {
                weight("routine.gamma", gamma)?;
            }
        }
        self.loss.check()?;
        self.prior.check()?;
        let staged = matches!(self.routine, RoutineConfig::Staged { .. });
        if let RoutineConfig::Staged { dml_epochs, .. } = self.routine {
            let fits = (1..training.epochs).contains(&dml_epochs);
            range("routine.dml_epochs", dml_epochs, fits, "at least 1 and below training.epochs")?;
            if self.model.system != System::MetricVae {
                return Err(ConfigError::Conflict(
                    "the routine \"staged\" is for model.system = \"metric_vae\" only".into(),
                ));
            }
        }
        let mixture = matches!(self.prior, PriorConfig::Mixture { .. });
        if self.model.system.has_posterior() && staged != mixture {
            return Err(ConfigError::Conflict(
                "the prior \"mixture\" and the routine \"staged\" go together: the first stage's embeddings are what it is fitted on"
                    .into(),
            ));
        }
        Ok(())
    }
}

impl NetworkConfig {
    fn check(&self, [of_hidden, of_channels]: [&'static str; 2]) -> Result<(), ConfigError> {
        let fits = |width: i64| (1..=65_536).contains(&width);
        let widths = |key, widths: &[i64]| {
            let fit = widths.len() <= 16 && widths.iter().all(|&width| fits(width));
            range(key, format!("{widths:?}"), fit, "at most 16 widths, each 1 to 65536")
        };
        match self {
            Self::Mlp { hidden } => widths(of_hidden, hidden),
            Self::Conv { channels, hidden } => {
                widths(of_channels, channels)?;
                range(of_hidden, hidden, fits(*hidden), "1 to 65536")
            }
        }
    }
}

fn range(key: &'static str, value: impl Display, fits: bool, range: &'static str) -> Result<(), ConfigError> {
    if fits { Ok(()) } else { Err(ConfigError::Range { key, value: format!("{value}"), range }) }
}
