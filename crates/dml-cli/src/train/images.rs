//! Images that a model is used on: a folder, a list, a picture, an npz or the name of a data set.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use dml_data::{Dataset, ImageShape, Manifest, PictureOptions, Source, idx};
use dml_store::names;
use ndarray::{Array2, Axis};

use crate::train::model::{DATA, Model};
use crate::train::rows::Rows;
use crate::{WrongCall, pictures};

/// What of a model is no label or embedding that somebody has put there.
const PARTS: [&str; 8] = [
    DATA,
    "data.csv",
    "index.html",
    "estimate.json",
    names::TRIAL,
    names::RESULT,
    names::RUN,
    names::WEIGHTS,
];

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

pub(crate) fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
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
        let class = |&label: &i32| {
            let number = data.class_number(label);
            // Two sets of pictures may number their classes differently.
            let name = rows.as_ref().and_then(|rows| rows.classes.get(&number).cloned());
            (label >= 0).then(|| name.unwrap_or_else(|| number.to_string()))
        };
        let (labels, strangers) = among(&names, of_set.labels.iter().map(class));
        let pixels = of_set.images.clone();
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
        let class = |&label: &i32| usize::try_from(label).ok().map(|place| read.classes[place].clone());
        let (labels, strangers) = among(&model.class_names(), read.labels.iter().map(class));
        let files = read.files.iter().map(|file| file.display().to_string()).collect();
        Ok(Self { pixels: read.images, labels, files: Some(files), strangers })
    }

    /// Some of them.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self {
            pixels: self.pixels.select(Axis(0), rows),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            files: self.files.as_ref().map(|files| rows.iter().map(|&row| files[row].clone()).collect()),
            strangers: (0..)
                .zip(rows)
                .filter_map(|(to, row)| Some((to, self.strangers.get(row)?.clone())))
                .collect(),
        }
    }

    /// A split of the data that the model was trained on.
    pub(crate) fn of_training_data(split: Split, model: &Model) -> Result<Self> {
        let of_set = of_split(&model.data, split, &model.data.name)?;
        let files = if split == Split::Train { model.training_files().cloned() } else { None };
        let (pixels, labels) = (of_set.images.clone(), of_set.labels.clone());
        Ok(Self { pixels, labels, files, strangers: BTreeMap::new() })
    }
}

/// The places of classes among names, -1 of none and of those that are not among them; and these,
/// by their rows.
fn among(
    names: &[String],
    classes: impl Iterator<Item = Option<String>>,
) -> (Vec<i32>, BTreeMap<usize, String>) {
    let mut strangers = BTreeMap::new();
    let of_row = |(row, class): (usize, Option<String>)| {
        let Some(class) = class else { return -1 };
        let place = names.iter().position(|name| *name == class);
        place.map_or_else(
            || {
                strangers.insert(row, class);
                -1
            },
            |place| place as i32,
        )
    };
    let places = classes.enumerate().map(of_row).collect();
    (places, strangers)
}

/// Refuses a word that means nothing here.
pub(crate) fn refuse_missing(images: &str) -> Result<()> {
    let is_name = || Manifest::builtin().datasets.iter().any(|entry| entry.name == images);
    ensure!(
        Path::new(images).exists() || is_name(),
        "{images}: is not there; a folder of pictures, a CSV, an npz or a name of `dml data list` would be right"
    );
    Ok(())
}

/// Refuses to write over what is read, and over a part of the model.
pub(crate) fn refuse_overwritten(out: &Path, model: &Path, images: Option<&String>) -> Result<()> {
    let place = |path: &Path| path.canonicalize().ok();
    let Some(own) = place(out) else { return Ok(()) };
    let is_read = images.is_some_and(|images| place(Path::new(images)).as_ref() == Some(&own));
    let is_part = own.parent() == place(model).as_deref()
        && PARTS.iter().any(|part| own.file_name().is_some_and(|name| name == *part));
    ensure!(
        !is_read && !is_part,
        "{} would be overwritten, which is read here; use another --out",
        out.display()
    );
    Ok(())
}

fn check_shape(images: &str, other: ImageShape, own: ImageShape) -> Result<()> {
    let values = |shape: ImageShape| format!("{} x {} x {}", shape.channels, shape.height, shape.width);
    let (own_values, others) = (values(own), values(other));
    ensure!(
        other == own,
        "{images} has images of {others} values, and the model was trained on {own_values}"
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
