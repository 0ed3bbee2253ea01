//! How well a model's training does, by cross-validation over the labelled images.
//!
//! The model has seen all labels, so none is left to test it on. The same training is therefore
//! repeated, each time without one part of the labelled images, which it is then tested on.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use dml_eval::statistics::proportion_interval;
use dml_eval::{NearestOfClasses, Protocol, Readout};
use dml_store::{Outcome, RunStore, TrialResult};
use ndarray::{Array2, Axis, concatenate};
use toml::{Table, Value};

use super::{insert_sections, page};
use crate::pictures::DATA;
use crate::train::bar::Bar;
use crate::train::calibration::{Estimate, estimate_file};
use crate::train::data_config::Fold;
use crate::train::model::Model;
use crate::train::run::{Signals, Went, run_all};
use crate::train::session::Session;
use crate::train::trial::{EvaluatedSplit, EvaluationConfig};
use crate::{print, write_file};

/// The store of the trainings, in the model's directory. In `estimate`, where it was before, copies
/// of a picture were in several parts.
const FOLDER: &str = "parts";

/// Below so many labelled images an estimate means little.
const FEW: usize = 100;

/// Trains without a part of the labels, part by part, tests, and tells.
pub(super) fn estimate(
    model: &Path,
    session: &mut Session,
    result: &TrialResult,
    folds: usize,
    bar: &Bar,
    signals: &Signals,
) -> Result<ExitCode> {
    let trial = &result.trial;
    let of = || Estimate::of(model, &result.id, result.data_sha256.as_deref());
    if of()?.is_none_or(|estimate| estimate.folds != folds) {
        let store = RunStore::open(&model.join(FOLDER))?;
        session.store = store.clone();
        let epochs = trial["training"].get("epochs").and_then(Value::as_integer).unwrap_or(0) as u64;
        let mut tested = Vec::new();
        for fold in 0..folds {
            let id = store.add(&of_fold(trial, Fold { index: fold, of: folds })?)?;
            bar.begin(&format!("estimate, part {} of {folds}", fold + 1), epochs * (fold as u64 + 1));
            let went = run_all(session, std::slice::from_ref(&id), 1)?;
            if let Some(code) = signals.exit_code() {
                bar.end();
                eprintln!(
                    "interrupted: the model is there, without an estimate; the same command goes on with it"
                );
                return Ok(code);
            }
            match store.result(&id)?.filter(|_| went == Went::Well).map(|result| result.outcome) {
                Some(Outcome::Scored { .. }) => {}
                Some(_) => bail!("the training without part {} of the labels diverged", fold + 1),
                None if went == Went::Well => {
                    bail!("another process trains {}; wait for it", model.display())
                }
                None => return Ok(ExitCode::FAILURE),
            }
            tested.push(test(&store.trial_directory(&id), session)?);
        }
        bar.end();
        let estimate = serde_json::to_string_pretty(&pooled(&tested, folds, result)?)? + "\n";
        write_file(&estimate_file(model), estimate.as_bytes())?;
        // Now that it is known how sure the model may be.
        page::write(model, &Model::open(model, &session.source, session.device)?)?;
    }
    tell(&of()?.context("an estimate was just written")?)?;
    Ok(ExitCode::SUCCESS)
}

/// The model's trial without one part of the labels, which it is scored on.
fn of_fold(trial: &Table, fold: Fold) -> Result<Table> {
    let mut table = trial.clone();
    let name = trial["data"].get("name").and_then(Value::as_str).unwrap_or_default();
    // Relative to STORE/trials/ID.
    let name = if name == DATA { format!("../../../{DATA}") } else { name.to_owned() };
    let nearest =
        EvaluationConfig::of(EvaluatedSplit::Validation, vec![Protocol::Labelled], vec![Readout::Nearest]);
    insert_sections(&mut table, &name, fold, &nearest)?;
    Ok(table)
}

/// What is nearest to the images of a part, and their classes.
struct Tested {
    found: NearestOfClasses,
    classes: Vec<u32>,
}

fn test(directory: &Path, session: &Session) -> Result<Tested> {
    let model = Model::open(directory, &session.source, session.device)?;
    let part = model.data.validation.as_ref().context("a part of the labels was held out")?;
    let found = model.nearest(model.embed_labelled().view(), model.embed(part.images.view()).view())?;
    Ok(Tested { found, classes: part.labels.iter().map(|&label| label as u32).collect() })
}

fn pooled(tested: &[Tested], folds: usize, of: &TrialResult) -> Result<Estimate> {
    let classes: Vec<u32> = tested.iter().flat_map(|part| part.classes.clone()).collect();
    let distances: Vec<_> = tested.iter().map(|part| part.found.distances.view()).collect();
    let distances = concatenate(Axis(0), &distances)?;
    let rows = Array2::zeros(distances.dim());
    let found = NearestOfClasses { distances, rows };
    let (labelled, guessed) = (classes.len(), found.classes());
    let right = guessed.iter().zip(&classes).filter(|(guessed, class)| guessed == class).count();
    let is_alone = |(row, class): &(usize, &u32)| found.distances[[*row, **class as usize]].is_infinite();
    let alone = classes.iter().enumerate().filter(is_alone).count();
    let interval = proportion_interval(right, labelled, 0.95);
    let accuracy = right as f64 / labelled as f64;
    let temperature = found.temperature(&classes);
    Ok(Estimate {
        trial: of.id.clone(),
        data_sha256: of.data_sha256.clone(),
        labelled,
        right,
        alone,
        accuracy,
        low: interval.low,
        high: interval.high,
        folds,
        temperature,
    })
}

fn tell(estimate: &Estimate) -> Result<()> {
    let Estimate { labelled, right, alone, accuracy, low, high, folds, .. } = estimate;
    print(format_args!(
        "accuracy of the nearest labelled image: {accuracy:.3} ({right} of {labelled} labelled images, each tested by a model that had not seen \
         it; {folds} parts; 95% interval {low:.3} to {high:.3})"
    ))?;
    if *alone > 0 {
        print(format_args!(
            "Of these, {alone} could only be wrong, as no other part had a label of their class; a second labelled image of each class mends that."
        ))?;
    }
    if *labelled < FEW {
        print(format_args!(
            "With {labelled} labelled images this means little; images that are unlike them may do worse."
        ))?;
    }
    Ok(())
}
