//! Any loss, by its settings.

use tch::Tensor;

use crate::loss::{Batch, Distances};
use crate::{CrossBatchMemory, LossConfig, LossError, ParameterShape};

/// Makes [`LossConfig`] of a list of losses, and the public methods of each.
macro_rules! losses {
    ($($file:ident::$Loss:ident: $sort:ident,)+) => {
        $(pub use $file::$Loss;)+

        /// Any loss with all its settings, as it stands in a trial file: `kind` and the settings,
        /// none of which has a default there.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum LossConfig {
            $(
                #[doc = concat!("See [`", stringify!($Loss), "`].")]
                $Loss($Loss),
            )+
        }

        impl LossConfig {
            /// Every loss there is, each with its default settings.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$Loss($Loss::default()),)+]
            }

            pub(crate) fn as_loss(&self) -> &dyn loss::Loss {
                match self {
                    $(Self::$Loss(loss) => loss,)+
                }
            }
        }

        $(
            impl From<$Loss> for LossConfig {
                fn from(loss: $Loss) -> Self {
                    Self::$Loss(loss)
                }
            }

            impl $Loss {
                /// Checks every setting.
                ///
                /// # Errors
                /// As [`LossConfig::check`].
                pub fn check(&self) -> Result<(), LossError> {
                    loss::Loss::checks(self).into_iter().collect()
                }
            }

            config::methods! { $sort $Loss }
        )+
    };
}

/// The public methods of a loss that compares rows with rows, and of one with parameters of its
/// own.
macro_rules! methods {
    (of_pairs $Loss:ident) => {
        impl $Loss {
            /// The loss of each model: [`LossConfig::forward`], without parameters.
            pub fn forward(&self, embeddings: &tch::Tensor, labels: &tch::Tensor) -> tch::Tensor {
                loss::Loss::value(self, &[], &loss::Batch { embeddings, labels, memory: None })
            }

            /// The loss of each model where a batch row is compared with the rows in `memory` too:
            /// [`LossConfig::forward_against`], without parameters.
            pub fn forward_against(
                &self,
                embeddings: &tch::Tensor,
                labels: &tch::Tensor,
                memory: &CrossBatchMemory,
            ) -> tch::Tensor {
                loss::Loss::value(self, &[], &loss::Batch { embeddings, labels, memory: Some(memory) })
            }
        }
    };
    (with_parameters $Loss:ident) => {
        impl $Loss {
            /// What the loss itself learns: [`LossConfig::parameters`].
            pub fn parameters(&self, dim: i64, n_classes: i64) -> Vec<ParameterShape> {
                loss::Loss::parameters(self, dim, n_classes)
            }

            /// The loss of each model: [`LossConfig::forward`].
            pub fn forward(
                &self,
                parameters: &[tch::Tensor],
                embeddings: &tch::Tensor,
                labels: &tch::Tensor,
            ) -> tch::Tensor {
                loss::Loss::value(self, parameters, &loss::Batch { embeddings, labels, memory: None })
            }
        }
    };
}

pub(crate) use {losses, methods};

