//! Embeddings that nobody trained: what a table's numbers have to be compared with.

use ndarray::{Array2, ArrayView2};
use tch::{Kind, Tensor, no_grad_guard};

use crate::config::{ModelConfig, System};
use crate::stack::{to_array, to_tensor, unit_range};

/// Images in a block while a covariance is summed.
const BLOCK: i64 = 4096;

/// A linear map of pixels in [0, 1]: `(x - mean) W`; or no map at all.
#[derive(Debug)]
pub struct Baseline {
    /// `[1, pixels]` and `[pixels, latent_dim]`.
    map: Option<(Tensor, Tensor)>,
}

impl Baseline {
    /// The baseline of a system ([`System::is_baseline`]), fitted on training images `[n, pixels]`.
    ///
    /// `pca`: the leading eigenvectors of the covariance, by falling eigenvalue, each with its largest entry positive.
    /// `random_projection`: normal entries of variance 1 / `latent_dim`, from the seed. Both give at most as many dimensions as there are
    /// pixels.
    ///
    /// # Panics
    /// When the system is no baseline.
    pub fn fit(config: &ModelConfig, seed: u64, images: ArrayView2<u8>) -> Self {
        let _guard = no_grad_guard();
        let pixels = images.ncols() as i64;
        let latent = config.latent_dim.min(pixels);
        let map = match config.system {
            System::Pixels => None,
            System::Pca => Some(principal_components(images, latent)),
            System::RandomProjection => {
                let weights = crate::random::normal(seed, "weights/random_projection", 0, &[pixels, latent]);
                let mean = Tensor::zeros([1, pixels], (Kind::Float, tch::Device::Cpu));
                Some((mean, weights / (latent as f64).sqrt()))
            }
            system => panic!("{system:?} is a model, not a baseline"),
        };
        Self { map }
    }

    /// `[n, pixels]` to `[n, latent_dim]`, or `[n, pixels]` for `pixels`.
    pub fn embed(&self, images: ArrayView2<u8>) -> Array2<f32> {
        let _guard = no_grad_guard();
        let images = unit_range(&to_tensor(images));
        to_array(
            &self.map.as_ref().map_or_else(|| images.shallow_clone(), |(mean, w)| (&images - mean).mm(w)),
        )
    }
}

fn principal_components(images: ArrayView2<u8>, latent: i64) -> (Tensor, Tensor) {
    let images = to_tensor(images);
    let (n, pixels) = (images.size()[0], images.size()[1]);
    let double = (Kind::Double, tch::Device::Cpu);
    let (mut sum, mut products) =
        (Tensor::zeros([1, pixels], double), Tensor::zeros([pixels, pixels], double));
    for start in (0..n).step_by(BLOCK as usize) {
        let block = unit_range(&images.narrow(0, start, BLOCK.min(n - start)));
        sum += block.sum_dim_intlist(0, true, Kind::Double);
        products += block.tr().mm(&block).to_kind(Kind::Double);
    }
    let mean = sum / n as f64;
    let covariance = products / n as f64 - mean.tr().mm(&mean);
    let (_, vectors) = covariance.linalg_eigh("L"); // eigenvalues rise
    let leading = vectors.narrow(1, pixels - latent, latent).flip([1]);
    let largest = leading.gather(0, &leading.abs().argmax(0, true), false);
    ((mean.to_kind(Kind::Float)), (leading * largest.sign()).to_kind(Kind::Float))
}
