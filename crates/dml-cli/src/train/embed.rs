//! `dml embed`: embeddings of a trained trial, for other programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use dml_data::npz::NpzWriter;
use dml_data::{Dataset, Mask, Source};
use dml_models::{Baseline, Stack, TrainingData, load_weights};
use dml_store::{TrialResult, names};

use crate::train::trial::Trial;

#[derive(Debug, Args)]
pub(crate) struct EmbedArguments {
    /// A trial's directory, STORE/trials/ID, with its weights
    directory: PathBuf,
    /// Which images
    #[arg(long, value_enum, default_value = "test")]
    split: Split,
    /// Where to write: `embeddings` (n, d) f32, `labels` (n) i64, -1 for none, and `labelled` (n)
    /// bool, which is true where the model saw the label. `dml score` reads it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Use only data that is on this machine
    #[arg(long)]
    offline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Split {
    Train,
    Validation,
    Test,
}

pub(crate) fn embed(arguments: &EmbedArguments) -> Result<ExitCode> {
    let device = match dml_models::device(&arguments.device) {
        Ok(device) => device,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            return Ok(ExitCode::from(2));
        }
    };
    let (trial, _) = Trial::read(&arguments.directory.join(names::TRIAL))?;
    let data = trial.data.load(&Source::from_env(arguments.offline)?)?;
    check_content(&arguments.directory, &trial, &data)?;
    let config = &trial.data;
    let labels = &data.train.labels;
    let (percent, sampling) = (config.labelled_percent, config.labelled_sampling);
    let mask = Mask::draw(labels, data.n_classes(), percent, sampling, trial.train.seed)?;
    let split = match arguments.split {
        Split::Train => &data.train,
        Split::Test => {
            data.test.as_ref().with_context(|| format!("{} has no test split; use train", data.name))?
        }
        Split::Validation => data.validation.as_ref().with_context(|| {
            format!("{} has no validation split in this trial; use train or test", data.name)
        })?,
    };
    let embeddings = if trial.train.model.system.is_baseline() {
        Baseline::fit(&trial.train.model, trial.train.seed, data.train.images.view())
            .embed(split.images.view())
    } else {
        let images = data.train.images.view();
        let training = TrainingData::new(images, labels, data.shape, data.n_classes(), device);
        let mut stack = Stack::new(vec![trial.train.clone()], &[mask.rows()], &training, device)?;
        load_weights(&mut stack, &weights(&arguments.directory)?)?;
        stack.embed(0, split.images.view())
    };
    let mut labelled = vec![false; split.labels.len()];
    if arguments.split == Split::Train {
        mask.rows().iter().for_each(|&row| labelled[row] = true);
    }
    let mut file = NpzWriter::create(&arguments.out)?;
    file.add_f32("embeddings", embeddings.view())?;
    file.add_i64("labels", &split.labels.iter().map(|&label| data.class_number(label)).collect::<Vec<_>>())?;
    file.add_bool("labelled", &labelled)?;
    file.finish()?;
    let (n, d) = embeddings.dim();
    crate::print(format_args!("{}: {n} embeddings of {d} dimensions", arguments.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses other data than the trial was trained on, where they are given by path.
fn check_content(directory: &Path, trial: &Trial, data: &Dataset) -> Result<()> {
    let path = directory.join(names::RESULT);
    let Ok(text) = std::fs::read(&path) else { return Ok(()) };
    let result: TrialResult = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
    if result.data_sha256.is_some() && result.data_sha256 != data.sha256 {
        bail!(
            "{} holds other data than the trial in {} was trained on; bring that file back",
            trial.data.name,
            directory.display()
        );
    }
    Ok(())
}

fn weights(directory: &Path) -> Result<PathBuf> {
    let path = directory.join(names::WEIGHTS);
    let why =
        || format!("{}: is not there; run the trial first: dml run {}", path.display(), directory.display());
    path.exists().then_some(path.clone()).with_context(why)
}
