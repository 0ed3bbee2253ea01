//! Reconstruction losses.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Checks, is_weight};

/// Which reconstruction loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reconstruction {
    /// (x - g(z))^2 with a sigmoid output.
    SquaredError,
    /// -x log g(z) - (1 - x) log(1 - g(z)), computed from logits.
    BinaryCrossEntropy,
}

/// The `[reconstruction]` of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconstructionConfig {
    /// Which loss.
    pub kind: Reconstruction,
    /// Over the pixels of an image; over images it is always the mean.
    pub reduction: PixelReduction,
    /// Weight of the term in the unsupervised loss, at least 0; 0 for none.
    pub weight: f64,
}

impl ReconstructionConfig {
    pub(crate) fn check(&self) -> Checks {
        vec![is_weight("reconstruction.weight", self.weight)]
    }
}

/// How a reconstruction loss is taken over the pixels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PixelReduction {
    /// Sum.
    Sum,
    /// Mean.
    Mean,
}

/// Reconstruction loss of each member: sum or mean over pixels, mean over images. `[M, b, pixels]`
/// to `[M]`.
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
                let ours =
                    reconstruct(&ReconstructionConfig { kind, reduction, weight: 1.0 }, &logits, &truth);
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
