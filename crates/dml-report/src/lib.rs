//! Tables, figures and verdicts, made from a run store.
//!
//! Knows numbers under dotted names; does not know what a model or a loss is, and does not link
//! `LibTorch`.
//!
//! ```
//! use dml_report::write_report;
//! use dml_spec::Request;
//! use dml_store::RunStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let store = RunStore::open(&folder.join("store"))?;
//! let request: Request = toml::from_str(
//!     "name = 'first'\nclaim = 'One trial, not run yet.'\ncommand = 'cargo run'\n\
//!      file = 'first.toml'\nwritten = ''\nstopped = 0\nspecs = {}\nexpected = [{ seed = 1 }]",
//! )?;
//! let written = write_report(&request, &store, &folder.join("report"))?;
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
mod table;
mod text;
mod verdict;
mod write;

#[cfg(test)]
mod synthetic;

pub use error::ReportError;
pub use write::{ReportPaths, write_report};
