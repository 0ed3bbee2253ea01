//! Metric-learning losses on embeddings and labels.
//!
//! A loss knows nothing of images, networks or training: it takes embeddings `[..., batch, dim]`
//! and labels `[..., batch]`, and gives a value `[...]`. Three rules hold for all of them:
//!
//! - **Leading dimensions are independent models.** Nothing mixes across them.
//! - **A label of -1 means unlabelled.** Such a row is in no pair, counts in no mean and gets a
//!   gradient of exactly zero.
//! - **There is always a value with a graph.** A batch without a valid tuple gives exactly zero and
//!   exactly zero gradients, never NaN; coinciding points and zero vectors keep both finite too.
//!
//! A loss is its settings, and [`LossConfig`] is any of them:
//!
//! ```
//! use dml_losses::Triplet;
//! use dml_losses::tch::{Device, Kind, Tensor};
//!
//! let embeddings = Tensor::randn([6, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
//! let labels = Tensor::from_slice(&[0_i64, 0, 1, 1, -1, -1]); // The last two rows have no label.
//! let loss = Triplet::default().forward(&embeddings, &labels);
//! loss.backward();
//! assert_eq!(embeddings.grad().get(5).abs().sum(Kind::Float).double_value(&[]), 0.0);
//! ```
//!
//! A loss that learns something itself, such as [`Center`], says what in
//! [`parameters`](Center::parameters), and takes it in [`forward`](Center::forward). The formula,
//! its source and what the mean is over stand with each of them.
//!
//! # In a program of your own
//! Tensors are those of [`tch`] 0.24.0, the one for `LibTorch` 2.11: depend on `tch = "=0.24.0"`,
//! or use it from here. What this workspace arranges for its own programs, yours has to be told:
//! `LIBTORCH` when it is built, the folder with the `include` and `lib` of `LibTorch`
//! (`cargo xtask setup` in a checkout links it as `.libtorch/torch` and prints where it is), and
//! `LD_LIBRARY_PATH=$LIBTORCH/lib` when it runs.

mod config;
mod error;
mod loss;
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

pub use error::LossError;
pub use loss::ParameterShape;
pub use memory::CrossBatchMemory;
pub use tch;
pub use triplet::{Distance, Mining};
pub use weighted::WeightedTerm;

// Every loss, and whether it is a function of the pairs of a batch or takes parameters of its own.
// (Its `mod` line stands above, because rustfmt looks for no files behind a macro.)
config::losses! {
    triplet::Triplet: of_pairs,
    sup_con::SupCon: of_pairs,
    center::Center: with_parameters,
    contrastive::Contrastive: of_pairs,
    n_pair::NPair: of_pairs,
    multi_similarity::MultiSimilarity: of_pairs,
    lifted_structure::LiftedStructure: of_pairs,
    nca::Nca: of_pairs,
    proxy_anchor::ProxyAnchor: with_parameters,
    circle::Circle: of_pairs,
    weighted::Weighted: with_parameters,
}

/// The programs in the README compile and run, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
