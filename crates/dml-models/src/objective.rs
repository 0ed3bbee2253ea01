//! The terms of a step's loss.

use dml_losses::{CrossBatchMemory, LossConfig};
use dml_priors::{Gaussian, Prior, free_bits};
use tch::{Kind, Tensor};

use crate::config::{PixelReduction, Reconstruction, ReconstructionConfig};
use crate::model::{Latent, Model};

/// The terms of a step, each `[M]`, averaged over its batch; `None` where the routine did not ask or the system has no such part.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// The metric loss `L_S` on labelled images.
    pub(crate) supervised: Option<Tensor>,
    /// Reconstruction of images.
    pub(crate) reconstruction: Option<Tensor>,
    /// KL of the posterior to the prior, with free bits, before its weight.
    pub(crate) kl: Option<Tensor>,
    /// `L_U`: reconstruction + beta KL.
    pub(crate) unsupervised: Option<Tensor>,
}

/// The losses of a stack, built.
#[derive(Debug)]
pub(crate) struct Objective {
    /// The metric loss.
    pub(crate) loss: LossConfig,
    /// Places of the metric loss's own parameters.
    pub(crate) loss_parameters: std::ops::Range<usize>,
    /// The prior; `None` until the staged routine has fitted its mixture, and in systems without a posterior.
    pub(crate) prior: Option<Prior>,
    /// Place of the VampPrior's pseudo-inputs.
    pub(crate) pseudo_inputs: Option<usize>,
    /// The reconstruction loss.
    pub(crate) reconstruction: ReconstructionConfig,
    /// Nats a dimension that are free.
    pub(crate) free_bits: f64,
}

/// What a step's posterior draws come from: standard normal, on the model's device.
#[derive(Debug)]
pub(crate) struct Noise(pub(crate) Tensor /* [samples, M, b, latent_dim] */);

impl Objective {
    /// `L_S` of labelled images: `images` `[M, b, pixels]` in [0, 1], `labels` `[M, b]` with -1 for padding.
    pub(crate) fn supervised(
        &self,
        model: &Model,
        parameters: &[Tensor],
        (images, labels): (&Tensor, &Tensor),
        noise: &dyn Fn() -> Noise,
        memory: Option<&mut CrossBatchMemory>,
    ) -> Tensor {
        let z = match model.encode(parameters, images) {
            Latent::Point(points) => points,
            Latent::Normal(posterior) => posterior.sample(&noise().0.select(0, 0)),
        };
        let own = &parameters[self.loss_parameters.clone()];
        match memory {
            None => self.loss.forward(own, &z, labels),
            Some(memory) => {
                let loss = self.loss.forward_against(own, &z, labels, memory);
                memory.enqueue(&z.detach(), labels);
                loss
            }
        }
    }

    /// `L_U` of images `[M, b, pixels]` in [0, 1], with the members' weights of the KL term `beta` `[M]`.
    pub(crate) fn unsupervised(
        &self,
        model: &Model,
        parameters: &[Tensor],
        images: &Tensor,
        noise: &dyn Fn() -> Noise,
        beta: &Tensor,
    ) -> Terms {
        let latent = model.encode(parameters, images);
        let (z, kl) = match &latent {
            Latent::Point(points) => (points.shallow_clone(), None),
            Latent::Normal(posterior) => {
                let noise = noise().0;
                let z = posterior.sample(&noise.select(0, 0));
                (z, self.prior.as_ref().map(|prior| self.kl(prior, model, parameters, posterior, &noise)))
            }
        };
        let reconstruction = model
            .decode_logits(parameters, &z)
            .map(|logits| reconstruct(&self.reconstruction, &logits, images));
        let weighted = kl.as_ref().map(|kl| kl * beta);
        let unsupervised = match (&reconstruction, weighted) {
            (Some(reconstruction), Some(kl)) => Some(reconstruction + kl),
            (Some(reconstruction), None) => Some(reconstruction.shallow_clone()),
            (None, kl) => kl,
        };
        Terms { supervised: None, reconstruction, kl, unsupervised }
    }

    fn kl(
        &self,
        prior: &Prior,
        model: &Model,
        parameters: &[Tensor],
        q: &Gaussian,
        noise: &Tensor,
    ) -> Tensor {
        let encode = |images: &Tensor| model.posterior(parameters, images);
        let pseudo_inputs = self.pseudo_inputs.map(|place| &parameters[place]);
        if let Some(terms) = prior.kl_per_dimension(q, noise) {
            return free_bits(&terms, self.free_bits); // from [M, b, d]
        }
        // Where the KL does not fall apart into dimensions, the free nats of all of them are held against the whole.
        let latent_dim = q.mean.size()[q.mean.dim() - 1] as f64;
        let whole = prior.kl(q, noise, pseudo_inputs, &encode).unsqueeze(-1); // [M, b, 1]
        free_bits(&whole, self.free_bits * latent_dim)
    }
}

/// Reconstruction loss of each member: sum or mean over pixels, mean over images. `[M, b, pixels]` to `[M]`.
pub(crate) fn reconstruct(config: &ReconstructionConfig, logits: &Tensor, images: &Tensor) -> Tensor {
    let losses = match config.kind {
        Reconstruction::SquaredError => (logits.sigmoid() - images).square(),
        Reconstruction::BinaryCrossEntropy => {
            logits.binary_cross_entropy_with_logits::<Tensor>(images, None, None, tch::Reduction::None)
        }
    };
    let of_images = match config.reduction {
        PixelReduction::Sum => losses.sum_dim_intlist(-1, false, Kind::Float),
        PixelReduction::Mean => losses.mean_dim(-1, false, Kind::Float),
    };
    of_images.mean_dim(-1, false, Kind::Float) // [M]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, uniform};

    #[test]
    fn reconstruction_losses_equal_a_loop_over_pixels() {
        let (members, images, pixels) = (2, 3, 5);
        let logits = normal(1, "logits", 0, &[members, images, pixels]) * 3.0;
        let truth = uniform(1, "truth", 0, &[members, images, pixels]);
        for kind in [Reconstruction::SquaredError, Reconstruction::BinaryCrossEntropy] {
            for reduction in [PixelReduction::Sum, PixelReduction::Mean] {
                let ours = reconstruct(&ReconstructionConfig { kind, reduction }, &logits, &truth);
                assert_eq!(ours.size(), [members]);
                for member in 0..members {
                    let mut sum = 0.0;
                    for image in 0..images {
                        for pixel in 0..pixels {
                            let at = [member, image, pixel];
                            let (logit, x) = (logits.double_value(&at), truth.double_value(&at));
                            let g = 1.0 / (1.0 + (-logit).exp());
                            sum += match kind {
                                Reconstruction::SquaredError => (x - g).powi(2),
                                Reconstruction::BinaryCrossEntropy => {
                                    -x * g.ln() - (1.0 - x) * (1.0 - g).ln()
                                }
                            };
                        }
                    }
                    let of_image = match reduction {
                        PixelReduction::Sum => sum,
                        PixelReduction::Mean => sum / pixels as f64,
                    };
                    let (ours, expected) = (ours.double_value(&[member]), of_image / images as f64);
                    assert!(
                        (ours - expected).abs() < 1e-6 * expected,
                        "{kind:?}, {reduction:?}: {ours}, {expected}"
                    );
                }
            }
        }
    }
}
