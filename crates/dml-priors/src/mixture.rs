//! The prior that is fitted on embeddings.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::density::Density;
use crate::error::PriorError;
use crate::gaussian::Gaussian;
use crate::prior::{Prior, mistakes_of_components};

/// A Gaussian mixture that is fitted on embeddings between two stages of a training;
/// [`Mixture::fitted`] takes its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// K, the number of components, 1 to 10,000.
    pub components: i64,
}

/// Ten components, one for each class of MNIST, as in Jiang et al. 2017, "Variational deep
/// embedding".
impl Default for Mixture {
    fn default() -> Self {
        Self { components: 10 }
    }
}

/// A mixture's numbers, from whatever fitted it. Leading dimensions are independent models.
#[derive(Debug)]
pub struct Fitted {
    /// Component weights, `[..., K]`, not negative, each model's summing to 1.
    pub weights: Tensor,
    /// Component means, `[..., K, d]`.
    pub means: Tensor,
    /// Variances of each dimension, `[..., K, d]`, positive.
    pub variances: Tensor,
}

impl Mixture {
    /// The density of a mixture that was fitted on embeddings, on the device and of the kind of the
    /// posteriors to come.
    ///
    /// # Errors
    /// Numbers of another shape than configured, or that make no distribution.
    pub fn fitted(&self, fitted: &Fitted) -> Result<Density, PriorError> {
        let components = self.components;
        let Fitted { weights, means, variances } = fitted;
        let expected = means.size();
        let fits = expected.len() >= 2
            && expected[expected.len() - 2] == components
            && variances.size() == expected
            && weights.size() == expected[..expected.len() - 1];
        if !fits {
            let [weights, means, variances] = [weights, means, variances].map(Tensor::size);
            return Err(PriorError::FittedShape { components, weights, means, variances });
        }
        let all = |condition: &Tensor| condition.all().int64_value(&[]) == 1;
        let sums = weights.to_kind(Kind::Double).sum_dim_intlist(-1, false, None);
        if !all(&weights.ge(0.0)) || !all(&(sums - 1.0).abs().le(1e-5)) {
            return Err(PriorError::FittedValue(
                "weights must not be negative and must sum to 1 within 1e-5",
            ));
        }
        if !all(&means.isfinite()) {
            return Err(PriorError::FittedValue("means must be finite"));
        }
        if !all(&variances.gt(0.0)) || !all(&variances.isfinite()) {
            return Err(PriorError::FittedValue("variances must be positive and finite"));
        }
        let components = Gaussian { mean: means.detach(), logvar: variances.detach().log() };
        Ok(Density::Mixture { log_weights: Some(weights.detach().log()), components })
    }
}

impl Prior for Mixture {
    fn mistakes(&self) -> Vec<PriorError> {
        mistakes_of_components(self.components)
    }

    fn images_needed(&self) -> i64 {
        self.components
    }

    fn fitted_components(&self) -> Option<i64> {
        Some(self.components)
    }

    fn density(&self, _: &[Tensor], _: &dyn Fn(&Tensor) -> Gaussian) -> Option<Density> {
        None
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::{Fitted, Mixture};
    use crate::PriorError;

    #[test]
    fn a_fitted_mixture_must_be_a_distribution_of_the_configured_size() {
        let build = |components, weights: &[f32], means: &[f32], variances: &[f32]| {
            let rows = weights.len() as i64;
            let fitted = Fitted {
                weights: Tensor::from_slice(weights),
                means: Tensor::from_slice(means).reshape([rows, -1]),
                variances: Tensor::from_slice(variances).reshape([rows, -1]),
            };
            Mixture { components }.fitted(&fitted).err()
        };
        let value = |error: Option<PriorError>| match error {
            Some(PriorError::FittedValue(problem)) => problem.split(' ').next(),
            _ => None,
        };
        assert_eq!(build(2, &[0.3, 0.7], &[0.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(value(build(2, &[0.3, 0.6], &[0.0, 1.0], &[1.0, 2.0])), Some("weights"));
        assert_eq!(value(build(2, &[-0.3, 1.3], &[0.0, 1.0], &[1.0, 2.0])), Some("weights"));
        assert_eq!(value(build(2, &[0.3, 0.7], &[f32::NAN, 1.0], &[1.0, 2.0])), Some("means"));
        assert_eq!(value(build(2, &[0.3, 0.7], &[0.0, 1.0], &[1.0, 0.0])), Some("variances"));
        assert!(matches!(
            build(3, &[0.3, 0.7], &[0.0, 1.0], &[1.0, 2.0]),
            Some(PriorError::FittedShape { components: 3, .. })
        ));
    }
}
