//! The commands that train, or read what a training is described by or leaves: all that needs
//! `LibTorch`.

mod artifacts;
mod embed;
mod evaluate;
mod log;
mod run;
mod rung;
mod session;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::print;

#[derive(Debug, Subcommand)]
pub(crate) enum TrainCommand {
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
    /// Write the embeddings of a trained trial as npz
    Embed(embed::EmbedArguments),
}

pub(crate) fn run(command: &TrainCommand) -> Result<ExitCode> {
    match command {
        TrainCommand::Run(arguments) => run::run(arguments),
        TrainCommand::Check { files } => check(files),
        TrainCommand::Embed(arguments) => embed::embed(arguments),
    }
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
