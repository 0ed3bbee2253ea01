//! Priors as data, and the only way from there to a [`Prior`].

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::{Gaussian, Prior};

/// The most components: each is held against each row of a batch.
const MOST_COMPONENTS: i64 = 10_000;

/// Which prior, as it stands in a trial file.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PriorConfig {
    /// N(0, I), with its KL in closed form.
    Unit {},
    /// Equally weighted Gaussians at the vertices of a cube around the origin.
    Hypercube(Hypercube),
    /// The Vamp prior (Tomczak & Welling 2018, equation 9): the mean of the posteriors of learned pseudo-inputs.
    Vamp {
        /// K, the number of pseudo-inputs, 1 to 10,000.
        components: i64,
        /// Where the pseudo-inputs start.
        init: PseudoInputs,
    },
    /// A Gaussian mixture fitted on embeddings; its numbers come in as [`Fitted`].
    Mixture {
        /// K, the number of components, 1 to 10,000.
        components: i64,
    },
}

/// The hypercube's settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Hypercube {
    /// Length of an edge: the vertices are at ±`side`/2 in each dimension, so 2 gives the paper's {−1, +1}^d.
    /// In [0, 1000]; 0 is a single Gaussian.
    pub side: f64,
    /// Natural logarithm of every component's variance, in [−30, 30]. The paper's text has 1, its figure 2 has 0; the
    /// components are apart (the density has a mode near each vertex) only for exp(`logvar`/2) < `side`/2.
    pub logvar: f64,
    /// How its KL is computed.
    pub estimator: Estimator,
}

/// How the KL to the hypercube is computed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// The mean over samples of the posterior, as in the paper. Noisy, unbiased.
    MonteCarlo,
    /// Quadrature of d one-dimensional integrals, exact to rounding. Needs no noise.
    Exact,
}

/// Where the Vamp prior's pseudo-inputs start. The training loop draws and owns them; this crate only uses them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PseudoInputs {
    /// K different training images.
    Data,
    /// Every pixel uniform in [0, 1].
    Random,
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

/// Why a configuration or a fitted mixture is no prior.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PriorError {
    /// The hypercube's edge length is out of range.
    #[error("hypercube side {0} must be in [0, 1000]")]
    Side(f64),
    /// The hypercube's log-variance is out of range.
    #[error("hypercube logvar {0} must be in [-30, 30]")]
    Logvar(f64),
    /// A number of components that no posterior can be held against.
    #[error("the prior's components = {0} must be in 1 to {MOST_COMPONENTS}")]
    Components(i64),
    /// A mixture without its numbers.
    #[error("prior kind \"mixture\" needs a mixture fitted on embeddings first")]
    NotFitted,
    /// A mixture with numbers of another shape than configured.
    #[error(
        "fitted mixture has weights {weights:?}, means {means:?}, variances {variances:?}; expected [..., {components}], and [..., {components}, d] twice"
    )]
    FittedShape {
        /// Configured number of components.
        components: i64,
        /// Shape of the weights.
        weights: Vec<i64>,
        /// Shape of the means.
        means: Vec<i64>,
        /// Shape of the variances.
        variances: Vec<i64>,
    },
    /// Weights, means or variances that make no distribution.
    #[error("fitted mixture's {0}")]
    FittedValue(&'static str),
    /// More vertices than can be listed.
    #[error(
        "hypercube in {latent_dim} dimensions has 2^{latent_dim} components; they can be listed up to {limit} dimensions"
    )]
    TooManyVertices {
        /// Latent dimensions asked for.
        latent_dim: i64,
        /// The most that are listed.
        limit: i64,
    },
}

impl PriorConfig {
    /// Checks every range that can be checked before training.
    ///
    /// # Errors
    /// A value out of range, named.
    pub fn check(&self) -> Result<(), PriorError> {
        match *self {
            PriorConfig::Hypercube(Hypercube { side, .. }) if !(0.0..=1000.0).contains(&side) => {
                Err(PriorError::Side(side))
            }
            PriorConfig::Hypercube(Hypercube { logvar, .. }) if !(-30.0..=30.0).contains(&logvar) => {
                Err(PriorError::Logvar(logvar))
            }
            PriorConfig::Vamp { components, .. } | PriorConfig::Mixture { components }
                if !(1..=MOST_COMPONENTS).contains(&components) =>
            {
                Err(PriorError::Components(components))
            }
            _ => Ok(()),
        }
    }

