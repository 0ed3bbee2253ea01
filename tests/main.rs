//! End-to-end tests of the `dml` binary.
