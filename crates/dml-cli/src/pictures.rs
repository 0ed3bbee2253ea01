//! Pictures of one's own as a data set: an npz, and beside it a CSV with the file and class of each
//! row.

use std::path::Path;

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
    // The npz comes last: where it is, both are whole.
    let (csv, rows) = (npz.with_extension("csv"), rows.into_inner()?);
    write_aside(&csv, &rows).with_context(|| csv.display().to_string())?;
    let mut file = NpzWriter::create(npz)?;
    file.add_images("train_images", pictures.images.view(), pictures.shape)?;
    file.add_i64("train_labels", &pictures.labels.iter().map(|&label| label.into()).collect::<Vec<_>>())?;
    Ok(file.finish()?)
}

/// Refuses to write a data set where its CSV would take the place of the list that it is read from.
pub(crate) fn refuse_overwritten(list: &Path, npz: &Path) -> Result<()> {
    let csv = npz.with_extension("csv");
    if csv.exists() && csv.canonicalize()? == list.canonicalize()? {
        bail!("{} would be overwritten, as the CSV of {}; use another --out", list.display(), npz.display());
    }
    Ok(())
}
