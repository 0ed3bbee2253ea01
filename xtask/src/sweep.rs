//! Sweeps.
mod expand;
mod file;
