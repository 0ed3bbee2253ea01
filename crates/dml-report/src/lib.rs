//! Tables, figures and verdicts, made from a run store.
//!
//! Knows numbers under dotted names; does not know what a model or a loss is, and does not link
//! `LibTorch`.
//!
//! ```
//! use dml_report::{Report, ReportSpecs, write_report};
//! use dml_store::RunStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let store = RunStore::open(&folder.join("store"))?;
//! let (expected, specs) = (["seed = 1".parse()?], ReportSpecs::default());
//! let (name, claim, command, written) = ("first", "One trial, not run yet.", "cargo run", "");
//! let report = Report { name, claim, command, written, specs, expected: &expected, stopped: 0 };
//! let written = write_report(&report, &store, &folder.join("report"))?;
//! assert_eq!((written.trials, written.results), (1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bootstrap;
mod effects;
mod error;
mod estimate;
mod evidence;
mod figure;
mod folder;
mod geodesics;
mod information;
mod interchange;
mod latent;
mod page;
mod permutation;
mod prediction;
mod published;
mod report;
mod table;
mod text;
mod verdict;
mod write;

#[cfg(test)]
mod synthetic;

pub use dml_spec::{
    ChoiceSpec, EffectsSpec, EquivalenceSpec, FigureSpec, Ignore, PredictionSpec, ReportSpecs, Selection,
    TableSpec, VerdictSpec,
};
pub use error::ReportError;
pub use report::{Report, ReportPaths};
pub use write::write_report;
