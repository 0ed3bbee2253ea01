//! Embeddings without training: what a table's numbers have to be compared with.

use ndarray::{Array2, ArrayView2};
use tch::{Kind, Tensor, no_grad_guard};

use crate::convert::{to_array, to_tensor, unit_range};
use crate::model::ModelConfig;
use crate::system::System;

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
    /// `pca`: the leading eigenvectors of the covariance, by falling eigenvalue, each with its
    /// largest entry positive. `random_projection`: normal entries of variance 1 / `latent_dim`,
    /// from the seed. Both give at most as many dimensions as there are pixels.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Embedding, Length};
    use crate::network::NetworkConfig;

    fn fit(system: System, latent_dim: i64, images: ArrayView2<u8>) -> Baseline {
        let network = NetworkConfig::Mlp { hidden: vec![] };
        let (encoder, decoder) = (network.clone(), network);
        let (embedding, length) = (Embedding::Mean, Length::Free);
        let config = ModelConfig { system, latent_dim, embedding, length, encoder, decoder, decoders: 1 };
        Baseline::fit(&config, 3, images)
    }

    /// 500 images whose 12 pixels follow three hidden numbers of falling weight, and noise.
    fn images() -> Array2<u8> {
        let draw = |purpose, shape: &[i64]| crate::random::normal(1, purpose, 0, shape);
        let hidden = draw("hidden", &[500, 3]) * Tensor::from_slice(&[30.0_f32, 20.0, 10.0]);
        let pixels = hidden.mm(&draw("weights", &[3, 12])) * 0.5 + draw("noise", &[500, 12]) * 3.0 + 128.0;
        to_array(&pixels).mapv(|pixel| pixel.clamp(0.0, 255.0) as u8)
    }

    /// In f64, by loops.
    fn covariance(images: &Array2<u8>) -> Array2<f64> {
        let x = images.mapv(|pixel| f64::from(pixel) / 255.0);
        let (n, pixels) = x.dim();
        let mean: Vec<f64> = (0..pixels).map(|p| x.column(p).sum() / n as f64).collect();
        Array2::from_shape_fn((pixels, pixels), |(a, b)| {
            (0..n).map(|i| (x[[i, a]] - mean[a]) * (x[[i, b]] - mean[b])).sum::<f64>() / n as f64
        })
    }

    #[test]
    fn principal_components_are_orthonormal_and_have_the_leading_eigenvalues_as_variances() {
        let images = images();
        let pca = fit(System::Pca, 3, images.view());
        let w = to_array(&pca.map.as_ref().unwrap().1).mapv(f64::from); // [12, 3]
        let embeddings = pca.embed(images.view()).mapv(f64::from);
        let mut covariance = covariance(&images);
        for a in 0..3 {
            for b in 0..3 {
                let product = w.column(a).dot(&w.column(b));
                assert!((product - f64::from(u8::from(a == b))).abs() < 1e-6, "{a}, {b}: {product}");
            }
            // The largest eigenvalue of what earlier components leave, by power iteration.
            let mut v = ndarray::Array1::from_shape_fn(12, |p| 1.0 + p as f64);
            for _ in 0..1000 {
                v = covariance.dot(&v);
                v /= v.dot(&v).sqrt();
            }
            let eigenvalue = v.dot(&covariance.dot(&v));
            let column = embeddings.column(a);
            let (mean, square) = (column.sum() / 500.0, column.dot(&column) / 500.0);
            assert!(mean.abs() < 1e-6, "{mean}: centred");
            assert!((square / eigenvalue - 1.0).abs() < 1e-5, "{square} against {eigenvalue}: f32 sums");
            assert!(w.column(a).dot(&v).abs() > 1.0 - 1e-6, "component {a} is eigenvector {a}");
            let largest = w.column(a).iter().copied().max_by(|x, y| x.abs().total_cmp(&y.abs()));
            assert!(largest > Some(0.0), "its largest entry is positive");
            for (p, q) in (0..12).flat_map(|p| (0..12).map(move |q| (p, q))) {
                covariance[[p, q]] -= eigenvalue * v[p] * v[q];
            }
        }
    }

    #[test]
    fn a_random_projection_has_entries_of_variance_one_over_latent_dim() {
        let projection = fit(System::RandomProjection, 10, Array2::zeros((1, 784)).view());
        let (mean, w) = projection.map.unwrap();
        assert_eq!(w.size(), [784, 10]);
        assert_eq!(mean, mean.zeros_like(), "it does not centre");
        let moment =
            |power: f64| f64::try_from((&w * 10f64.sqrt()).pow_tensor_scalar(power).mean(Kind::Double));
        // Of 7,840 standard normal values.
        assert!(moment(1.0).unwrap().abs() < 4.0 / 7840f64.sqrt());
        assert!((moment(2.0).unwrap() - 1.0).abs() < 4.0 * (2.0 / 7840f64).sqrt());
        assert!((moment(4.0).unwrap() - 3.0).abs() < 4.0 * (96.0 / 7840f64).sqrt());
    }
}
