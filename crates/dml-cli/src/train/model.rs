//! A trained trial, to be used: what `dml fit` leaves, or a trial of a store.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use dml_data::files::is_path;
use dml_data::{Dataset, Source};
use dml_eval::NearestOfClasses;
use dml_models::{Baseline, Stack, load_weights};
use dml_store::{TrialResult, names, trial_id};
use ndarray::{Array2, ArrayView2, Axis};
use tch::Device;
use toml::Value;

use crate::pictures::DATA;
use crate::train::rows::Rows;
use crate::train::trial::Trial;
use crate::train::{device, training_data};

/// Which model a command opens, and how.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// What `dml fit` made, or a trial's directory, STORE/trials/ID, with its weights
    #[arg(value_name = "MODEL")]
    pub(crate) directory: PathBuf,
    // In the help they stand after the command's own.
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto", display_order = 100)]
    device: String,
    /// Use only data that is on this machine
    #[arg(long, display_order = 100)]
    offline: bool,
}

impl ModelArguments {
    /// The model, and where it and its command look for data.
    pub(crate) fn open(&self) -> Result<(Model, Source)> {
        let device = device(&self.device)?;
        let source = Source::from_env(self.offline)?;
        Ok((Model::open(&self.directory, &source, device)?, source))
    }
}

/// A trained model with the data that it was trained on.
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) trial: Trial,
    pub(crate) data: Dataset,
    /// The training rows whose labels it saw.
    pub(crate) labelled: Vec<usize>,
    trained: Trained,
    rows: Option<Rows>,
}

enum Trained {
    Stack(Box<Stack>),
    Baseline(Baseline),
}

impl Model {
    /// Opens the directory of a trial.
    pub(crate) fn open(directory: &Path, source: &Source, device: Device) -> Result<Self> {
        let file = directory.join(names::TRIAL);
        let why = "is no model: what `dml fit` has made, or the directory of a trial, would be right";
        ensure!(file.is_file(), "{}: {why}", directory.display());
        let (trial, table) = Trial::read(&file)?;
        let data = trial.data.load(source)?;
        check_content(directory, &trial, &data)?;
        let mask = trial.data.mask(&data, trial.train.seed)?;
        let trained = if trial.train.model.system.is_baseline() {
            let images = data.train.images.view();
            Trained::Baseline(Baseline::fit(&trial.train.model, trial.train.seed, images))
        } else {
            let training = training_data(&data.train, &data, device);
            let mut stack = Stack::new(vec![trial.train.clone()], &[mask.rows()], &training, device)?;
            load_weights(&mut stack, &weights(directory)?)?;
            Trained::Stack(Box::new(stack))
        };
        let rows = Rows::beside(&trial.data.name)?;
        if table["data"].get("name").and_then(Value::as_str) == Some(DATA) {
            check_rows(directory, &data, rows.as_ref())?;
        }
        Ok(Self { id: trial_id(&table), trial, labelled: mask.rows().to_vec(), data, trained, rows })
    }

    /// Whether this names the data that it was trained on.
    pub(crate) fn is_of(&self, images: &str) -> bool {
        let own = &self.trial.data.name;
        let place = |path: &str| Path::new(path).canonicalize().ok();
        // A name is no path, whatever lies in this folder.
        images == own || (is_path(own, "npz") && place(own).is_some_and(|own| place(images) == Some(own)))
    }

    /// Embeddings of images. `[n, pixels]` to `[n, d]`
    pub(crate) fn embed(&self, images: ArrayView2<u8>) -> Array2<f32> {
        match &self.trained {
            Trained::Stack(stack) => stack.embed(0, images),
            Trained::Baseline(baseline) => baseline.embed(images),
        }
    }

    /// Embeddings of the labelled training images.
    pub(crate) fn embed_labelled(&self) -> Array2<f32> {
        self.embed(self.data.train.images.select(Axis(0), &self.labelled).view())
    }

    /// Places of the classes of the labelled training images.
    pub(crate) fn labelled_classes(&self) -> Vec<u32> {
        self.labelled.iter().map(|&row| self.data.train.labels[row] as u32).collect()
    }

    /// What is nearest to queries among the labelled training images, class by class.
    /// For [`at_once`](Self::at_once) of the queries at a time.
    pub(crate) fn nearest(
        &self,
        labelled: ArrayView2<f32>,
        queries: ArrayView2<f32>,
    ) -> Result<NearestOfClasses> {
        Ok(NearestOfClasses::of(labelled, &self.labelled_classes(), self.data.n_classes(), queries)?)
    }

    /// Queries whose nearest labelled embedding of each class is kept at a time: of each class that
    /// takes 20 bytes a query.
    pub(crate) fn at_once(&self) -> usize {
        (1 << 22) / self.data.n_classes().clamp(1, 1 << 22)
    }

    /// What a class is called: its folder's name, or its number.
    pub(crate) fn class_name(&self, place: usize) -> String {
        let number = i64::from(self.data.classes[place]);
        let name = self.rows.as_ref().and_then(|rows| rows.classes.get(&number).cloned());
        name.unwrap_or_else(|| number.to_string())
    }

    /// What all classes are called.
    pub(crate) fn class_names(&self) -> Vec<String> {
        (0..self.data.n_classes()).map(|place| self.class_name(place)).collect()
    }

    /// The file of each training image, where they have some and all are there.
    pub(crate) fn training_files(&self) -> Option<&Vec<String>> {
        let files = self.rows.as_ref().map(|rows| &rows.files);
        files.filter(|files| files.len() == self.data.train.labels.len())
    }

    /// What a training image is called: its file, or its row.
    pub(crate) fn training_name(&self, row: usize) -> String {
        self.training_files().map_or_else(|| format!("row {row}"), |files| files[row].clone())
    }
}

/// Refuses a model of pictures whose files and classes nobody knows any more.
fn check_rows(directory: &Path, data: &Dataset, rows: Option<&Rows>) -> Result<()> {
    let csv = directory.join(DATA).with_extension("csv");
    // A trial that somebody has written beside a set of that name has neither.
    let of_fit = csv.exists() || directory.join("index.html").exists();
    ensure!(
        !of_fit || rows.is_some_and(|rows| rows.files.len() == data.train.labels.len()),
        "{}: is not as `dml fit` has written it, with a row for each picture; the same call of `dml fit` writes it again",
        csv.display()
    );
    Ok(())
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
    let why = || {
        let is_of_fit = directory.join("index.html").exists();
        let train = if is_of_fit { "the same dml fit again, with --out" } else { "dml run" };
        format!("{}: is not there; train first: {train} {}", path.display(), directory.display())
    };
    path.exists().then_some(path.clone()).with_context(why)
}
