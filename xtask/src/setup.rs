//! `cargo xtask setup`: what the workspace needs from outside the package registry, once per machine.

use std::path::Path;
use std::process::ExitCode;

use crate::libtorch::{self, LibTorch};

/// Brings everything and prints a line for each thing.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    println!("{}", line(&libtorch::ensure(root)?));
    Ok(ExitCode::SUCCESS)
}

fn line(libtorch: &LibTorch) -> String {
    let device = if libtorch.cuda { "with CUDA" } else { "CPU only" };
    format!("LibTorch {} ({device}): {}", libtorch.version, libtorch.torch.display())
}
