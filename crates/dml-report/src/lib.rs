//! Tables, figures and verdicts, made from a run store.
//!
//! Knows numbers under dotted names; does not know what a model or a loss is, and does not link
//! `LibTorch`.

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
mod write;

#[cfg(test)]
mod synthetic;

pub use error::ReportError;
pub use report::{Report, ReportPaths};
pub use select::Selection;
pub use spec::{ChoiceSpec, FigureSpec, Ignore, ReportSpecs, TableSpec, VerdictSpec};
pub use write::write_report;
