//! The Vamp prior: the mean of the posteriors of learned pseudo-inputs.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::density::Density;
use crate::error::PriorError;
use crate::gaussian::Gaussian;
use crate::prior::{ImageParameter, Prior, PseudoInputs, mistakes_of_components};

/// The Vamp prior: the equally weighted posteriors of K learned pseudo-inputs (Tomczak & Welling
/// 2018, "VAE with a `VampPrior`", equation 9).
///
/// The pseudo-inputs are clamped into [0, 1] before `encode` sees them, hard: a pixel outside has
/// zero gradient, one at exactly 0 or 1, as most of a digit's are, still learns. A pixel that a
/// step has pushed outside therefore stays there until momentum brings it back; a loop that clamps
/// its parameter after each step never has one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vamp {
    /// K, the number of pseudo-inputs, 1 to 10,000.
    pub components: i64,
    /// Where the pseudo-inputs start.
    pub init: PseudoInputs,
}

/// 500 pseudo-inputs that start as images: the authors' number for MNIST (their section 5.1).
impl Default for Vamp {
    fn default() -> Self {
        Self { components: 500, init: PseudoInputs::Data }
    }
}

impl Prior for Vamp {
    fn mistakes(&self) -> Vec<PriorError> {
        mistakes_of_components(self.components)
    }

    fn parameters(&self, pixels: i64) -> Vec<ImageParameter> {
        vec![ImageParameter { name: "pseudo_inputs", shape: [self.components, pixels], start: self.init }]
    }

    fn images_needed(&self) -> i64 {
        match self.init {
            PseudoInputs::Data => self.components,
            PseudoInputs::Random => 0,
        }
    }

    /// # Panics
    /// Without the pseudo-inputs `[..., K, pixels]`, with another number of them, and when `encode`
    /// gives another number of posteriors.
    fn density(&self, parameters: &[Tensor], encode: &dyn Fn(&Tensor) -> Gaussian) -> Option<Density> {
        let [inputs] = parameters else { panic!("the VampPrior needs pseudo_inputs [..., K, pixels]") };
        let rows = |t: &Tensor| t.size()[t.dim() - 2];
        let (k, given) = (self.components, rows(inputs));
        assert!(given == k, "a VampPrior of {k} components takes {k} pseudo-inputs, not {given}");
        let components = encode(&inputs.clamp(0.0, 1.0));
        assert_eq!(
            rows(&components.mean),
            k,
            "encode must give one posterior for each of the VampPrior's pseudo-inputs"
        );
        Some(Density::Mixture { log_weights: None, components })
    }
}
