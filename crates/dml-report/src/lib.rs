//! The run store, and the tables, figures and verdicts made from it.
//!
//! Knows numbers under dotted names; does not know what a model or a loss is, and does not link `LibTorch`.

mod store;
mod trial;

mod error;
mod estimate;
mod evidence;
mod figure;
mod folder;
mod interchange;
mod latent;
mod page;
mod published;
mod report;
mod select;
mod spec;
mod table;
mod verdict;

#[cfg(test)]
mod synthetic;

pub use error::ReportError;
pub use report::{Report, ReportPaths, write_report};
pub use select::{Selection, flatten};
pub use spec::{ChoiceSpec, FigureSpec, Ignore, ReportSpecs, TableSpec, VerdictSpec};
pub use store::{Claim, RunStore, StoreError, write_atomically};
pub use trial::{Curves, FORMAT, Failure, Outcome, Scores, TrialResult, lookup, trial_id};
