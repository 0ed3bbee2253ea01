//! `cargo xtask bench`: our numbers beside those of the tools that people know, in one run.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::python;

/// What the comparison is made with.
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

pub(crate) fn run(root: &Path, arguments: &BenchArguments) -> Result<ExitCode> {
    let What::Eval { parts } = &arguments.what;
    let python = python::environment("eval", &PACKAGES)?;
    let script = root.join("crates/dml-eval/benches/compare.py");
    let status = Command::new(&python).arg(script).args(parts).current_dir(root).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
