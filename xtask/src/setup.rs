//! `cargo xtask setup`: what the workspace needs beside the package registry, once per machine.

use std::path::Path;
use std::process::ExitCode;

use crate::libtorch::{self, LibTorch};
use crate::say;

/// Brings everything and prints a line for each thing: what, and where it is.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    say(&line(&libtorch::ensure(root)?));
    let files = dml_data::fetch("mnist", &dml_data::Source::from_env(false)?, true)?;
    let folder = files.first().and_then(|file| file.parent()).unwrap_or(root);
    say(&format!("MNIST ({} files): {}\n", files.len(), folder.display()));
    Ok(ExitCode::SUCCESS)
}

fn line(libtorch: &LibTorch) -> String {
    let device = if libtorch.cuda { "with CUDA" } else { "CPU only" };
    format!("LibTorch {} ({device}): {}\n", libtorch.version, libtorch.torch.display())
}
