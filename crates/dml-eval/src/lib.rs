//! Read-outs, clustering, retrieval and label agreement on embeddings, in ndarray.
//!
//! An embedding is a row of an `[n, d]` array of `f32` ([`narrow`] brings `f64` there); a label is
//! an integer (see [`Label`]). Where they come from is not looked at here. Everything is
//! deterministic for a given seed, on any number of threads.
//!
//! ```
//! use dml_eval::{Embedded, Evaluation, Protocol, Readout, ndarray::array};
//!
//! let points = array![[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.1, 5.0]];
//! let embedded = Embedded { embeddings: points.view(), labels: &[7_u8, 7, 3, 3] };
//! let evaluation = Evaluation { train: embedded, labelled: &[0, 2], test: embedded, seed: 1 };
//! let scores = evaluation.readouts(Protocol::Labelled, &[Readout::Nearest])?;
//! assert_eq!(scores["labelled.nearest.accuracy"], 1.0);
//! assert_eq!(evaluation.retrieval()?["retrieval.recall_at_1"], 1.0);
//! # Ok::<(), dml_eval::EvalError>(())
//! ```
//!
//! Arrays are those of ndarray 0.16; it is re-exported as [`ndarray`](mod@ndarray), so that its
//! version need not be named twice.

mod error;
mod label;

pub mod agreement;
pub mod clustering;
pub mod propagation;
pub mod protocol;
pub mod readout;
pub mod retrieval;
pub mod statistics;

mod confidence;
mod minimize;
mod narrow;
mod neighbours;
mod product;
mod random;

pub use ndarray;

pub use confidence::NearestOfClasses;
pub use error::{EvalError, LARGEST_COORDINATE};
pub use label::Label;
pub use narrow::{Narrowed, narrow};
pub use neighbours::nearest;
pub use protocol::{Answers, Embedded, Evaluation, Protocol, Scores};
pub use readout::{Classifier, Readout};
