//! How right a model is, and how sure it may be of a class.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dml_eval::NearestOfClasses;
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::train::model::Model;

/// What the trainings without a part of the labels told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// Labelled images that were tested on.
    pub(crate) labelled: usize,
    /// How many of them the nearest labelled image gave the right class.
    pub(crate) right: usize,
    pub(crate) accuracy: f64,
    /// The interval of Clopper and Pearson at 0.95.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) folds: usize,
    /// See [`NearestOfClasses::temperature`].
    pub(crate) temperature: Option<f64>,
}

impl Estimate {
    /// The estimate of a model, where it has one.
    pub(crate) fn read(model: &Path) -> Result<Option<Self>> {
        let path = estimate_file(model);
        if !path.exists() {
            return Ok(None);
        }
        let read = || -> Result<Self> { Ok(serde_json::from_str(&std::fs::read_to_string(&path)?)?) };
        read().with_context(|| path.display().to_string()).map(Some)
    }
}

/// Where a model has its estimate.
pub(crate) fn estimate_file(model: &Path) -> PathBuf {
    model.join("estimate.json")
}

/// The temperature of a model's probabilities: that of its estimate, or one that fits the images
/// that it was trained on. `None` where there is one class alone.
pub(crate) fn temperature(
    model: &Model,
    estimate: Option<&Estimate>,
    labelled: ArrayView2<f32>,
) -> Result<Option<f64>> {
    match estimate {
        Some(estimate) => Ok(estimate.temperature),
        None => Ok(of_training(model, labelled)?.temperature(&model.labelled_classes())),
    }
}

/// What is nearest to each labelled image among the others.
fn of_training(model: &Model, labelled: ArrayView2<f32>) -> Result<NearestOfClasses> {
    let classes = model.labelled_classes();
    let mut found = model.nearest(labelled, labelled)?;
    for (row, &class) in classes.iter().enumerate() {
        let place = |other: &usize| *other != row && classes[*other] == class;
        let others: Vec<usize> = (0..classes.len()).filter(place).collect();
        let own = labelled.select(Axis(0), &others);
        let query = labelled.row(row).insert_axis(Axis(0));
        found.distances[[row, class as usize]] = if others.is_empty() {
            f64::INFINITY
        } else {
            NearestOfClasses::of(own.view(), &vec![0; others.len()], 1, query)?.distances[[0, 0]]
        };
    }
    Ok(found)
}
