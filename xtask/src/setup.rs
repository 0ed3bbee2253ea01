//! `cargo xtask setup`: what the workspace needs beside the package registry, once per machine.

use std::path::Path;
use std::process::ExitCode;

use crate::libtorch::{self, LibTorch};

/// Brings everything and prints a line for each thing: what, and where it is.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    println!("{}", line(&libtorch::ensure(root)?));
    let files = dml_data::fetch("mnist", &dml_data::Source::from_env(false)?, true)?;
    let folder = files.first().and_then(|file| file.parent()).unwrap_or(root);
    println!("MNIST ({} files): {}", files.len(), folder.display());
    Ok(ExitCode::SUCCESS)
}

fn line(libtorch: &LibTorch) -> String {
    let device = if libtorch.cuda { "with CUDA" } else { "CPU only" };
    format!("LibTorch {} ({device}): {}", libtorch.version, libtorch.torch.display())
}
