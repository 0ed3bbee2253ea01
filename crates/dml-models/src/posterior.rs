//! What a trained posterior says, beside its embeddings.

use dml_priors::{Density, Gaussian};
use ndarray::ArrayView2;
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::convert::unit_range;
use crate::stack::Stack;

/// Images at once.
const BLOCK: usize = 500;
/// Samples of the posterior where the KL is a Monte-Carlo estimate.
const SAMPLES: i64 = 64;

/// Numbers at once where each sample is compared with each component: 40 MB of them.
const AT_ONCE: i64 = 10_000_000;

/// The posteriors of some images under a trained member.
#[derive(Debug, Clone, PartialEq)]
pub struct Posteriors {
    /// KL to the prior, in nats, mean over the images: without a weight and free bits, and of the
    /// weights as they are now, where a curve has means over an epoch of steps.
    pub kl: f64,
    /// For each image, the number of the prior's component that its posterior's mean most probably
    /// comes from; `None` where there are too many components to number.
    pub components: Option<Vec<i64>>,
}

impl Stack {
    /// The posteriors of images `[n, pixels]` under one member; `None` without a posterior, and
    /// before its prior is fitted.
    pub fn posteriors(&self, member: usize, images: ArrayView2<u8>) -> Option<Posteriors> {
        let _guard = no_grad_guard();
        let parameters = self.of_member(member);
        let density = self.density_of_member(member, &parameters)?;
        let config = &self.members[member].config;
        let (mut sum, mut components) = (0.0, Some(Vec::new()));
        for start in (0..images.nrows()).step_by(BLOCK) {
            let end = (start + BLOCK).min(images.nrows());
            let block = self.pixels(images.slice(ndarray::s![start..end, ..])).to_device(self.device);
            let q = self.model.posterior(&parameters, &unit_range(&block).unsqueeze(0));
            let shape = [SAMPLES, 1, (end - start) as i64, config.model.latent_dim];
            let noise = crate::random::normal(config.seed, "posteriors", start as u64, &shape);
            let kl = kl_in_parts(&density, &q, &noise.to_device(self.device));
            sum += kl.sum(Kind::Double).double_value(&[]);
            let found = density.most_probable_component(&q.mean).ok();
            components = components.zip(found).map(|(mut all, found): (Vec<i64>, Tensor)| {
                let found = found.to_device(Device::Cpu).view([-1]);
                all.extend(Vec::<i64>::try_from(found).expect("a flat i64 tensor"));
                all
            });
        }
        Some(Posteriors { kl: sum / images.nrows() as f64, components })
    }
}

/// The KL of each image, `[1, b]`, of some images at a time where the prior has many components:
/// `q` `[1, b, d]`, `noise` `[samples, 1, b, d]`.
fn kl_in_parts(density: &Density, q: &Gaussian, noise: &Tensor) -> Tensor {
    let n = q.mean.size()[1];
    let of_image = match density {
        Density::Mixture { components, .. } => SAMPLES * components.mean.numel() as i64,
        _ => 0,
    };
    let part = (AT_ONCE / of_image.max(1)).clamp(1, n);
    let of_part = |start: i64| {
        let of = |t: &Tensor, dim: i64| t.narrow(dim, start, part.min(n - start));
        let q = Gaussian { mean: of(&q.mean, 1), logvar: of(&q.logvar, 1) };
        density.kl(&q, &of(noise, 2))
    };
    Tensor::cat(&(0..n).step_by(part as usize).map(of_part).collect::<Vec<_>>(), 1)
}
