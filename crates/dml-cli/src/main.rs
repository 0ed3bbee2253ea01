//! `dml`: trains and scores trials, and scores anybody's embeddings.

mod artifacts;
mod data;
mod embed;
mod evaluate;
mod log;
mod run;
mod rung;
mod score;
mod session;
mod trial;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Semi-supervised deep metric learning: train and score trials, look at data sets, score anybody's
/// embeddings.
#[derive(Debug, Parser)]
#[command(name = "dml", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train and score trials: each DIR holds a trial.toml and gets a result.json
    ///
    /// A DIR is STORE/trials/ID, as `cargo xtask sweep` makes it. A trial that has its result is
    /// skipped; one that was interrupted goes on from its last checkpoint. One JSON object a line
    /// on standard output tells what happens. Ctrl-C ends at the end of the epoch with a
    /// checkpoint, a second Ctrl-C at once.
    Run(run::RunArguments),
    /// Check trial files without running them
    Check {
        /// Trial files (TOML)
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List, fetch and show data sets
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Score embeddings from any tool, as the papers do
    ///
    /// Read-outs are classifiers, scored by accuracy and adjusted mutual information (ami) on test
    /// rows. `readout`: fitted on all training rows with their labels (the protocol `train` of
    /// trial files). `labelled`: fitted on the training rows that `labelled` marks alone.
    /// `test_folds`: fitted on two thirds of the test rows and scored on the other third, mean of
    /// three folds, as the paper does. `clustering` and `retrieval` look at the test rows alone, so
    /// with `--only clustering,retrieval` the file needs nothing else.
    Score(score::ScoreArguments),
    /// How well two labellings of the same things agree
    Agreement(score::AgreementArguments),
    /// Write the embeddings of a trained trial as npz
    Embed(embed::EmbedArguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check { files } => check(&files),
        Command::Data(command) => data::run(&command),
        Command::Score(arguments) => score::score(&arguments),
        Command::Agreement(arguments) => score::agree(&arguments),
        Command::Embed(arguments) => embed::embed(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::from(128 + signal_hook::consts::SIGPIPE as u8); // `dml … | head` has what it wants
        }
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Prints a line of what was asked for. `println!` would panic where the reader has gone or the
/// disk is full.
pub(crate) fn print(line: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("standard output")
}

fn check(files: &[PathBuf]) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in files {
        match trial::Trial::read(file) {
            Ok((_, table)) => {
                print(format_args!("{}: trial {}", file.display(), dml_store::trial_id(&table)))?;
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
