//! The hypercube prior.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::density::{Density, Estimator};
use crate::error::PriorError;
use crate::gaussian::Gaussian;
use crate::prior::Prior;

/// Equally weighted Gaussians at the vertices of a cube around the origin (Safir et al. 2022,
/// proposal 2).
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Hypercube {
    /// Length of an edge, in [0, 1000]: the vertices are at ±`side`/2 in each dimension, so 2 gives
    /// the paper's {−1, +1}^d, and 0 a single Gaussian.
    pub side: f64,
    /// Natural logarithm of every component's variance, in [−30, 30]. The paper's text has 1, its
    /// figure 2 has 0; the components are apart (the density has a mode near each vertex) only for
    /// exp(`logvar`/2) < `side`/2.
    pub logvar: f64,
    /// How its KL is computed.
    pub estimator: Estimator,
}

/// The paper's cube, {−1, +1}^d, with the variance of its text.
impl Default for Hypercube {
    fn default() -> Self {
        Self { side: 2.0, logvar: 1.0, estimator: Estimator::MonteCarlo }
    }
}

impl Prior for Hypercube {
    fn mistakes(&self) -> Vec<PriorError> {
        let side = (!(0.0..=1000.0).contains(&self.side)).then_some(PriorError::Side(self.side));
        let logvar = (!(-30.0..=30.0).contains(&self.logvar)).then_some(PriorError::Logvar(self.logvar));
        side.into_iter().chain(logvar).collect()
    }

    fn density(&self, _: &[Tensor], _: &dyn Fn(&Tensor) -> Gaussian) -> Option<Density> {
        let Self { side, logvar, estimator } = *self;
        Some(Density::Hypercube { side, logvar, estimator })
    }
}
