//! Takes the place of `train` in a build without that feature: its commands say what they need.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TrainCommand {
    /// Not in this build, which has no `LibTorch`
    Run(AnyArguments),
    /// Not in this build, which has no `LibTorch`
    Check(AnyArguments),
    /// Not in this build, which has no `LibTorch`
    Embed(AnyArguments),
    /// Not in this build, which has no `LibTorch`
    Fit(AnyArguments),
    /// Not in this build, which has no `LibTorch`
    Label(AnyArguments),
    /// Not in this build, which has no `LibTorch`
    Search(AnyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct AnyArguments {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _any: Vec<OsString>,
}

pub(crate) fn run(command: &TrainCommand) -> Result<ExitCode> {
    let name = match command {
        TrainCommand::Run(_) => "run",
        TrainCommand::Check(_) => "check",
        TrainCommand::Embed(_) => "embed",
        TrainCommand::Fit(_) => "fit",
        TrainCommand::Label(_) => "label",
        TrainCommand::Search(_) => "search",
    };
    let sentence = format!(
        "`dml {name}` needs LibTorch, and this `dml` was built without it; \
         build dml-cli with its default features\n"
    );
    clap::Error::raw(ErrorKind::InvalidSubcommand, sentence).print()?;
    Ok(ExitCode::from(2))
}
