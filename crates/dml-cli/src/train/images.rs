//! Images that a model is used on: a folder, a list, a picture, an npz or the name of a data set.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use dml_data::{Dataset, ImageShape, Manifest, PictureOptions, Source, idx};
use dml_store::names;
use ndarray::{Array2, ArrayView1, Axis};

use crate::pictures::DATA;
use crate::train::model::Model;
use crate::train::rows::Rows;
use crate::{WrongCall, is_npz, pictures};

/// What of a model is no label or embedding that somebody has put there.
const PARTS: [&str; 9] = [
    DATA,
    "data.csv",
    "index.html",
    "estimate.json",
    names::TRIAL,
    names::RESULT,
    names::RUN,
    names::WEIGHTS,
    names::LATENT,
];

/// What is not written over.
const READ: &str = "read or part of the model; use another --out";

/// Images in the model's shape.
pub(crate) struct Images {
    /// `[n, pixels]`
    pub(crate) pixels: Array2<u8>,
    /// Places of the model's classes, -1 where there is no label or it names none of them. `[n]`
    pub(crate) labels: Vec<i32>,
    /// Their files, where they have some. `[n]`
    pub(crate) files: Option<Vec<String>>,
    /// The classes of rows whose label names none of the model's.
    pub(crate) strangers: BTreeMap<usize, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Split {
    Train,
    Validation,
    Test,
}

/// Whether this means pictures, not a data set.
pub(crate) fn is_pictures(images: &str) -> bool {
    let path = Path::new(images);
    path.is_dir() || is_csv(path) || (path.is_file() && !is_npz(path))
}

pub(crate) fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

impl Images {
    /// Reads images for a model. Of a data set it is the test split, or the training split where
    /// there is no other, unless one is named.
    pub(crate) fn read(images: &str, split: Option<Split>, model: &Model, source: &Source) -> Result<Self> {
        if is_pictures(images) {
            if split.is_some() {
                let sentence = format!("--split is for a data set, and {images} has no parts; leave it out");
                return Err(WrongCall(sentence).into());
            }
            return Self::of_pictures(Path::new(images), model);
        }
        refuse_missing(images)?;
        let data = dml_data::load(images, source, true)?;
        check_shape(images, data.shape, model.data.shape)?;
        let default = if data.test.is_some() { Split::Test } else { Split::Train };
        let split = split.unwrap_or(default);
        let of_set = of_split(&data, split, images)?;
        let rows = Rows::beside(images)?;
        let names = model.class_names();
        let class = |label: i32| {
            let number = data.class_number(label);
            // Two sets of pictures may number their classes differently.
            let name = rows.as_ref().and_then(|rows| rows.classes.get(&number).cloned());
            name.unwrap_or_else(|| number.to_string())
        };
        let place = |&label: &i32| {
            let name = class(label);
            names.iter().position(|own| *own == name).map_or(-1, |place| place as i32)
        };
        let (pixels, labels) = (of_set.images.clone(), of_set.labels.iter().map(place).collect::<Vec<i32>>());
        let strangers = strangers(&of_set.labels, &labels, class);
        // The CSV lists training images alone.
        let rows = rows.filter(|_| split == Split::Train);
        let files = rows.map(|rows| rows.files).filter(|files| files.len() == of_set.labels.len());
        Ok(Self { pixels, labels, files, strangers })
    }

    /// What an image is called: its file, or its row.
    pub(crate) fn name(&self, row: usize) -> String {
        self.files.as_ref().map_or_else(|| format!("row {row}"), |files| files[row].clone())
    }

    fn of_pictures(path: &Path, model: &Model) -> Result<Self> {
        let shape = model.data.shape;
        if (shape.height != shape.width || shape.height > 128) && !idx::is_idx(path) {
            bail!(
                "the model's images have {} rows and {} columns, and pictures are made square, of 128 at most; give it an npz",
                shape.height,
                shape.width
            );
        }
        let (size, channels) = (shape.height as u32, Some(shape.channels));
        let options = PictureOptions { size, channels, ..PictureOptions::default() };
        let read = pictures::read(path, &options)?;
        check_shape(&path.display().to_string(), read.shape, shape)?;
        let labels = read.labels_among(&model.class_names());
        let strangers = strangers(&read.labels, &labels, |label| read.classes[label as usize].clone());
        let files = read.files.iter().map(|file| file.display().to_string()).collect();
        Ok(Self { pixels: read.images, labels, files: Some(files), strangers })
    }

