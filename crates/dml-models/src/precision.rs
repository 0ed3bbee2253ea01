//! The precision of matrix products.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::error::ConfigError;

/// In what the products and convolutions of a training step are computed. Weights, moments, losses
/// and sums are f32 in any case, and so is what a step decodes for distances along the decoder
/// (`pull_back`), and everything outside a step: embeddings, reconstructions, likelihoods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Precision {
    /// 24 bits of mantissa.
    #[default]
    F32,
    /// Brain floating point: factors and results have 8 bits of mantissa and f32's range, sums
    /// within a product are f32 (Kalamkar et al. 2019, "A study of bfloat16 for deep learning
    /// training"). Products alone are faster on processors with AMX; each step also converts its
    /// weights and gradients, so that small batches gain nothing.
    Bf16,
}

impl Precision {
    /// Refuses what a device can only emulate, far slower than f32. (With AVX-512 BF16 and no AMX
    /// it is computed, but no faster than f32.)
    ///
    /// # Errors
    /// One sentence, for bf16 on a processor without AVX-512 BF16 (which all with AMX have).
    pub fn check(self, device: Device) -> Result<(), ConfigError> {
        #[cfg(target_arch = "x86_64")]
        let has_products = std::arch::is_x86_feature_detected!("avx512bf16");
        #[cfg(not(target_arch = "x86_64"))]
        let has_products = false;
        self.check_with(device, has_products)
    }

    fn check_with(self, device: Device, has_products: bool) -> Result<(), ConfigError> {
        if self == Self::F32 || device != Device::Cpu || has_products {
            return Ok(());
        }
        Err(ConfigError::conflict(
            "training.precision = \"bf16\" needs CUDA, or a processor with avx512_bf16; this one has not: use \"f32\"",
        ))
    }

    /// An input and a weight as the factors of a product. Only a step's weights track gradients.
    pub(crate) fn factors(self, x: &Tensor, weight: &Tensor) -> Option<[Tensor; 2]> {
        let lowered = self == Self::Bf16 && weight.requires_grad();
        lowered.then(|| [x, weight].map(|t| t.to_kind(Kind::BFloat16)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_refused_on_a_processor_without_it_alone() {
        let refused = Precision::Bf16.check_with(Device::Cpu, false).unwrap_err().to_string();
        assert!(refused.contains("avx512_bf16") && refused.ends_with("use \"f32\""), "{refused}");
        let fine = [
            (Precision::Bf16, Device::Cpu, true),
            (Precision::Bf16, Device::Cuda(0), false),
            (Precision::F32, Device::Cpu, false),
        ];
        for (precision, device, has_products) in fine {
            precision.check_with(device, has_products).unwrap();
        }
    }
}
