//! Pictures as a data set: an npz, and beside it a CSV with the file and class of each row.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;
use dml_data::npz::NpzWriter;
use dml_data::{PictureOptions, Pictures, idx};

use crate::{WrongCall, write_file};

/// The pictures of a model, as a data set, in its directory.
pub(crate) const DATA: &str = "data.npz";

/// What a CSV beside an npz says of each of its rows.
pub(crate) const COLUMNS: &str = "row,file,label,class";

/// What one said beside embeddings before it named classes.
const COLUMNS_BEFORE: &str = "row,file,label";

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
    /// images' own conflict), and a path in place of a folder's name.
    pub(crate) fn check(&self) -> Result<(), WrongCall> {
        if self.images.is_none() && self.labels.is_some() {
            return Err(WrongCall(
                "--labels is the idx file of labels of --images; a CSV with the columns file and label would be right for pictures".into(),
            ));
        }
        if let Some(name) = &self.unlabelled {
            let parts: Vec<Component> = Path::new(name).components().collect();
            if !matches!(parts[..], [Component::Normal(_)]) {
                return Err(WrongCall(format!(
                    "--unlabelled {name:?} is no name of a folder; the name alone, as in --unlabelled todo, would be right"
                )));
            }
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

    /// Reads pictures, or the images of an idx file, beside which what is for pictures is refused.
    pub(crate) fn read(&self, path: &Path) -> Result<Pictures> {
        if self.images.is_some() || idx::is_idx(path) {
            if let Some(option) = self.of_pictures() {
                let path = path.display();
                let sentence =
                    format!("{option} is for pictures, and {path} is read as an idx file; leave it out");
                return Err(WrongCall(sentence).into());
            }
            return Ok(Pictures::of_idx(path, self.labels.as_deref())?);
        }
        if let Some(name) = &self.unlabelled {
            if path.is_file() {
                let path = path.display();
                let sentence =
                    format!("--unlabelled names a folder among pictures, and {path} is a file; leave it out");
                return Err(WrongCall(sentence).into());
            }
            ensure!(
                !path.is_dir() || path.join(name).is_dir(),
                "{} has no folder {name}, which --unlabelled names",
                path.display()
            );
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
    let of_row = |(file, &label): (&PathBuf, &i32)| {
        [file.to_string_lossy().into_owned(), label.to_string(), class(label).to_owned()]
    };
    write_csv(csv, pictures.files.iter().zip(&pictures.labels).map(of_row))
}

/// Writes the file, the label and the class of each row.
pub(crate) fn write_csv(csv: &Path, rows: impl Iterator<Item = [String; 3]>) -> Result<()> {
    let mut written = csv::Writer::from_writer(Vec::new());
    written.write_record(COLUMNS.split(','))?;
    for (row, [file, label, class]) in rows.enumerate() {
        written.write_record([row.to_string(), file, label, class])?;
    }
    write_file(csv, &written.into_inner()?)
}

/// Whether a CSV is there that begins as [`write_csv`] begins one, or as an earlier version did:
/// any other is somebody else's.
pub(crate) fn is_of_dml(csv: &Path) -> bool {
    header(csv).is_some_and(|header| [COLUMNS, COLUMNS_BEFORE].contains(&header.as_str()))
}

/// The first line of a file that is there and can be read.
pub(crate) fn header(csv: &Path) -> Option<String> {
    BufReader::new(File::open(csv).ok()?).lines().next()?.ok()
}

/// Refuses to write a CSV in the place of somebody else's file.
pub(crate) fn refuse_foreign_csv(csv: &Path) -> Result<()> {
    ensure!(
        !csv.exists() || is_of_dml(csv),
        "{} is there, and is none that `dml` has written beside an npz; use another --out",
        csv.display()
    );
    Ok(())
}

/// Refuses to write a data set where its CSV would take the place of the list that it is read from,
/// or of somebody else's file.
pub(crate) fn refuse_overwritten(list: &Path, npz: &Path) -> Result<()> {
    refuse_own_list(list, npz)?;
    refuse_foreign_csv(&npz.with_extension("csv"))
}

/// Refuses to write a data set where its CSV would take the place of the list that it is read from.
pub(crate) fn refuse_own_list(list: &Path, npz: &Path) -> Result<()> {
    let csv = npz.with_extension("csv");
    // A list that is not there is named when it is read.
    let is_list = |csv: PathBuf| list.canonicalize().is_ok_and(|list| list == csv);
    if csv.canonicalize().is_ok_and(is_list) {
        bail!("{} would be overwritten, as the CSV of {}; use another --out", list.display(), npz.display());
    }
    Ok(())
}
