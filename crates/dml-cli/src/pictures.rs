//! Pictures of one's own as a data set: an npz, and beside it a CSV with the file and class of each
//! row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use dml_data::files::write_aside;
use dml_data::npz::NpzWriter;
use dml_data::{PictureOptions, Pictures};

/// How pictures are read, where that is asked for.
#[derive(Debug, Args)]
pub(crate) struct PictureArguments {
    /// Width and height that pictures are resized to, 1 to 128
    #[arg(long, default_value_t = 28)]
    pub(crate) size: u32,
    /// The folder whose pictures have no label
    #[arg(long, default_value = "unlabelled", value_name = "NAME")]
    pub(crate) unlabelled: String,
    /// Refuse everything where a picture cannot be read, in place of leaving it out
    #[arg(long)]
    pub(crate) strict: bool,
}

impl PictureArguments {
    pub(crate) fn read(&self, path: &Path) -> Result<Pictures> {
        let (size, strict, unlabelled) = (self.size, self.strict, self.unlabelled.clone());
        read(path, &PictureOptions { size, channels: None, unlabelled, strict })
    }
}

/// Reads pictures, and names those that cannot be read.
pub(crate) fn read(path: &Path, options: &PictureOptions) -> Result<Pictures> {
    let read = Pictures::read(path, options)?;
    for (file, why) in &read.left_out {
        eprintln!("note: {}: {why}; it is left out", file.display());
    }
    Ok(read)
}

/// Writes pictures as `npz`, in `MedMNIST`'s layout, and the CSV beside it.
pub(crate) fn write(pictures: &Pictures, npz: &Path) -> Result<()> {
    let class = |label: i32| usize::try_from(label).map_or("", |place| pictures.classes[place].as_str());
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["row", "file", "label", "class"])?;
    for (row, (file, &label)) in pictures.files.iter().zip(&pictures.labels).enumerate() {
        rows.write_record([&row.to_string(), &*file.to_string_lossy(), &label.to_string(), class(label)])?;
    }
    let (csv, rows) = (npz.with_extension("csv"), rows.into_inner()?);
    let mut file = NpzWriter::create(npz)?;
    file.add_images("train_images", pictures.images.view(), pictures.shape)?;
    file.add_i64("train_labels", &pictures.labels.iter().map(|&label| label.into()).collect::<Vec<_>>())?;
    file.finish()?;
    write_aside(&csv, &rows).with_context(|| csv.display().to_string())
}

/// What the CSV beside a data set says.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The file of each row.
    pub(crate) files: Vec<String>,
    /// The name of each class.
    pub(crate) classes: BTreeMap<i64, String>,
}

impl Rows {
    /// Reads what [`write`] wrote.
    pub(crate) fn read(csv: &Path) -> Result<Self> {
        let mut rows = Self::default();
        for record in records(csv, ["file", "label", "class"])? {
            let [file, label, class] = record;
            let why = || format!("{}: the label {label:?} is no number", csv.display());
            let label: i64 = label.parse().with_context(why)?;
            rows.files.push(file);
            if label >= 0 {
                rows.classes.insert(label, class);
            }
        }
        Ok(rows)
    }
}

/// Gives pictures the labels that a CSV with the columns `file` and `label` says; an empty one is
/// none.
pub(crate) fn correct(pictures: &mut Pictures, csv: &Path) -> Result<()> {
    let mut names: Vec<Option<String>> = pictures
        .labels
        .iter()
        .map(|&label| usize::try_from(label).ok().map(|place| pictures.classes[place].clone()))
        .collect();
    let of_file: BTreeMap<&PathBuf, usize> =
        pictures.files.iter().enumerate().map(|(row, file)| (file, row)).collect();
    for [file, label] in records(csv, ["file", "label"])? {
        let Some(&row) = of_file.get(&PathBuf::from(&file)) else {
            bail!("{}: corrects {file}, which is none of the pictures", csv.display());
        };
        names[row] = Some(label.trim().to_owned()).filter(|name| !name.is_empty());
    }
    let mut classes: Vec<String> = names.iter().flatten().cloned().collect();
    classes.sort();
    classes.dedup();
    let place = |name: &Option<String>| {
        name.as_ref().map_or(-1, |name| classes.binary_search(name).expect("it is one of them") as i32)
    };
    pictures.labels = names.iter().map(place).collect();
    pictures.classes = classes;
    Ok(())
}

/// Some columns of a CSV, in their order.
fn records<const N: usize>(csv: &Path, columns: [&str; N]) -> Result<Vec<[String; N]>> {
    let at = || csv.display().to_string();
    let mut list = csv::Reader::from_path(csv).with_context(at)?;
    let header = list.headers().with_context(at)?.clone();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name.trim() == column);
        let why = || format!("{}: has no column {column}", csv.display());
        *place = found.with_context(why)?;
    }
    let of_record = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.with_context(at)?;
        Ok(places.map(|place| record[place].to_owned()))
    };
    list.records().map(of_record).collect()
}
