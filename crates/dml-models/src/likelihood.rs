//! How probable a VAE finds images.

use dml_priors::Density;
use ndarray::ArrayView2;
use tch::{Kind, Tensor, no_grad_guard};

use crate::convert::unit_range;
use crate::stack::Stack;

/// Latent points at once: few enough that their distances to some hundreds of components stay in
/// memory that is used again, see `heap`.
const BLOCK: usize = 200;

/// Log-likelihoods of binary images under a VAE, in nats an image, averaged over images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likelihood {
    /// -log p(x), by importance sampling from the posterior: an upper bound that falls to the truth
    /// with more samples.
    pub negative_log_likelihood: f64,
    /// The same with one sample: the negative evidence lower bound, averaged over the samples.
    pub negative_elbo: f64,
}

impl Stack {
    /// The likelihood of images `[n, pixels]` of 0 and 255 under one member, whose decoder gives
    /// Bernoulli probabilities: `log p(x) = log 1/S sum over s of p(x given z_s) p(z_s) / q(z_s
    /// given x)`, each `z_s` drawn from `q(z given x)` (Burda et al. 2016, equation 8; with Tomczak
    /// & Welling 2018's VampPrior where the prior is one). It takes long: `observe` hears after
    /// each block how many images are done.
    ///
    /// # Panics
    /// When the model has no posterior, no prior or no decoder, or `samples` is 0.
    pub fn likelihood(
        &self,
        member: usize,
        images: ArrayView2<u8>,
        samples: usize,
        observe: &mut dyn FnMut(usize),
    ) -> Likelihood {
        assert!(samples > 0, "at least one sample");
        let _guard = no_grad_guard();
        let parameters = self.of_member(member);
        let config = &self.members[member].config;
        let prior = self.density_of_member(member, &parameters).expect("a trained VAE has a prior");
        let n_at_once = (BLOCK / samples).max(1);
        let (mut log_likelihood, mut elbo) = (0.0, 0.0);
        for start in (0..images.nrows()).step_by(n_at_once) {
            let end = (start + n_at_once).min(images.nrows());
            let block = self.pixels(images.slice(ndarray::s![start..end, ..])).to_device(self.device);
            let block = unit_range(&block).unsqueeze(0); // [1, b, pixels]
            let mut weights = Vec::new();
            for (part, first) in (0..samples).step_by(BLOCK).enumerate() {
                let n_samples = BLOCK.min(samples - first);
                let index = (start as u64) << 20 | part as u64;
                let shape = [n_samples as i64, 1, (end - start) as i64, config.model.latent_dim];
                let noise = crate::random::normal(config.seed, "likelihood", index, &shape);
                weights.push(self.log_weights(&prior, &parameters, &block, &noise.to_device(self.device)));
            }
            let weights = Tensor::cat(&weights, 0).to_kind(Kind::Double); // [samples, b]
            let mean = weights.logsumexp(0, false) - (samples as f64).ln();
            log_likelihood += mean.sum(Kind::Double).double_value(&[]);
            elbo += weights.mean_dim(0, false, Kind::Double).sum(Kind::Double).double_value(&[]);
            observe(end);
        }
        let n = images.nrows() as f64;
        Likelihood { negative_log_likelihood: -log_likelihood / n, negative_elbo: -elbo / n }
    }

    /// log p(x given z) + log p(z) - log q(z given x) for `noise` `[S, 1, b, d]` and `images` `[1,
    /// b, pixels]`: `[S, b]`.
    fn log_weights(&self, prior: &Density, parameters: &[Tensor], images: &Tensor, noise: &Tensor) -> Tensor {
        let (size, rows) = (noise.size(), noise.size()[0] * noise.size()[2]);
        let q = self.model.posterior(parameters, images);
        let z = q.sample(noise).reshape([1, rows, size[3]]); // rows: sample by sample
        let of_posterior = q.log_density_of_noise(noise).reshape([1, rows]);
        let of_prior = prior.log_density(&z);
        let logits = self.model.decode_logits(parameters, &z).expect("a VAE has a decoder");
        let repeated = images.repeat([1, size[0], 1]); // [1, S * b, pixels]
        let of_images = logits
            .binary_cross_entropy_with_logits::<Tensor>(&repeated, None, None, tch::Reduction::None)
            .sum_dim_intlist(-1, false, Kind::Float);
        (of_prior - of_posterior - of_images).reshape([size[0], size[2]])
    }
}
