//! The terms of a step's loss.

use std::ops::Range;

use dml_losses::{CrossBatchMemory, LossConfig};
use dml_priors::{Density, PriorConfig};
use tch::Tensor;

use crate::distance::Geometry;
use crate::instance::InstanceConfig;
use crate::kl::KlConfig;
use crate::model::{Latent, Model};
use crate::reconstruction::{ReconstructionConfig, reconstruct};

/// The terms of a step, each `[M]`, averaged over its batch; `None` where the routine did not ask
/// or the system has no such part.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// The metric loss `L_S` on labelled images.
    pub(crate) supervised: Option<Tensor>,
    /// Reconstruction of images.
    pub(crate) reconstruction: Option<Tensor>,
    /// KL of the posterior to the prior, with free bits, before its weight.
    pub(crate) kl: Option<Tensor>,
    /// The instance term, before its weight.
    pub(crate) instance: Option<Tensor>,
    /// `L_U`: the sum of these three, each with its weight.
    pub(crate) unsupervised: Option<Tensor>,
}

/// The losses of a stack, and where among its parameters lies what they learn themselves.
#[derive(Debug)]
pub(crate) struct Objective {
    /// The metric loss.
    pub(crate) loss: LossConfig,
    /// Places of the metric loss's own parameters.
    pub(crate) loss_parameters: Range<usize>,
    /// The prior; systems without a posterior do not look at it.
    pub(crate) prior: PriorConfig,
    /// Places of what the prior learns: images.
    pub(crate) prior_parameters: Range<usize>,
    /// The density of a prior that has to be fitted, once it has been.
    pub(crate) mixture: Option<Density>,
    /// The reconstruction loss.
    pub(crate) reconstruction: ReconstructionConfig,
    /// The KL term.
    pub(crate) kl: KlConfig,
    /// The instance term.
    pub(crate) instance: InstanceConfig,
}

/// How the rows of a batch are compared.
#[derive(Debug)]
pub(crate) enum Comparison<'a> {
    /// With one another.
    Batch,
    /// With those of earlier batches too.
    Memory(&'a mut CrossBatchMemory),
    /// With one another, by distances along the model's decoder.
    AlongDecoder(&'a Geometry, &'a Model),
}

/// What a step's posterior draws come from: standard normal, on the model's device.
#[derive(Debug)]
pub(crate) struct Noise(pub(crate) Tensor /* [samples, M, b, latent_dim] */);

impl Objective {
    /// `L_S` of labelled images, from where the encoder puts them and their `labels` `[M, b]` with
    /// -1 for padding.
    pub(crate) fn supervised(
        &self,
        parameters: &[Tensor],
        (latent, labels): (&Latent, &Tensor),
        noise: &dyn Fn() -> Noise,
        comparison: Comparison,
    ) -> Tensor {
        let z = match latent {
            Latent::Point(points) => points.shallow_clone(),
            Latent::Normal(posterior) => posterior.sample(&noise().0.select(0, 0)),
        };
        let own = &parameters[self.loss_parameters.clone()];
        match comparison {
            Comparison::Batch => self.loss.forward(own, &z, labels),
            Comparison::AlongDecoder(geometry, model) => {
                geometry.loss((model, parameters), &self.loss, &z, labels)
            }
            Comparison::Memory(memory) => {
                let loss = self.loss.forward_against(own, &z, labels, memory);
                memory.enqueue(&z.detach(), labels);
                loss
            }
        }
    }

    /// `L_U` of images `[M, b, pixels]` in [0, 1], from where the encoder puts them, with the
    /// members' weights of the KL term `beta` `[M]`. With an instance term the second half of the
    /// images are other views of the first.
    pub(crate) fn unsupervised(
        &self,
        model: &Model,
        parameters: &[Tensor],
        (latent, images): (&Latent, &Tensor),
        noise: &dyn Fn() -> Noise,
        beta: &Tensor,
    ) -> Terms {
        let (z, kl) = match latent {
            Latent::Point(points) => (points.shallow_clone(), None),
            Latent::Normal(posterior) => {
                let noise = noise().0;
                let z = posterior.sample(&noise.select(0, 0));
                let density = self.density(model, parameters);
                (z, density.map(|density| self.kl.term(&density, posterior, &noise)))
            }
        };
        let weight = self.reconstruction.weight;
        let reconstruction =
            (weight > 0.0).then(|| self.reconstruction(model, parameters, &z, images)).flatten();
        let instance = (self.instance.weight > 0.0).then(|| self.instance.term(&z));
        let weighted = [
            reconstruction.as_ref().map(|reconstruction| reconstruction * weight),
            kl.as_ref().map(|kl| kl * beta),
            instance.as_ref().map(|instance| instance * self.instance.weight),
        ];
        let unsupervised = weighted.into_iter().flatten().reduce(|sum, term| sum + term);
        Terms { supervised: None, reconstruction, kl, instance, unsupervised }
    }

    /// The mean over the decoders; `None` without one.
    fn reconstruction(
        &self,
        model: &Model,
        parameters: &[Tensor],
        z: &Tensor,
        images: &Tensor,
    ) -> Option<Tensor> {
        let logits = model.logits_of_all(parameters, z);
        let losses = logits.map(|logits| reconstruct(&self.reconstruction, &logits, images));
        let sum = losses.reduce(|sum, loss| sum + loss)?;
        Some(sum / model.n_decoders() as f64)
    }

    /// The prior's density under a model with a posterior; `None` where it has yet to be fitted.
    pub(crate) fn density(&self, model: &Model, parameters: &[Tensor]) -> Option<Density> {
        let own = &parameters[self.prior_parameters.clone()];
        let encode = |images: &Tensor| model.posterior(parameters, images);
        let fitted = self.mixture.as_ref().map(Density::shallow_clone);
        fitted.or_else(|| self.prior.settings().density(own, &encode))
    }
}
