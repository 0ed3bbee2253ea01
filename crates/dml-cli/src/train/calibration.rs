//! How right a model is, and how sure it may be of a class.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dml_eval::{NearestOfClasses, nearest};
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::train::model::Model;

/// What the trainings without a part of the labels told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// The id of the model's trial, and its data, where these are a file.
    pub(crate) trial: String,
    pub(crate) data_sha256: Option<String>,
    /// Labelled images that were tested on.
    pub(crate) labelled: usize,
    /// How many of them the nearest labelled image gave the right class.
    pub(crate) right: usize,
    /// How many of them were necessarily wrong, as no other part had a label of their class.
    #[serde(default)]
    pub(crate) alone: usize,
    pub(crate) accuracy: f64,
    /// The interval of Clopper and Pearson at 0.95.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) folds: usize,
    /// See [`NearestOfClasses::temperature`].
    pub(crate) temperature: Option<f64>,
}

impl Estimate {
    /// The estimate of a model, where it has one of this trial and these data.
    pub(crate) fn of(directory: &Path, trial: &str, data_sha256: Option<&str>) -> Result<Option<Self>> {
        let path = estimate_file(directory);
        if !path.exists() {
            return Ok(None);
        }
        let read = || -> Result<Self> { Ok(serde_json::from_str(&std::fs::read_to_string(&path)?)?) };
        let advice = || format!("{}: delete it, and `dml fit` makes it again", path.display());
        let is_of_this =
            |estimate: &Self| estimate.trial == trial && estimate.data_sha256.as_deref() == data_sha256;
        read().with_context(advice).map(|estimate| Some(estimate).filter(is_of_this))
    }
}

/// Where a model has its estimate.
pub(crate) fn estimate_file(model: &Path) -> PathBuf {
    model.join("estimate.json")
}

/// The temperature of a model's probabilities: that of its estimate, or one that fits the images
/// that it was trained on. Where neither tells one it is infinite: all classes that have a labelled
/// image are then as probable.
pub(crate) fn temperature(
    model: &Model,
    estimate: Option<&Estimate>,
    labelled: ArrayView2<f32>,
) -> Result<f64> {
    let found = match estimate {
        Some(estimate) => estimate.temperature,
        None => of_training(model, labelled)?.temperature(&model.labelled_classes()),
    };
    Ok(found.filter(|temperature| *temperature > 0.0).unwrap_or(f64::INFINITY))
}

/// What is nearest to each labelled image among the others.
fn of_training(model: &Model, labelled: ArrayView2<f32>) -> Result<NearestOfClasses> {
    let classes = model.labelled_classes();
    let mut found = model.nearest(labelled, labelled)?;
    for class in 0..model.data.n_classes() as u32 {
        let rows: Vec<usize> = (0..classes.len()).filter(|&row| classes[row] == class).collect();
        let own = labelled.select(Axis(0), &rows);
        let two = nearest(own.view(), own.view(), 2);
        for (place, (&row, near)) in rows.iter().zip(two.rows()).enumerate() {
            let other = near.iter().find(|&&other| other as usize != place);
            found.distances[[row, class as usize]] = other.map_or(f64::INFINITY, |&other| {
                let apart = &own.row(place) - &own.row(other as usize);
                apart.iter().map(|&x| f64::from(x).powi(2)).sum()
            });
        }
    }
    Ok(found)
}
