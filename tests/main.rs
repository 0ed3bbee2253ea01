//! End to end: the binary `dml` as a user, a script or the sweep engine meets it, on data sets made
//! here.
//!
//! What needs no `LibTorch` is in `scorer.rs`. A store that is read-only and a disk that is full
//! take a file system apart: `xtask/tests/damage.sh`.

mod arrays;
mod bad_inputs;
mod call;
mod store;

mod check;
mod diverged;
mod embed;
mod failures;
mod fit;
mod geodesics;
mod hits;
mod import;
mod known;
mod mistakes;
mod options;
mod partly;
mod poisoned;
mod resume;
mod run;
mod rungs;
mod swapped;
