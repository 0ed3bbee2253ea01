//! `dml`: trains and scores trials, and scores anybody's embeddings.

/// Takes the place of the standard one, which panics where nobody hears it.
macro_rules! eprintln {
    ($($told:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stderr(), $($told)*));
    }};
}

mod data;
mod pictures;
mod score;
// The only place that knows of the feature.
#[cfg_attr(not(feature = "train"), path = "without_train.rs")]
mod train;

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use dml_data::files::write_aside;
use dml_store::names;

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
    #[command(flatten)]
    Train(train::TrainCommand),
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
    /// with `--only clustering,retrieval` the file needs nothing else. `n_classes` counts the
    /// classes of the test rows. A score that cannot be had is `null`, and a sentence on stderr
    /// says why. Scores are computed in f32. Where that blurs more than one row in twenty, compared
    /// with the distance to its nearest row, columns are centred first, or the file is refused;
    /// fewer blurred rows are counted on stderr.
    Score(score::ScoreArguments),
    /// How well two labellings of the same things agree
    Agreement(score::AgreementArguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Train(command) => train::run(&command),
        Command::Data(command) => data::run(&command),
        Command::Score(arguments) => score::score(&arguments),
        Command::Agreement(arguments) => score::agree(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            // `dml … | head` has what it wants.
            return ExitCode::from(128 + signal_hook::consts::SIGPIPE as u8);
        }
        eprintln!("error: {error:#}");
        if error.is::<WrongCall>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

/// Something in the call itself is wrong, which `clap` does not see. The process ends with 2.
#[derive(Debug)]
pub(crate) struct WrongCall(pub(crate) String);

impl Display for WrongCall {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for WrongCall {}

/// Refuses to write an npz under a name that is read as something else, and over the data of a
/// model.
pub(crate) fn check_npz_out(out: &Path) -> Result<()> {
    let name = out.display();
    if !is_npz(out) {
        let sentence = format!("--out {name} is no npz file; a name that ends in .npz would be right");
        return Err(WrongCall(sentence).into());
    }
    let is_of_model =
        out.is_file() && out.ends_with(pictures::DATA) && out.with_file_name(names::TRIAL).is_file();
    ensure!(!is_of_model, "{name} would be overwritten, which is part of a model; use another --out");
    Ok(())
}

/// Whether a file is an npz, by its name.
pub(crate) fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
}

/// Writes a file whole or not at all; the error names it.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_aside(path, bytes).with_context(|| path.display().to_string())
}

/// Prints a line of what was asked for. `println!` would panic where the reader has gone or the
/// disk is full.
pub(crate) fn print(line: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("standard output")
}
