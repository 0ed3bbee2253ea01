//! `cargo xtask bench`: our numbers beside those of the tools that people know, in one run.

mod peers;
mod ratios;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::python;

/// What the comparison with scikit-learn is made with.
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
    /// Training against PyTorch as people use it: ratios, and exit code 1 below a goal
    ///
    /// Ours, the usual stack (`DataLoader`, pytorch-metric-learning, the default Adam,
    /// scikit-learn's kNN) and a tuned loop (one tensor, fused Adam, denormals flushed) take turns,
    /// one thread each, on MNIST. The first time, pip brings torch with the CUDA libraries that it
    /// cannot be imported without: 2.8 GB of wheels, 5 GB in the cache.
    Peers(peers::PeersArguments),
}

pub(crate) fn run(root: &Path, arguments: &BenchArguments) -> Result<ExitCode> {
    match &arguments.what {
        What::Eval { parts } => eval(root, parts),
        What::Peers(arguments) => peers::run(root, arguments),
    }
}

fn eval(root: &Path, parts: &[String]) -> Result<ExitCode> {
    let python = python::environment("eval", &PACKAGES)?;
    let script = root.join("crates/dml-eval/benches/compare.py");
    let status = Command::new(&python).arg(script).args(parts).current_dir(root).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
