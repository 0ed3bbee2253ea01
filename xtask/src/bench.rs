//! `cargo xtask bench`: our numbers beside those of the tools that people know, measured in one run on this machine.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::libtorch;

/// What the comparison is made with, installed once into a Python environment of its own in the cache.
const PACKAGES: [&str; 2] = ["numpy==2.4.6", "scikit-learn==1.9.1"];

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// dml-eval against scikit-learn: agreement, accuracy, speed, memory
    Eval {
        /// Only these parts: agreement, accuracy, speed, memory
        #[arg(value_parser = ["agreement", "accuracy", "speed", "memory"])]
        parts: Vec<String>,
    },
}

/// # Errors
/// When the Python environment cannot be made.
pub(crate) fn run(root: &Path, arguments: &BenchArguments) -> Result<ExitCode> {
    let What::Eval { parts } = &arguments.what;
    let folder = libtorch::cache()?.join("python-eval");
    let python = folder.join("bin/python");
    // The stamp is written last: an interrupted installation is made again.
    let stamp = folder.join("packages");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        eprintln!("bench: a Python environment in {}", folder.display());
        let folder = folder.to_str().context("the cache folder's name is no text")?;
        done(Command::new("python3").args(["-m", "venv", "--clear", folder]), "python3 -m venv")?;
        done(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES), "pip install")?;
        std::fs::write(&stamp, wanted)?;
    }
    let script = root.join("crates/dml-eval/benches/compare.py");
    let status = Command::new(&python).arg(script).args(parts).current_dir(root).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn done(command: &mut Command, name: &str) -> Result<()> {
    let status =
        command.status().with_context(|| format!("{name}: cannot be started; is Python 3 installed?"))?;
    ensure!(status.success(), "{name} failed; what it said stands above");
    Ok(())
}
