//! Read-outs, clustering, retrieval and label agreement on embeddings, in ndarray.
//!
//! An embedding is a row of an `[n, d]` array of `f32`; a label is an integer (see [`Label`]). Where they come from
//! is not looked at here. Everything is deterministic for a given seed, on any number of threads.
//!
//! Arrays are those of ndarray 0.16; it is re-exported as [`ndarray`](mod@ndarray), so that its version need not be named twice.

mod error;
mod label;

pub mod agreement;
pub mod clustering;
pub mod protocol;
pub mod readout;
pub mod retrieval;
pub mod statistics;

mod minimize;
mod neighbours;
mod product;
mod random;

pub use ndarray;

pub use error::{EvalError, LARGEST_COORDINATE};
pub use label::Label;
pub use neighbours::nearest;
pub use protocol::{Embedded, Evaluation, Protocol, Scores};
pub use readout::{Classifier, Readout};
