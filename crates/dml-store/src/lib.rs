//! The run store: one directory a trial, done when it holds its result; and what is said on the way
//! there.
//!
//! A trial is a TOML table whose hash is its identity ([`trial_id`]). This crate knows tables under
//! dotted keys and numbers under dotted names; it does not know what a model or a loss is.
//!
//! ```
//! use dml_store::RunStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let root = folder.path();
//! let store = RunStore::open(root)?;
//! let id = store.add(&"seed = 1".parse()?)?;
//! assert_eq!(store.ids()?, [id.clone()]);
//! assert!(store.result(&id)?.is_none(), "nothing has run it yet");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod claim;
mod error;
mod event;
mod hits;
mod identity;
mod keys;
pub mod names;
mod provenance;
mod reading;
mod result;
mod rungs;
mod store;
mod training;

pub use claim::Claim;
pub use error::StoreError;
pub use event::{Event, Passed};
pub use hits::Hits;
pub use identity::{NEUTRAL, canonical, complete, trial_id};
pub use keys::{flatten, lookup};
pub use provenance::Provenance;
pub use reading::{Mistake, line_of, nearest, read_toml, read_trial};
pub use result::{Curves, Ending, FORMAT, Failure, Outcome, Scores, TrialResult};
pub use rungs::Rungs;
pub use store::RunStore;
pub use training::Training;