impl LossConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// The first of [`Self::mistakes`].
    pub fn check(&self) -> Result<(), LossError> {
        self.as_loss().checks().into_iter().collect()
    }

    /// All that is wrong: settings out of their range, and a combination without terms or with two
    /// terms that learn the same. None of these is looked for again by the other methods.
    pub fn mistakes(&self) -> Vec<LossError> {
        self.as_loss().checks().into_iter().filter_map(Result::err).collect()
    }

    /// What the loss itself learns (softmax head, centres, proxies) for embeddings of `dim`
    /// dimensions and labels in `0..n_classes`, both 1 or more, in the order in which
    /// [`LossConfig::forward`] takes it; empty for most.
    pub fn parameters(&self, dim: i64, n_classes: i64) -> Vec<ParameterShape> {
        assert!(dim > 0 && n_classes > 0, "dim and n_classes are 1 or more");
        self.as_loss().parameters(dim, n_classes)
    }

    /// The loss of each model.
    ///
    /// # Shapes
    /// `parameters`: each `[..., shape]`; `embeddings`: `[..., batch, dim]`, f32 or f64; `labels`:
    /// `[..., batch]`, i64, in `0..n_classes`, or -1 for an unlabelled row. The result is `[...]`,
    /// of the embeddings' kind.
    ///
    /// A label of `n_classes` or more is one more class to a loss that compares rows with rows. One
    /// that learns something of each class has nothing to compare such a row with, and takes it for
    /// unlabelled. (To refuse it would be to look at the labels, and so to wait for a GPU at every
    /// step.)
    ///
    /// # Panics
    /// On labels that have not the shape of the embeddings without `dim`, on embeddings that are
    /// neither f32 nor f64, and, of a loss that learns something, on more or fewer parameters than
    /// [`LossConfig::parameters`] names (a weighted sum passes over what is left), or on a weighted
    /// sum without terms, which [`LossConfig::check`] refuses. What `LibTorch` refuses is a panic
    /// with its own words: parameters of another shape, or of another kind than the embeddings, and
    /// tensors on different devices.
    pub fn forward(&self, parameters: &[Tensor], embeddings: &Tensor, labels: &Tensor) -> Tensor {
        self.as_loss().value(parameters, &Batch { embeddings, labels, memory: None })
    }

    /// The loss of each model, of distances between the rows of its batch that need not be those of
    /// embeddings, with a gradient to them.
    ///
    /// Triplet, contrastive, lifted structured loss and NCA, and sums of them, look at distances
    /// alone, and [`LossConfig::forward`] is this on Euclidean ones; of the other losses it is
    /// `None`. So it is with `normalized`, which only embeddings can be. Where a loss squares
    /// distances it squares these.
    ///
    /// # Shapes
    /// `distances`: `[..., batch, batch]`, f32 or f64, 0 or more; row i has those of anchor i. No
    /// entry counts of a row with itself, or of an unlabelled one, and its gradient is exactly
    /// zero. `labels`: `[..., batch]`, as for [`LossConfig::forward`]. The result is `[...]`.
    ///
    /// # Panics
    /// On distances or labels of another shape.
    pub fn of_distances(&self, distances: &Tensor, labels: &Tensor) -> Option<Tensor> {
        self.as_loss().of_distances(distances, labels)
    }

    /// Whether [`LossConfig::of_distances`] has a value.
    pub fn is_of_distances(&self) -> bool {
        self.as_loss().distances() != Distances::Unused
    }

    /// Whether lower bounds will do for distances of rows of two classes with which the loss does
    /// not change: where its derivative by one of these is zero at a bound, it is the same for
    /// every larger distance. So it is of hinges that are all taken, contrastive ones and those of
    /// triplets of plain distances; mining that looks for a nearest row has to know distances.
    pub fn is_of_bounds(&self) -> bool {
        self.as_loss().distances() == Distances::Bounds
    }

    /// The loss of each model where a batch row is compared with the rows in `memory` too, not with
    /// its own batch alone.
    ///
    /// Anchors are the rows of the batch, and gradients reach them only. A loss that compares rows
    /// with what it has learned, rather than with other rows, has no use for the memory and gives
    /// [`LossConfig::forward`].
    ///
    /// # Shapes
    /// As for [`LossConfig::forward`]; the memory has the same leading dimensions and `dim`.
    ///
    /// # Panics
    /// As [`LossConfig::forward`], and a loss that uses it on a memory of another shape.
    pub fn forward_against(
        &self,
        parameters: &[Tensor],
        embeddings: &Tensor,
        labels: &Tensor,
        memory: &CrossBatchMemory,
    ) -> Tensor {
        self.as_loss().value(parameters, &Batch { embeddings, labels, memory: Some(memory) })
    }
}
