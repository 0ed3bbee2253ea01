//! The run store, and the tables, figures and verdicts made from it.
//!
//! Knows numbers under dotted names; does not know what a model or a loss is, and does not link LibTorch.

mod store;
mod trial;

pub use store::{Claim, RunStore, StoreError, write_atomically};
pub use trial::{Curves, FORMAT, Failure, Outcome, Scores, TrialResult, lookup, trial_id};
