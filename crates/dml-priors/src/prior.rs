//! What every prior has.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::density::Density;
use crate::error::PriorError;
use crate::gaussian::Gaussian;

/// The most components: each is held against each row of a batch.
const MOST_COMPONENTS: i64 = 10_000;

/// A prior on the latent space: settings that resolve to a [`Density`] in each step of a training.
pub trait Prior: Debug {
    /// All values out of range, named, as far as that can be said before training.
    fn mistakes(&self) -> Vec<PriorError> {
        Vec::new()
    }

    /// What the prior learns itself: images of `pixels` pixels, in the order in which
    /// [`Prior::density`] takes them; nothing for most.
    fn parameters(&self, _pixels: i64) -> Vec<ImageParameter> {
        Vec::new()
    }

    /// How many training images there have to be.
    fn images_needed(&self) -> i64 {
        0
    }

    /// The number of components that have to be fitted on embeddings before there is a density;
    /// `None` where there is one from the start.
    fn fitted_components(&self) -> Option<i64> {
        None
    }

    /// The density; `None` where it has to be fitted first. `encode` maps images `[..., n, pixels]`
    /// to their posteriors.
    ///
    /// # Shapes
    /// `parameters`: each `[..., shape]`, of [`Prior::parameters`].
    fn density(&self, parameters: &[Tensor], encode: &dyn Fn(&Tensor) -> Gaussian) -> Option<Density>;
}

/// Images that a prior learns. They are to stay images: a training loop puts them back into [0, 1]
/// after each step.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageParameter {
    /// Its name, unique within the prior.
    pub name: &'static str,
    /// Images and pixels, without leading dimensions.
    pub shape: [i64; 2],
    /// First values.
    pub start: PseudoInputs,
}

/// Where images that a prior learns start. The training loop draws and owns them; this crate only
/// uses them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PseudoInputs {
    /// K different training images.
    Data,
    /// Every pixel uniform in [0, 1].
    Random,
}

pub(crate) fn mistakes_of_components(components: i64) -> Vec<PriorError> {
    let fits = (1..=MOST_COMPONENTS).contains(&components);
    if fits { Vec::new() } else { vec![PriorError::Components(components)] }
}
