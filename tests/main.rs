//! End to end: the binary `dml` as a user, a script or the sweep engine meets it, on data sets made here.
//!
//! Not tested, because it takes a file system of its own or a user who is not root: a store that is read-only, a disk that is full.

mod arrays;
mod store;

mod check_and_data;
mod embed;
mod failures;
mod resume;
mod run;
mod rungs;
mod score;
