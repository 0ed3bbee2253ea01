//! `cargo xtask bench peers`: has the work of this project and that of its peers done in turn, and
//! holds the ratios against the goals.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use super::ratios::{Measured, Ratios};
use crate::{libtorch, python, report, say};

/// What peers are made of.
const PACKAGES: [&str; 4] =
    ["torch==2.11.0", "numpy==2.4.6", "scikit-learn==1.9.1", "pytorch-metric-learning==2.9.0"];

/// What `cargo xtask bench peers` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct PeersArguments {
    /// Only these parts: trial, steps, adam, sweep
    #[arg(value_parser = ["trial", "steps", "adam", "sweep"])]
    parts: Vec<String>,
    /// Turns of each; on two quiet cores one takes about 1½ minutes of trials, 1½ of steps and 5 of
    /// sweeps
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Prints the ratios; exit code 1 if one misses its goal, or a peer does not learn what we do.
pub(crate) fn run(root: &Path, arguments: &PeersArguments) -> Result<ExitCode> {
    let mut turns = turns(root, arguments)?;
    let mut child = turns.stdout(Stdio::piped()).spawn().context("Python cannot be started")?;
    let mut ratios = Ratios::default();
    let lines = BufReader::new(child.stdout.take().expect("piped above")).lines();
    for line in lines {
        let line = line?;
        let measured: Measured = serde_json::from_str(&line).with_context(|| format!("turns.py: {line}"))?;
        eprintln!("{measured}");
        ratios.add(measured);
    }
    let status = child.wait()?;
    ensure!(status.success(), "the turns were not taken to their end; what was said stands above");
    say(&ratios.to_string());
    Ok(if ratios.are_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The command that takes the turns, with all that it needs in place.
fn turns(root: &Path, arguments: &PeersArguments) -> Result<Command> {
    let PeersArguments { parts, rounds } = arguments;
    libtorch::ensure(root)?;
    let [dml, step] = programs(root)?;
    if parts.is_empty() || parts.iter().any(|part| part == "sweep") {
        // Else it would be built while the sweep is measured.
        report::program(root, false)?;
    }
    let files = dml_data::fetch("mnist", &dml_data::Source::from_env(false)?, true)?;
    let mnist = files.first().and_then(|file| file.parent()).context("MNIST has no files")?;
    let python = python::environment("peers", &PACKAGES)?;
    let mut command = libtorch::command(root, python);
    command.arg(root.join("crates/dml-models/benches/peers/turns.py"));
    for (name, path) in
        [("--dml", dml.as_path()), ("--xtask", &env::current_exe()?), ("--step", &step), ("--mnist", mnist)]
    {
        command.arg(name).arg(path);
    }
    command.arg("--rounds").arg(rounds.to_string()).args(parts);
    Ok(command)
}

/// `dml`, and the program that takes our steps; in one call of cargo, which would build what both
/// need twice otherwise.
fn programs(root: &Path) -> Result<[PathBuf; 2]> {
    eprintln!("xtask: building dml and its steps, which takes minutes the first time");
    let words = "build --package dml-cli --package dml-models --bin dml --example step";
    let status = libtorch::cargo(root).args(words.split(' ')).status()?;
    ensure!(status.success(), "`cargo {words}` failed; what it said stands above");
    let xtask = env::current_exe()?;
    let program = |name| xtask.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX));
    Ok([program("dml"), program("examples/step")])
}