    /// Builds the prior. `fitted` is what `mixture` is made of, on the device and of the kind of the posteriors to
    /// come; the other kinds do not look at it.
    ///
    /// # Errors
    /// What [`PriorConfig::check`] finds, and a `mixture` that is missing or makes no distribution.
    pub fn build(&self, fitted: Option<&Fitted>) -> Result<Prior, PriorError> {
        self.check()?;
        Ok(match *self {
            PriorConfig::Unit {} => Prior::Unit,
            PriorConfig::Hypercube(cube) => Prior::Hypercube(cube),
            PriorConfig::Vamp { components, .. } => Prior::Vamp { components },
            PriorConfig::Mixture { components } => mixture(components, fitted.ok_or(PriorError::NotFitted)?)?,
        })
    }
}

fn mixture(components: i64, fitted: &Fitted) -> Result<Prior, PriorError> {
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
        return Err(PriorError::FittedValue("weights must not be negative and must sum to 1 within 1e-5"));
    }
    if !all(&means.isfinite()) {
        return Err(PriorError::FittedValue("means must be finite"));
    }
    if !all(&variances.gt(0.0)) || !all(&variances.isfinite()) {
        return Err(PriorError::FittedValue("variances must be positive and finite"));
    }
    let components = Gaussian { mean: means.detach(), logvar: variances.detach().log() };
    Ok(Prior::Mixture { log_weights: weights.detach().log(), components })
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::{Estimator, Fitted, Hypercube, PriorConfig, PriorError, PseudoInputs};

    #[test]
    fn a_trial_file_names_the_kind_and_every_field() {
        for (text, expected) in [
            ("kind = \"unit\"\n", PriorConfig::Unit {}),
            (
                "kind = \"hypercube\"\nside = 2.0\nlogvar = 1.0\nestimator = \"monte_carlo\"\n",
                PriorConfig::Hypercube(Hypercube {
                    side: 2.0,
                    logvar: 1.0,
                    estimator: Estimator::MonteCarlo,
                }),
            ),
            (
                "kind = \"vamp\"\ncomponents = 500\ninit = \"data\"\n",
                PriorConfig::Vamp { components: 500, init: PseudoInputs::Data },
            ),
            ("kind = \"mixture\"\ncomponents = 10\n", PriorConfig::Mixture { components: 10 }),
        ] {
            assert_eq!(toml::from_str::<PriorConfig>(text).unwrap(), expected);
            assert_eq!(toml::to_string(&expected).unwrap(), text);
        }
        assert!(toml::from_str::<PriorConfig>("kind = \"unit\"\nside = 2.0").is_err());
        assert!(toml::from_str::<PriorConfig>("kind = \"mixture\"").is_err());
        let cube = "kind = \"hypercube\"\nside = 2.0\nlogvar = 1.0\n";
        let message = |text: &str| toml::from_str::<PriorConfig>(text).unwrap_err().to_string();
        assert!(message(cube).contains("missing field `estimator`"));
        assert!(message(&format!("{cube}estimator = \"exact\"\nedge = 1")).contains("unknown field `edge`"));
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let cube = |side, logvar| {
            PriorConfig::Hypercube(Hypercube { side, logvar, estimator: Estimator::Exact })
                .build(None)
                .err()
                .map(|e| e.to_string())
        };
        assert_eq!(cube(2.0, 30.0), None);
        assert_eq!(cube(-1.0, 0.0).unwrap(), "hypercube side -1 must be in [0, 1000]");
        assert_eq!(cube(f64::NAN, 0.0).unwrap(), "hypercube side NaN must be in [0, 1000]");
        assert_eq!(cube(2.0, 31.0).unwrap(), "hypercube logvar 31 must be in [-30, 30]");
        let vamp = |components| PriorConfig::Vamp { components, init: PseudoInputs::Data }.check();
        assert_eq!(vamp(10_000), Ok(()));
        assert_eq!(vamp(0).unwrap_err().to_string(), "the prior's components = 0 must be in 1 to 10000");
        let mixture = PriorConfig::Mixture { components: 1_000_000 }.check();
        assert_eq!(
            mixture.unwrap_err().to_string(),
            "the prior's components = 1000000 must be in 1 to 10000"
        );
    }

    #[test]
    fn a_fitted_mixture_must_be_a_distribution_of_the_configured_size() {
        let build = |components, weights: &[f32], means: &[f32], variances: &[f32]| {
            let rows = weights.len() as i64;
            let fitted = Fitted {
                weights: Tensor::from_slice(weights),
                means: Tensor::from_slice(means).reshape([rows, -1]),
                variances: Tensor::from_slice(variances).reshape([rows, -1]),
            };
            PriorConfig::Mixture { components }.build(Some(&fitted)).err()
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
        assert_eq!(PriorConfig::Mixture { components: 3 }.build(None).unwrap_err(), PriorError::NotFitted);
    }
}
