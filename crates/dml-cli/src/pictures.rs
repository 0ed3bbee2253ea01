//! Pictures as a data set: an npz, and beside it a CSV with the file and class of each row.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use dml_data::files::write_aside;
use dml_data::npz::NpzWriter;
use dml_data::{PictureOptions, Pictures, idx};

use crate::WrongCall;

/// How pictures are read, where that is asked for.
#[derive(Debug, Args)]
pub(crate) struct PictureArguments {
    /// An idx file of grey images, as MNIST's, in place of pictures
    #[arg(long, value_name = "FILE")]
    pub(crate) images: Option<PathBuf>,
    /// The idx file of their labels; of a signed kind, -1 is no label
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Width and height that pictures are resized to, 1 to 128; 28 without it
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=128))]
    size: Option<u32>,
    /// The folder whose pictures have no label; `unlabelled` without it
    #[arg(long, value_name = "NAME")]
    unlabelled: Option<String>,
    /// Refuse everything where a picture cannot be read, or a folder is not looked into, in place
    /// of leaving it out
    #[arg(long)]
    strict: bool,
}

impl PictureArguments {
    /// What is read, of which `pictures` is the path where it is no idx file.
    pub(crate) fn path<'a>(&'a self, pictures: Option<&'a Path>) -> &'a Path {
        self.images.as_deref().or(pictures).expect("clap asks for one of the two")
    }

    /// Refuses labels of idx images without the images (what clap has for it gives way to the
    /// images' own conflict), and beside them what is for pictures.
    pub(crate) fn check(&self) -> Result<(), WrongCall> {
        if self.images.is_none() && self.labels.is_some() {
            return Err(WrongCall(
                "--labels is the idx file of labels of --images; a CSV with the columns file and label would be right for pictures".into(),
            ));
        }
        if let (true, Some(option)) = (self.images.is_some(), self.of_pictures()) {
            return Err(WrongCall(format!(
                "{option} is for pictures, and --images names an idx file; leave it out"
            )));
        }
        Ok(())
    }

    /// An option that was given, and that is for pictures alone.
    pub(crate) fn of_pictures(&self) -> Option<&'static str> {
        [
            ("--size", self.size.is_some()),
            ("--unlabelled", self.unlabelled.is_some()),
            ("--strict", self.strict),
        ]
        .into_iter()
        .find_map(|(option, is_given)| is_given.then_some(option))
    }

    pub(crate) fn read(&self, path: &Path) -> Result<Pictures> {
        if let Some(name) = self.unlabelled.as_ref().filter(|name| path.is_dir() && !path.join(name).is_dir())
        {
            bail!("{} has no folder {name}, which --unlabelled names", path.display());
        }
        if self.images.is_some() {
            return Ok(Pictures::of_idx(path, self.labels.as_deref())?);
        }
        read(path, &self.options(None))
    }

    /// Reads pictures that are all sorted, as images and classes of `train`.
    pub(crate) fn read_test(&self, path: &Path, train: &Pictures) -> Result<Pictures> {
        let mut test = read(path, &self.options(Some(train.shape.channels)))?;
        let labels = test.labels_among(&train.classes);
        if let Some(row) = labels.iter().position(|&label| label < 0) {
            bail!(
                "{}: is in no class that a training picture is in; each test picture needs one of these",
                test.files[row].display()
            );
        }
        test.labels = labels;
        test.classes.clone_from(&train.classes);
        Ok(test)
    }

    fn options(&self, channels: Option<usize>) -> PictureOptions {
        let own = PictureOptions::default();
        let (size, unlabelled) = (self.size.unwrap_or(own.size), self.unlabelled.clone());
        PictureOptions {
            size,
            channels,
            unlabelled: unlabelled.unwrap_or(own.unlabelled),
            strict: self.strict,
        }
    }
}

/// Reads pictures, and names those that cannot be read; or the images of an idx file.
pub(crate) fn read(path: &Path, options: &PictureOptions) -> Result<Pictures> {
    if idx::is_idx(path) {
        return Ok(Pictures::of_idx(path, None)?);
    }
    let read = Pictures::read(path, options)?;
    for (file, why) in &read.left_out {
        eprintln!("note: {}: {why}; left out", file.display());
    }
    Ok(read)
}

/// Writes pictures as `npz`, in `MedMNIST`'s layout, and the CSV of the training images beside it.
pub(crate) fn write(pictures: &Pictures, test: Option<&Pictures>, npz: &Path) -> Result<()> {
    let mut file = NpzWriter::create(npz)?;
    for (name, split) in [("train", Some(pictures)), ("test", test)] {
        let Some(split) = split else { continue };
        let labels: Vec<i64> = split.labels.iter().map(|&label| label.into()).collect();
        file.add_images(&format!("{name}_images"), split.images.view(), split.shape)?;
        file.add_i64(&format!("{name}_labels"), &labels)?;
    }
    file.finish_after(|| write_rows(pictures, &npz.with_extension("csv")))
}

/// Writes the CSV of training images.
pub(crate) fn write_rows(pictures: &Pictures, csv: &Path) -> Result<()> {
    let class = |label: i32| usize::try_from(label).map_or("", |place| pictures.classes[place].as_str());
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["row", "file", "label", "class"])?;
    for (row, (file, &label)) in pictures.files.iter().zip(&pictures.labels).enumerate() {
        rows.write_record([&row.to_string(), &*file.to_string_lossy(), &label.to_string(), class(label)])?;
    }
    write_aside(csv, &rows.into_inner()?).with_context(|| csv.display().to_string())
}

/// Refuses to write a data set where its CSV would take the place of the list that it is read from.
pub(crate) fn refuse_overwritten(list: &Path, npz: &Path) -> Result<()> {
    let csv = npz.with_extension("csv");
    // A list that is not there is named when it is read.
    let is_list = |csv: PathBuf| list.canonicalize().is_ok_and(|list| list == csv);
    if csv.canonicalize().is_ok_and(is_list) {
        bail!("{} would be overwritten, as the CSV of {}; use another --out", list.display(), npz.display());
    }
    Ok(())
}
