//! Embeddings, reconstructions and components of trained models, as arrays.

use dml_priors::Density;
use ndarray::{Array2, ArrayView2};
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::Stack;
use crate::convert::{to_array, to_tensor, unit_range};
use crate::model::{Embedding, Latent};
use crate::training_data::TrainingData;

/// Images in a block when a whole data set is embedded.
const EMBED_BLOCK: i64 = 2000;

impl Stack {
    /// Embeddings of images by one member: `[n, pixels]`, u8, to `[n, latent_dim]`; of a posterior
    /// what [`Embedding`] says. Here tensors end.
    pub fn embed(&self, member: usize, images: ArrayView2<u8>) -> Array2<f32> {
        self.embed_tensor(member, &self.pixels(images))
    }

    /// [`Stack::embed`] of the training images.
    pub fn embed_training(&self, member: usize, data: &TrainingData) -> Array2<f32> {
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

    /// Images of the models' shape, `[n, pixels]`, u8.
    pub(crate) fn pixels(&self, images: ArrayView2<u8>) -> Tensor {
        let (given, pixels) = (images.ncols(), self.model.shape.pixels());
        assert_eq!(given, pixels, "images have {given} pixels, but this model's have {pixels}");
        to_tensor(images)
    }

    /// What comes out of the decoder for images `[n, pixels]`, u8, at their latent points, of a
    /// posterior its mean: `[n, pixels]` in [0, 1], as pixels divided by 255; `None` without a
    /// decoder.
    pub fn reconstruct(&self, member: usize, images: ArrayView2<u8>) -> Option<Array2<f32>> {
        let _guard = no_grad_guard();
        let parameters = self.of_member(member);
        let images = unit_range(&self.pixels(images).to_device(self.device)).unsqueeze(0);
        let decoded = self.model.decode(&parameters, self.model.encode(&parameters, &images).centre())?;
        Some(to_array(&decoded.squeeze_dim(0)))
    }

    /// Images of latent points `[n, latent_dim]`: `[n, pixels]` in [0, 1], as pixels divided by
    /// 255; `None` without a decoder.
    pub fn decode(&self, member: usize, points: ArrayView2<f32>) -> Option<Array2<f32>> {
        let _guard = no_grad_guard();
        let parameters = self.of_member(member);
        let (given, latent) = (points.ncols() as i64, self.members[member].config.model.latent_dim);
        assert!(given == latent, "latent points have {given} dimensions, but this model's have {latent}");
        let points = to_tensor(points).to_device(self.device).unsqueeze(0);
        Some(to_array(&self.model.decode(&parameters, &points)?.squeeze_dim(0)))
    }

    /// Components of one member's prior, as means and logarithms of variances, each `[components,
    /// latent_dim]`; `None` where there is no prior, or too many components to list.
    pub fn prior_components(&self, member: usize) -> Option<(Array2<f32>, Array2<f32>)> {
        let _guard = no_grad_guard();
        let density = self.density_of_member(member, &self.of_member(member))?;
        let latent = self.members[member].config.model.latent_dim;
        let components = density.components(latent, (Kind::Float, self.device)).ok()?;
        let [mean, logvar] = [components.mean, components.logvar].map(|t| to_array(&t.reshape([-1, latent])));
        Some((mean, logvar))
    }

    /// The density of a member's prior, as that of a stack of one with these parameters; `None`
    /// where there is no prior.
    pub(crate) fn density_of_member(&self, member: usize, parameters: &[Tensor]) -> Option<Density> {
        if !self.members[member].config.model.system.has_posterior() {
            return None;
        }
        match &self.objective.mixture {
            Some(mixture) => Some(mixture.of_member(member as i64)),
            None => self.objective.density(&self.model, parameters),
        }
    }
}

/// Standard normal values `[n, latent_dim]` for images `[n, pixels]`: an image always gets the same
/// ones, in whatever split, order or selection it comes.
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