    /// Some of them, of which none is a stranger.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self {
            pixels: self.pixels.select(Axis(0), rows),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            files: self.files.as_ref().map(|files| rows.iter().map(|&row| files[row].clone()).collect()),
            strangers: BTreeMap::new(),
        }
    }

    /// Whether each image has the pixels of a labelled one that the model was trained on. `[n]`
    pub(crate) fn is_seen(&self, model: &Model) -> Vec<bool> {
        let seen: HashSet<ArrayView1<u8>> =
            model.labelled.iter().map(|&row| model.data.train.images.row(row)).collect();
        self.pixels.rows().into_iter().map(|pixels| seen.contains(&pixels)).collect()
    }

    /// How many of some rows are in classes that the model does not have, and which those are.
    pub(crate) fn strangers_among(&self, rows: &[usize]) -> Option<(usize, String)> {
        let strangers: Vec<&String> = rows.iter().filter_map(|row| self.strangers.get(row)).collect();
        let first = *strangers.first()?;
        let others = strangers.iter().any(|class| *class != first);
        let names = if others { format!("{first} and others") } else { first.clone() };
        Some((strangers.len(), names))
    }

    /// Refuses to write over one of the pictures.
    pub(crate) fn refuse_own_file(&self, out: &Path) -> Result<()> {
        let Ok(place) = out.canonicalize() else { return Ok(()) };
        let is_out = |file: &String| Path::new(file).canonicalize().is_ok_and(|file| file == place);
        let is_read = self.files.iter().flatten().any(is_out);
        ensure!(!is_read, "{} would be overwritten, which is {READ}", out.display());
        Ok(())
    }

    /// A split of the data that the model was trained on.
    pub(crate) fn of_training_data(split: Split, model: &Model) -> Result<Self> {
        let of_set = of_split(&model.data, split, &model.data.name)?;
        let files = if split == Split::Train { model.training_files().cloned() } else { None };
        let (pixels, labels) = (of_set.images.clone(), of_set.labels.clone());
        Ok(Self { pixels, labels, files, strangers: BTreeMap::new() })
    }
}

/// The classes of rows that have a label, which is none of the model's.
fn strangers(theirs: &[i32], ours: &[i32], class: impl Fn(i32) -> String) -> BTreeMap<usize, String> {
    let labels = theirs.iter().zip(ours).enumerate();
    labels
        .filter(|(_, (theirs, ours))| **theirs >= 0 && **ours < 0)
        .map(|(row, (&label, _))| (row, class(label)))
        .collect()
}

/// Refuses a word that means nothing here.
pub(crate) fn refuse_missing(images: &str) -> Result<()> {
    let is_name = || Manifest::builtin().datasets.iter().any(|entry| entry.name == images);
    ensure!(
        Path::new(images).exists() || is_name(),
        "{images}: is not there; a folder of pictures, a CSV, a picture, an npz or a name of `dml data list` would be right"
    );
    Ok(())
}

/// Refuses to write over the file that images are named by, over the data of a model, over the CSV
/// of either, and over a part of the model; of the pictures in a folder or a list see
/// [`Images::refuse_own_file`].
pub(crate) fn refuse_read_or_part(
    out: &Path,
    directory: &Path,
    model: &Model,
    images: Option<&String>,
) -> Result<()> {
    let place = |path: &Path| path.canonicalize().ok();
    let Some(own) = place(out) else { return Ok(()) };
    let is_own = |path: &Path| place(path).is_some_and(|path| path == own);
    let sets = [Some(&model.trial.data.name), images].into_iter().flatten().map(Path::new);
    let is_read = sets.into_iter().any(|set| is_own(set) || is_own(&set.with_extension("csv")));
    let is_part = PARTS.iter().any(|part| is_own(&directory.join(part)));
    ensure!(!is_read && !is_part, "{} would be overwritten, which is {READ}", out.display());
    Ok(())
}

fn check_shape(images: &str, other: ImageShape, own: ImageShape) -> Result<()> {
    ensure!(
        other == own,
        "{images} has images of {other} values, and the model was trained on {own}; images of that shape would be right"
    );
    Ok(())
}

fn of_split<'a>(data: &'a Dataset, split: Split, name: &str) -> Result<&'a dml_data::Split> {
    match split {
        Split::Train => Ok(&data.train),
        Split::Test => {
            data.test.as_ref().with_context(|| format!("{name} has no test split; use --split train"))
        }
        Split::Validation => {
            let others = if data.test.is_some() { "train or test" } else { "train" };
            let why = || format!("{name} has no validation split here; use --split {others}");
            data.validation.as_ref().with_context(why)
        }
    }
}
