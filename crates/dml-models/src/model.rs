//! The one model: an encoder, perhaps a posterior, perhaps a decoder.

use dml_data::ImageShape;
use dml_priors::Gaussian;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, in_range, refuse};
use crate::layers::{Activation, Builder, Linear};
use crate::network::{Network, NetworkConfig};
use crate::system::System;

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
    /// Whether embeddings have length 1.
    pub length: Length,
    /// Network from an image to the latent space.
    pub encoder: NetworkConfig,
    /// Network from the latent space to an image; systems without a decoder ignore it.
    pub decoder: NetworkConfig,
    /// Decoders of the one latent space, 1 to 16, alike but for their initial weights: all of them
    /// learn to reconstruct, distances along the decoder take each of them for as likely as the
    /// others, and the first draws images.
    pub decoders: i64,
}

/// What represents an image at evaluation, for systems with a posterior. In training the point is
/// always sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Embedding {
    /// The posterior's mean.
    Mean,
    /// One sample of the posterior.
    Sample,
}

/// The length of embeddings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Length {
    /// Any.
    #[default]
    Free,
    /// 1: they lie on the unit sphere, in training and at evaluation. For systems without a
    /// posterior.
    Unit,
}

impl ModelConfig {
    /// Checks every range.
    pub(crate) fn check(&self) -> Checks {
        let Self { latent_dim, decoders, .. } = *self;
        let mut checks = self.encoder.check(["model.encoder.hidden", "model.encoder.channels"]);
        checks.extend(self.decoder.check(["model.decoder.hidden", "model.decoder.channels"]));
        checks.extend([
            in_range("model.latent_dim", latent_dim, (1..=4096).contains(&latent_dim), "1 to 4096"),
            in_range("model.decoders", decoders, (1..=16).contains(&decoders), "1 to 16"),
            refuse(
                self.length == Length::Unit && self.system.has_posterior(),
                "model.length = \"unit\" is for systems without a posterior, whose prior says where embeddings lie: use \"free\"",
            ),
        ]);
        checks
    }
}

/// Where an encoder puts images.
#[derive(Debug)]
#[non_exhaustive]
pub enum Latent {
    /// Points: `[M, b, latent_dim]`.
    Point(Tensor),
    /// Posteriors: mean and logarithm of the variance, each `[M, b, latent_dim]`.
    Normal(Gaussian),
}

impl Latent {
    /// The points, or the means of the posteriors: `[M, b, latent_dim]`.
    pub fn centre(&self) -> &Tensor {
        match self {
            Self::Point(points) => points,
            Self::Normal(posterior) => &posterior.mean,
        }
    }

    /// Those of `n` images from the one numbered `start` on.
    pub(crate) fn narrow(&self, start: i64, n: i64) -> Self {
        let own = |t: &Tensor| t.narrow(1, start, n);
        match self {
            Self::Point(points) => Self::Point(own(points)),
            Self::Normal(Gaussian { mean, logvar }) => {
                Self::Normal(Gaussian { mean: own(mean), logvar: own(logvar) })
            }
        }
    }
}

/// Networks of a stack of M models. Holds no tensors: each call takes the parameters.
#[derive(Debug)]
pub struct Model {
    encoder: Network,
    centre: Linear,
    length: Length,
    logvar: Option<Linear>,
    decoders: Vec<Network>,
    /// Shape of the images.
    pub shape: ImageShape,
}

impl Model {
    pub(crate) fn new(builder: &mut Builder, config: &ModelConfig, shape: ImageShape) -> Self {
        let (encoder, features) = Network::encoder(builder, &config.encoder, shape);
        let latent = config.latent_dim;
        let has = config.system;
        let decoder = |builder: &mut Builder, number: i64| {
            let name = if number == 0 { "decoder".into() } else { format!("decoder-{number}") };
            Network::decoder((builder, &name), &config.decoder, latent, shape)
        };
        let decoders = if has.has_decoder() { config.decoders } else { 0 };
        Self {
            encoder,
            centre: Linear::new(builder, "head.mean", features, latent),
            length: config.length,
            logvar: has.has_posterior().then(|| Linear::new(builder, "head.logvar", features, latent)),
            decoders: (0..decoders).map(|number| decoder(builder, number)).collect(),
            shape,
        }
    }

    /// f: images in [0, 1], `[M, b, pixels]`, to the latent space.
    pub fn encode(&self, parameters: &[Tensor], images: &Tensor) -> Latent {
        let features = self.encoder.forward(parameters, images, Activation::Relu);
        let centre = self.centre.forward(parameters, &features);
        match &self.logvar {
            None => Latent::Point(match self.length {
                Length::Free => centre,
                Length::Unit => unit(&centre),
            }),
            Some(head) => {
                Latent::Normal(Gaussian { mean: centre, logvar: head.forward(parameters, &features) })
            }
        }
    }

    /// The posterior of images, for a prior that encodes its pseudo-inputs.
    ///
    /// # Panics
    /// When the model has no posterior.
    pub fn posterior(&self, parameters: &[Tensor], images: &Tensor) -> Gaussian {
        match self.encode(parameters, images) {
            Latent::Normal(posterior) => posterior,
            Latent::Point(_) => panic!("a model without a posterior has no prior"),
        }
    }

    /// g before its sigmoid: latent points `[M, b, latent_dim]` to logits `[M, b, pixels]`; `None`
    /// without a decoder.
    pub fn decode_logits(&self, parameters: &[Tensor], z: &Tensor) -> Option<Tensor> {
        self.logits_of_all(parameters, z).next()
    }

    /// The same of each decoder, the first one first.
    pub(crate) fn logits_of_all(&self, parameters: &[Tensor], z: &Tensor) -> impl Iterator<Item = Tensor> {
        self.decoders.iter().map(|decoder| decoder.forward(parameters, z, Activation::Identity))
    }

    /// How many decoders there are.
    pub(crate) fn n_decoders(&self) -> usize {
        self.decoders.len()
    }

    /// g: latent points `[M, b, latent_dim]` to images in [0, 1], `[M, b, pixels]`; `None` without
    /// a decoder.
    pub fn decode(&self, parameters: &[Tensor], z: &Tensor) -> Option<Tensor> {
        (self.n_decoders() > 0).then(|| self.decode_by(0, parameters, z))
    }

    /// The same by the decoder of this number.
    pub(crate) fn decode_by(&self, number: usize, parameters: &[Tensor], z: &Tensor) -> Tensor {
        self.decoders[number].forward(parameters, z, Activation::Identity).sigmoid()
    }
}

/// Points `[..., d]` at length 1; one of length 0 stays there.
fn unit(points: &Tensor) -> Tensor {
    let norm = points.square().sum_dim_intlist(-1, true, tch::Kind::Float).clamp_min(1e-24).sqrt();
    points / norm
}
