//! What a loss is made of.

use tch::Tensor;

use crate::CrossBatchMemory;
use crate::error::Checks;

/// What the file of a loss says of it. Its public methods come from the list in `lib.rs`.
pub(crate) trait Loss {
    /// What became of the check of each setting; see [`crate::LossConfig::mistakes`].
    fn checks(&self) -> Checks;

    /// See [`crate::LossConfig::parameters`].
    fn parameters(&self, _dim: i64, _n_classes: i64) -> Vec<ParameterShape> {
        Vec::new()
    }

    /// See [`crate::LossConfig::forward`].
    fn value(&self, parameters: &[Tensor], batch: &Batch) -> Tensor;

    /// See [`crate::LossConfig::of_distances`].
    fn of_distances(&self, _distances: &Tensor, _labels: &Tensor) -> Option<Tensor> {
        None
    }

    /// What [`Loss::of_distances`] asks of distances.
    fn distances(&self) -> Distances {
        Distances::Unused
    }
}

/// What a loss asks of distances that come from elsewhere, in the order in which a sum of losses
/// asks for what the first of its terms does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Distances {
    /// It has no use for them.
    Unused,
    /// All of them, as they are.
    Exact,
    /// See [`crate::LossConfig::is_of_bounds`].
    Bounds,
}

/// What a loss is taken of.
pub(crate) struct Batch<'a> {
    pub(crate) embeddings: &'a Tensor, // [..., batch, dim]
    pub(crate) labels: &'a Tensor,     // [..., batch]
    /// Rows of earlier batches; see [`crate::LossConfig::forward_against`].
    pub(crate) memory: Option<&'a CrossBatchMemory>,
}

/// The shape of something that a loss learns, and how it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterShape {
    /// Its name, unique within the loss.
    pub name: &'static str,
    /// Its shape in one model, without leading dimensions.
    pub shape: Vec<i64>,
    /// The standard deviation of the zero-mean normal distribution that it starts from; 0 for all
    /// zeros.
    pub std: f64,
}
