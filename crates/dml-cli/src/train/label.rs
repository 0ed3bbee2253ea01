//! `dml label`: classes of unsorted images, and how sure they are.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::Args;
use dml_eval::{NearestOfClasses, Readout};
use ndarray::{Array2, Axis};

use crate::pictures::header;
use crate::train::calibration::{Estimate, temperature};
use crate::train::images::{Images, Split, refuse_read_or_part};
use crate::train::model::{Model, ModelArguments};
use crate::train::trial::known;
use crate::{WrongCall, write_file};

/// What is said of each image.
const COLUMNS: &str = "file,label,confidence,nearest";

#[derive(Debug, Args)]
pub(crate) struct LabelArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// A folder of pictures, a picture, an npz, or a name of `dml data list`; without it, the
    /// training images that have no label
    images: Option<String>,
    /// Which part of a data set; without it, the test split, or the training split where there is
    /// no other
    #[arg(long, value_enum, requires = "images")]
    split: Option<Split>,
    /// Where to write a CSV: file, label, confidence, and the nearest labelled image of that class
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out images that are less sure than this
    #[arg(long, value_name = "CONFIDENCE", default_value_t = 0.0)]
    at_least: f64,
    /// What reads labels from embeddings: nearest, knn, `random_forest`, mlp, linear,
    /// propagation or `geodesic_knn`, whose edges are Euclidean here (what a
    /// report calls `graph_knn`)
    #[arg(long, alias = "readout", value_name = "NAME", default_value = "nearest", value_parser = read_out)]
    read_out: Readout,
}

fn read_out(name: &str) -> Result<Readout, String> {
    let names = Readout::ALL.map(Readout::name).join(", ");
    known(name).ok_or_else(|| format!("one of {names} would be right"))
}

pub(crate) fn label(arguments: &LabelArguments) -> Result<ExitCode> {
    if !(0.0..=1.0).contains(&arguments.at_least) {
        let sentence = format!("--at-least {} is out of range; it must be 0 to 1", arguments.at_least);
        return Err(WrongCall(sentence).into());
    }
    let (model, source) = arguments.model.open()?;
    refuse_read_or_part(&arguments.out, &arguments.model.directory, &model, arguments.images.as_ref())?;
    refuse_foreign(&arguments.out)?;
    let images = match &arguments.images {
        Some(images) => Images::read(images, arguments.split, &model, &source)?,
        None => unlabelled(&model)?,
    };
    let guessed = guess(&model, arguments, &images)?;
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(COLUMNS.split(','))?;
    let sure = |row: &&usize| guessed[**row].confidence >= arguments.at_least;
    let mut order: Vec<usize> = (0..guessed.len()).collect();
    order.retain(|row| sure(&row));
    for &row in &order {
        let Guessed { class, confidence, nearest } = &guessed[row];
        let confidence = format!("{confidence:.4}");
        rows.write_record([images.name(row), model.class_name(*class), confidence, nearest.clone()])?;
    }
    let out = &arguments.out;
    write_file(out, &rows.into_inner()?)?;
    summary(&model, (&guessed, &images), &order, out)
}

/// Refuses to write over what is not of `dml label`, as a picture is not, or somebody's list.
fn refuse_foreign(out: &Path) -> Result<()> {
    let is_ours = || header(out).is_some_and(|first| first == COLUMNS);
    let is_foreign = out.metadata().is_ok_and(|found| found.is_file() && found.len() > 0) && !is_ours();
    ensure!(
        !is_foreign,
        "{} is there, and none that `dml label` has written; use another --out",
        out.display()
    );
    Ok(())
}

/// A class that was guessed.
struct Guessed {
    class: usize,
    /// To four places, as it is written, so that `--at-least` leaves in what reads as enough.
    confidence: f64,
    /// The labelled image of this class that is nearest.
    nearest: String,
}

/// The training images without a label.
fn unlabelled(model: &Model) -> Result<Images> {
    let all = Images::of_training_data(Split::Train, model)?;
    let without: Vec<usize> =
        (0..all.labels.len()).filter(|row| model.labelled.binary_search(row).is_err()).collect();
    if without.is_empty() {
        bail!("all images that the model was trained on have a label; name others to label");
    }
    Ok(all.select(&without))
}

fn guess(model: &Model, arguments: &LabelArguments, images: &Images) -> Result<Vec<Guessed>> {
    let labelled = model.embed_labelled();
    let queries = model.embed(images.pixels.view());
    let read_out = match arguments.read_out {
        Readout::Nearest => None,
        other => {
            let classifier = other.classifier::<u32>(model.trial.train.seed);
            Some(classifier.fit_predict(labelled.view(), &model.labelled_classes(), queries.view())?)
        }
    };
    let estimate = Estimate::of(&arguments.model.directory, &model.id, model.data.sha256.as_deref())?;
    let temperature = temperature(model, estimate.as_ref(), labelled.view())?;
    if temperature.is_infinite() {
        eprintln!(
            "note: the labelled images do not tell how sure the model may be, so confidence is the same for all classes; \
             labels of more images of each class would tell"
        );
    } else if estimate.is_none() {
        eprintln!(
            "note: there is no estimate of this model, so confidence is read from the images that it was trained on, and too high; \
             `dml fit` with --folds makes one"
        );
    }
    let mut all = Vec::with_capacity(queries.nrows());
    for block in queries.axis_chunks_iter(Axis(0), model.at_once()) {
        let found = model.nearest(labelled.view(), block)?;
        let probabilities = found.probabilities(temperature);
        let classes = match &read_out {
            None => found.classes(),
            Some(classes) => classes[all.len()..all.len() + block.nrows()].to_vec(),
        };
        let of_row = |(row, class)| guessed(model, &found, &probabilities, row, class);
        all.extend(classes.into_iter().enumerate().map(of_row));
    }
    Ok(all)
}

fn guessed(
    model: &Model,
    found: &NearestOfClasses,
    probabilities: &Array2<f64>,
    row: usize,
    class: u32,
) -> Guessed {
    let class = class as usize;
    let confidence = (probabilities[[row, class]] * 1e4).round() / 1e4;
    let nearest = model.labelled[found.rows[[row, class]] as usize];
    Guessed { class, confidence, nearest: model.training_name(nearest) }
}

fn summary(
    model: &Model,
    (guessed, images): (&[Guessed], &Images),
    written: &[usize],
    out: &Path,
) -> Result<ExitCode> {
    let (n, all) = (written.len(), guessed.len());
    let left_out = if n == all { String::new() } else { format!("; {} were too doubtful", all - n) };
    crate::print(format_args!("{}: labels of {n} images{left_out}", out.display()))?;
    let known = written.iter().copied().filter(|&row| images.labels[row] >= 0);
    let is_seen = images.is_seen(model);
    let (own, known): (Vec<usize>, Vec<usize>) = known.partition(|&row| is_seen[row]);
    if !known.is_empty() {
        let is_right = |row: &&usize| images.labels[**row] == guessed[**row].class as i32;
        let right = known.iter().filter(is_right).count();
        crate::print(format_args!("{right} of {} whose class was known are right", known.len()))?;
    }
    if let Some((n, names)) = images.strangers_among(written) {
        crate::print(format_args!("{n} more are in {names}, no class of the model, and are not counted"))?;
    }
    if !own.is_empty() {
        let n = own.len();
        crate::print(format_args!(
            "{n} are among the labelled images of training, and say nothing about the others"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
