//! The commands that train, or read what a training is described by or leaves: all that needs
//! `LibTorch`.

mod artifacts;
mod bar;
mod calibration;
mod data_config;
mod embed;
mod evaluate;
mod fit;
mod hits;
mod images;
mod label;
mod log;
mod model;
mod rows;
mod run;
mod rung;
mod search;
mod session;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use dml_data::{Dataset, Split};
use dml_models::TrainingData;
use tch::Device;

use crate::{WrongCall, print};

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
    /// Train a model of your own images, of which a few have a label
    ///
    /// It ends with an estimate of its accuracy, by cross-validation over the labelled images: the
    /// model is there before that, and Ctrl-C leaves the estimate out. The same command goes on
    /// where it was interrupted. MODEL is what `dml embed`, `label` and `search` take; in it are
    /// the weights, the trial, the pictures as a data set with their files, and the estimate.
    Fit(Box<fit::FitArguments>),
    /// Write the embeddings of images by a trained model as npz
    Embed(embed::EmbedArguments),
    /// Write the classes of unsorted images, and how sure they are, as CSV
    ///
    /// Confidence is the probability of the class by the distances to the nearest labelled image of
    /// each class, at the temperature that fits the images which the estimate of `dml fit` held
    /// out.
    Label(label::LabelArguments),
    /// Show the images that a trained model finds most alike to a picture
    Search(search::SearchArguments),
}

pub(crate) fn run(command: &TrainCommand) -> Result<ExitCode> {
    match command {
        TrainCommand::Run(arguments) => run::run(arguments),
        TrainCommand::Check { files } => check(files),
        TrainCommand::Fit(arguments) => fit::fit(arguments),
        TrainCommand::Embed(arguments) => embed::embed(arguments),
        TrainCommand::Label(arguments) => label::label(arguments),
        TrainCommand::Search(arguments) => search::search(arguments),
    }
}

/// Where models are computed, by the name of it in a call.
fn device(name: &str) -> Result<Device> {
    dml_models::device(name).map_err(|sentence| WrongCall(sentence).into())
}

/// Images of a data set as a model is trained on them.
fn training_data(images: &Split, of: &Dataset, device: Device) -> TrainingData {
    TrainingData::new(images.images.view(), &images.labels, of.shape, of.n_classes(), device)
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
