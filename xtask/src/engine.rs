//! The engine: what runs the trials of a sweep, here or on Slurm, and what is known of them.
//!
//! It knows TOML, not models: a trial is a complete file, its hash is its identity, and it is done
//! when its directory holds `result.json`. The unit of work is a process, `dml run DIR...`, here or
//! as a Slurm task.

pub(crate) mod data;
pub(crate) mod local;
mod log;
pub(crate) mod plan;
pub(crate) mod progress;
mod queue;
pub(crate) mod slurm;
pub(crate) mod state;
pub(crate) mod stop_early;
pub(crate) mod summary;
pub(crate) mod words;
pub(crate) mod worker;
