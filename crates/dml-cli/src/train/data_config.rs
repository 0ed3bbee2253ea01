//! The `[data]` of a trial.

use std::path::Path;

use anyhow::Result;
use dml_data::files::is_path;
use dml_data::{Dataset, Mask, Sampling, Source};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Which images, and which of them keep their labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataConfig {
    /// A name of `dml data list`, or the path of an npz in MedMNIST's layout.
    pub(crate) name: String,
    /// Percent of the labelled training images that keep their labels, in (0, 100]; 100 where all
    /// that are given are kept.
    pub(crate) labelled_percent: f64,
    pub(crate) labelled_sampling: Sampling,
    /// Training images held out as a validation split, where the data set has none.
    pub(crate) validation: usize,
    /// A part of the labelled training images that is held out in its place, for cross-validation.
    pub(crate) fold: Fold,
    /// Whether each pixel is drawn once, black or white, with its brightness as the probability of
    /// white: the static binarized MNIST of Larochelle & Murray 2011, with draws of our own. For
    /// likelihoods.
    pub(crate) binarize: bool,
}

/// One of `of` parts; one part alone is held out of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fold {
    /// From 0 to one less than `of`.
    pub(crate) index: usize,
    pub(crate) of: usize,
}

/// What decides which images a trial has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageChoice {
    pub(crate) name: String,
    pub(crate) validation: usize,
    pub(crate) fold: Fold,
    pub(crate) binarize: bool,
}

impl DataConfig {
    pub(crate) fn images(&self) -> ImageChoice {
        let Self { ref name, validation, fold, binarize, .. } = *self;
        ImageChoice { name: name.clone(), validation, fold, binarize }
    }

    /// All values that cannot be.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let percent = self.labelled_percent;
        if !(percent > 0.0 && percent <= 100.0) {
            wrong.push(format!(
                "data.labelled_percent = {percent} is out of range; it must be above 0 and at most 100"
            ));
        } else if self.labelled_sampling == Sampling::Given && percent.to_bits() != 100.0_f64.to_bits() {
            wrong.push(format!(
                "data.labelled_percent = {percent} means nothing with data.labelled_sampling = \"given\", which keeps every label that is given; \
                 it must be 100"
            ));
        }
        let Fold { index, of } = self.fold;
        if of == 0 {
            wrong.push("data.fold.of = 0 is out of range; it must be at least 1".to_owned());
        } else if index >= of {
            wrong.push(format!(
                "data.fold.index = {index} is out of range; of {of} folds it must be below {of}"
            ));
        }
        if of > 1 && self.validation > 0 {
            wrong.push(format!(
                "data.validation = {} means nothing with data.fold.of = {of}, by which the fold is the validation split; it must be 0",
                self.validation
            ));
        }
        wrong
    }

    /// The data set, with its validation rows held out. Those are the same for every seed.
    pub(crate) fn load(&self, source: &Source) -> Result<Dataset> {
        let dataset = dml_data::load(&self.name, source, true)?;
        let dataset = dataset.hold_out_fold(self.fold.index, self.fold.of)?;
        let mut dataset = dataset.hold_out_validation(self.validation, 0)?;
        if self.binarize {
            let splits = [Some(&mut dataset.train), dataset.test.as_mut(), dataset.validation.as_mut()];
            for (i, split) in splits.into_iter().enumerate().filter_map(|(i, split)| Some((i, split?))) {
                let mut random = dml_data::random::keyed(0, "binarize", i as u64);
                split.images.mapv_inplace(|pixel| if random.gen_range(0..255) < pixel { 255 } else { 0 });
            }
        }
        Ok(dataset)
    }

    /// The training rows that keep their label.
    pub(crate) fn mask(&self, data: &Dataset, seed: u64) -> Result<Mask> {
        let (percent, sampling) = (self.labelled_percent, self.labelled_sampling);
        Ok(Mask::draw(&data.train.labels, data.n_classes(), percent, sampling, seed)?)
    }
}

/// Where a data set lies that a trial file names: a relative path is one beside the file, where
/// that is there.
pub(crate) fn beside(trial_file: &Path, name: String) -> String {
    let there = trial_file.parent().unwrap_or(Path::new("")).join(&name);
    if is_path(&name, "npz") && there.exists() { there.display().to_string() } else { name }
}
