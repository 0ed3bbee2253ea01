//! Metric-learning losses on embeddings and labels.
//!
//! A loss knows nothing of images, networks or training: it takes embeddings `[..., batch, dim]` and labels
//! `[..., batch]`, and gives a value `[...]`. Three rules hold for all of them:
//!
//! - **Leading dimensions are independent models.** Nothing mixes across them.
//! - **A label of -1 means unlabelled.** Such a row is in no pair, counts in no mean and gets a gradient of
//!   exactly zero.
//! - **There is always a value with a graph.** A batch without a valid tuple gives exactly zero and exactly
//!   zero gradients, never NaN; coinciding points and zero vectors keep both finite too.
//!
//! [`LossConfig`] lists the losses; [`LossConfig::build`] is the only way to get one. The types of the losses
//! themselves are public for what their docs say: the formula, its source, and what the mean is over.
//!
//! # In a program of your own
//! Tensors are those of [`tch`] 0.24.0, the one for `LibTorch` 2.11: depend on `tch = "=0.24.0"`, or use it from
//! here. What this workspace arranges for its own programs, yours has to be told: `LIBTORCH` when it is built, the
//! folder with the `include` and `lib` of `LibTorch` (`cargo xtask setup` in a checkout links it as
//! `.libtorch/torch` and prints where it is), and `LD_LIBRARY_PATH=$LIBTORCH/lib` when it runs.

mod config;
mod masked;
mod memory;
mod pairs;

mod center;
mod circle;
mod contrastive;
mod lifted_structure;
mod multi_similarity;
mod n_pair;
mod nca;
mod proxy_anchor;
mod sup_con;
mod triplet;
mod weighted;

use std::fmt::Debug;

use tch::Tensor;

pub use center::Center;
pub use circle::Circle;
pub use config::{LossConfig, LossError, WeightedTerm};
pub use contrastive::Contrastive;
pub use lifted_structure::LiftedStructure;
pub use memory::CrossBatchMemory;
pub use multi_similarity::MultiSimilarity;
pub use n_pair::NPair;
pub use nca::Nca;
pub use proxy_anchor::ProxyAnchor;
pub use sup_con::SupCon;
pub use tch;
pub use triplet::{Distance, Mining, Triplet};
pub use weighted::Weighted;

/// A loss on embeddings and labels, of one model or of a stack of independent ones.
pub trait Loss: Debug + Send {
    /// What the loss itself learns (softmax head, centres, proxies), in the order in which
    /// [`Loss::forward`] takes it; empty for most.
    fn parameters(&self) -> Vec<ParameterShape> {
        Vec::new()
    }

    /// The loss of each model.
    ///
    /// # Shapes
    /// `parameters`: each `[..., shape]`; `embeddings`: `[..., batch, dim]`, f32 or f64; `labels`: `[...,
    /// batch]`, i64, in `0..n_classes`, or -1 for an unlabelled row. The result is `[...]`, of the
    /// embeddings' kind.
    ///
    /// A label of `n_classes` or more is one more class to a loss that compares rows with rows. One that
    /// learns something of each class has nothing to compare such a row with, and takes it for unlabelled.
    /// (To refuse it would be to look at the labels, and so to wait for a GPU at every step.)
    ///
    /// # Panics
    /// On labels that have not the shape of the embeddings without `dim`, on embeddings that are neither f32
    /// nor f64, and on fewer parameters than [`Loss::parameters`] names.
    fn forward(&self, parameters: &[Tensor], embeddings: &Tensor, labels: &Tensor) -> Tensor;

    /// The loss of each model where a batch row is compared with the rows in `memory` too, not with its own
    /// batch alone.
    ///
    /// Anchors are the rows of the batch, and gradients reach them only. A loss that compares rows with
    /// what it has learned, rather than with other rows, has no use for the memory and gives
    /// [`Loss::forward`].
    ///
    /// # Shapes
    /// As for [`Loss::forward`]; the memory has the same leading dimensions and `dim`.
    ///
    /// # Panics
    /// As [`Loss::forward`], and a loss that uses it on a memory of another shape.
    fn forward_against(
        &self,
        parameters: &[Tensor],
        embeddings: &Tensor,
        labels: &Tensor,
        _memory: &CrossBatchMemory,
    ) -> Tensor {
        self.forward(parameters, embeddings, labels)
    }
}

/// The shape of something that a loss learns, and how it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterShape {
    /// Its name, unique within the loss.
    pub name: &'static str,
    /// Its shape in one model, without leading dimensions.
    pub shape: Vec<i64>,
    /// The standard deviation of the zero-mean normal distribution that it starts from; 0 for all zeros.
    pub std: f64,
}
