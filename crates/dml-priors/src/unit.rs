//! The unit Gaussian prior, N(0, I).

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::density::Density;
use crate::gaussian::Gaussian;
use crate::prior::Prior;

/// N(0, I), with its KL in closed form. It has no settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {}

impl Prior for Unit {
    fn density(&self, _: &[Tensor], _: &dyn Fn(&Tensor) -> Gaussian) -> Option<Density> {
        Some(Density::Unit)
    }
}
