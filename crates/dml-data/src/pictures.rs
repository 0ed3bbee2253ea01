//! Folders and lists of pictures, as arrays.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use image::ImageFormat;
use ndarray::Array2;
use rayon::prelude::*;

use crate::list::{self, Found};
use crate::pixels::{pixels, stacked};
use crate::{DataError, ImageShape, load};

/// A folder with this file is a model that `dml fit` has made, whose own pictures are of no class.
const OF_MODEL: &str = "trial.toml";

const NOT_UTF_8: &str = "has a name that is not in UTF-8, as no list could hold; rename it";

/// How pictures are read.
#[derive(Debug, Clone)]
pub struct PictureOptions {
    /// Width and height that each picture is resized to, 1 to 128. Other proportions are lost.
    pub size: u32,
    /// 1 to make all pictures grey, 3 to make all red, green and blue; `None` for grey where all
    /// of them are. No other number is possible.
    pub channels: Option<usize>,
    /// The folder of pictures without a label.
    pub unlabelled: String,
    /// Whether a picture that cannot be read is an error, and a folder that is not looked into; it
    /// is left out otherwise.
    pub strict: bool,
}

impl Default for PictureOptions {
    /// 28 x 28 pixels, as MNIST's, a folder `unlabelled`, and what cannot be read left out.
    fn default() -> Self {
        Self { size: 28, channels: None, unlabelled: "unlabelled".into(), strict: false }
    }
}

/// Pictures of one shape, of which some have a label.
#[derive(Debug, Clone)]
pub struct Pictures {
    /// As [`Split::images`](crate::Split::images): grey where all pictures are or that was asked
    /// for, else red, green, blue. `[n, pixels]`
    pub images: Array2<u8>,
    /// What one row of images is.
    pub shape: ImageShape,
    /// The place of each picture's class in [`Pictures::classes`]; -1 for none. `[n]`
    pub labels: Vec<i32>,
    /// Names of the classes, sorted.
    pub classes: Vec<String>,
    /// The file of each picture. `[n]`
    pub files: Vec<PathBuf>,
    /// What was left out, each file or folder with the reason: what cannot be read; folders in
    /// those of classes; folders without a picture; models; names that are not UTF-8; and, of each
    /// folder, which files end as no picture's.
    pub left_out: Vec<(PathBuf, String)>,
}

impl Pictures {
    /// Reads `FOLDER/CLASS/*` and, as pictures without a label, those of the folder
    /// [`PictureOptions::unlabelled`] and those that lie in `FOLDER` itself; files whose names end
    /// as no picture's are not looked at, nor are folders that are models of `dml fit`. Or, where
    /// `path` ends in `.csv`, reads a list with the columns `file` and `label`: files are sought
    /// from the list's folder on and then from the current one, an empty label is none. A `path`
    /// that is one picture is read as one without a label.
    ///
    /// PNG, JPEG, GIF, BMP, TIFF, WebP and PNM are read, of several pictures in a file the first; a
    /// camera's orientation is heeded, and what
    /// is transparent lies on white. A JPEG without its end is none that can be read. Rows are in
    /// the order of the classes' names and within these of the files', or in that of the list.
    ///
    /// # Errors
    /// When a folder or the list cannot be read, when the list gives a file two labels or the label
    /// -1, when there is no picture, when there are more than 65,536 classes, when the size or the
    /// channels are out of range; and, where that is asked for, at the first file that cannot be
    /// read.
    pub fn read(path: &Path, options: &PictureOptions) -> Result<Pictures, DataError> {
        if !(1..=128).contains(&options.size) {
            let size = options.size;
            return Err(DataError::Value(format!(
                "a size of {size} pixels is out of range; it must be 1 to 128"
            )));
        }
        if let Some(n) = options.channels.filter(|n| ![1, 3].contains(n)) {
            let why = format!("{n} channels are out of range; 1 is grey, 3 are red, green and blue");
            return Err(DataError::Value(why));
        }
        let is_list = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let Listing { found, folders, mut left_out } = match path {
            _ if is_list => Listing { found: of_list(path)?, ..Listing::default() },
            _ if path.is_file() => Listing { found: vec![(path.to_owned(), None)], ..Listing::default() },
            _ => of_folder(path, options)?,
        };
        let to_grey = options.channels == Some(1);
        let read: Vec<_> = found.par_iter().map(|(file, _)| pixels(file, options.size, to_grey)).collect();
        let (mut rows, mut kept) = (Vec::new(), Vec::new());
        for ((file, class), read) in found.into_iter().zip(read) {
            match read {
                Ok(pixels) => {
                    rows.push(pixels);
                    kept.push((file, class));
                }
                Err(reason) if options.strict => return Err(DataError::Format { path: file, reason }),
                Err(reason) => left_out.push((file, reason)),
            }
        }
        if rows.is_empty() {
            // What cannot be read comes last.
            let reason = match left_out.last() {
                Some((file, why)) => format!("has no picture that can be read; {}: {why}", file.display()),
                None if is_list => {
                    "lists no picture; a row with the file and label of each would be right".into()
                }
                None => "has no picture: it should hold a folder of pictures for each class".into(),
            };
            return Err(DataError::format(path)(reason));
        }
        let full: BTreeSet<&Path> = kept.iter().filter_map(|(file, _)| file.parent()).collect();
        let empty = folders.into_iter().filter(|folder| !full.contains(folder.as_path()));
        let why = |folder: &Path| {
            let is_class = !folder.ends_with(&options.unlabelled);
            if is_class { "holds no picture, and so is no class" } else { "holds no picture" }.to_owned()
        };
        left_out.extend(empty.map(|folder| (folder.clone(), why(&folder))));
        let names: Vec<Option<&str>> = kept.iter().map(|(_, class)| class.as_deref()).collect();
        let (labels, classes) = list::numbered(path, &names)?;
        let (images, shape) = stacked(rows, options.size as usize, options.channels);
        let files = kept.into_iter().map(|(file, _)| file).collect();
        Ok(Pictures { images, shape, labels, classes, files, left_out })
    }

    /// Gives pictures the labels of a CSV with the columns `file` and `label`, in place of those
    /// that they have; an empty one is none. Files are sought from the current folder on, and then
    /// from that of the CSV. What comes back is how many files were corrected, and those that are
    /// none of the pictures.
    ///
    /// # Errors
    /// When the CSV cannot be read, when it gives a file two labels or the label -1, and when there
    /// would be more than 65,536 classes.
    pub fn correct(&mut self, csv: &Path) -> Result<(usize, Vec<String>), DataError> {
        // A picture may be there under several names.
        let files: Vec<PathBuf> = self.files.iter().map(|file| list::whole(file)).collect();
        let known: HashSet<&PathBuf> = files.iter().collect();
        let folder = csv.parent().unwrap_or(Path::new("."));
        let find = |name: &str| {
            let places = [list::whole(Path::new(name)), list::whole(&folder.join(name))];
            places.into_iter().find(|place| known.contains(place))
        };
        let (given, gone) = list::read(csv, &self.classes, find)?;
        let given: HashMap<PathBuf, Option<String>> = given.into_iter().collect();
        let class = |(file, &label): (&PathBuf, &i32)| match given.get(file) {
            Some(class) => class.as_deref(),
            None => usize::try_from(label).ok().map(|place| self.classes[place].as_str()),
        };
        let names: Vec<Option<&str>> = files.iter().zip(&self.labels).map(class).collect();
        (self.labels, self.classes) = list::numbered(csv, &names)?;
        Ok((given.len(), gone))
    }

    /// The place of each picture's class among other names; -1 where it has none, or one that is
    /// not among them. `[n]`
    pub fn labels_among(&self, names: &[String]) -> Vec<i32> {
        let places: HashMap<&String, i32> = names.iter().zip(0..).collect();
        let of_class: Vec<i32> =
            self.classes.iter().map(|class| places.get(class).copied().unwrap_or(-1)).collect();
        self.labels.iter().map(|&label| usize::try_from(label).map_or(-1, |label| of_class[label])).collect()
    }
}

/// Images of an idx file.
impl Pictures {
    /// Reads an idx file of images, of the size that they have, and one of their labels, where -1
    /// is none; without it, no image has a label. What stands for an image's file is its number,
    /// and the name of a class is its number too.
    ///
    /// # Errors
    /// When a file cannot be read, has other dimensions than images or their labels have, holds no
    /// image, or a label beyond -1 to 65,535.
    pub fn of_idx(images: &Path, labels: Option<&Path>) -> Result<Pictures, DataError> {
        let (pixels, shape) = load::idx_images(images)?;
        let n = pixels.nrows();
        if pixels.is_empty() {
            return Err(DataError::format(images)("holds no image, or images without pixels".into()));
        }
        let numbers = labels.map_or_else(|| Ok(vec![-1; n]), |labels| load::idx_labels(labels, n))?;
        let known: BTreeSet<i32> = numbers.iter().copied().filter(|&number| number >= 0).collect();
        let known: Vec<i32> = known.into_iter().collect();
        let labels =
            numbers.iter().map(|number| known.binary_search(number).map_or(-1, |place| place as i32));
        Ok(Pictures {
            images: pixels,
            shape,
            labels: labels.collect(),
            classes: known.iter().map(ToString::to_string).collect(),
            files: (0..n).map(|row| row.to_string().into()).collect(),
            left_out: Vec::new(),
        })
    }
}

/// What a folder holds.
#[derive(Default)]
struct Listing {
    found: Found,
    /// Those of classes, and that of pictures without a label.
    folders: Vec<PathBuf>,
    left_out: Vec<(PathBuf, String)>,
}

fn of_folder(folder: &Path, options: &PictureOptions) -> Result<Listing, DataError> {
    let mut listing = Listing::default();
    listing.folders = listing.take(folder, None)?;
    for folder in listing.folders.clone() {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_class = !folder.ends_with(&options.unlabelled);
        let class = is_class.then_some(name.as_str());
        let why = || "lies in another folder, and is not looked into".to_owned();
        let inner: Vec<_> = listing.take(&folder, class)?.into_iter().map(|inner| (inner, why())).collect();
        if let (true, Some((path, reason))) = (options.strict, inner.first().cloned()) {
            return Err(DataError::Format { path, reason });
        }
        listing.left_out.extend(inner);
    }
    let is_nameless = |(_, why): &&(PathBuf, String)| why == NOT_UTF_8;
    if let (true, Some((path, reason))) = (options.strict, listing.left_out.iter().find(is_nameless)) {
        return Err(DataError::format(path)(reason.clone()));
    }
    // What lies in no class comes last, as it is most.
    listing.found.sort_by_key(|(_, class)| class.is_none());
    Ok(listing)
}

impl Listing {
    /// Takes the pictures of a folder, which are of one class; gives the folders in it, without
    /// models.
    fn take(&mut self, folder: &Path, class: Option<&str>) -> Result<Vec<PathBuf>, DataError> {
        let (entries, others): (Vec<_>, Vec<_>) =
            entries(folder)?.into_iter().partition(|entry| entry.file_name().is_some_and(is_text));
        self.left_out.extend(others.into_iter().map(|other| (other, NOT_UTF_8.to_owned())));
        let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.is_dir());
        let (models, folders): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|folder| folder.join(OF_MODEL).is_file());
        let why = "holds a trial.toml, and so is a model and no folder of pictures";
        self.left_out.extend(models.into_iter().map(|model| (model, why.to_owned())));
        let (pictures, others): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| ImageFormat::from_path(file).is_ok());
        if let Some(first) = others.first() {
            let (more, name) = (others.len() - 1, first.file_name().unwrap_or_default().display());
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let why = format!("holds {name}{more}, whose name ends as no picture's");
            self.left_out.push((folder.to_owned(), why));
        }
        self.found.extend(pictures.into_iter().map(|file| (file, class.map(String::from))));
        Ok(folders)
    }
}

fn is_text(name: &OsStr) -> bool {
    name.to_str().is_some()
}

/// What a folder holds, sorted, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut entries = read().map_err(DataError::io(folder))?;
    entries.retain(|entry| !entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    entries.sort();
    Ok(entries)
}

/// What a list names: a file is sought from the list's folder on, and then from the current one.
fn of_list(path: &Path) -> Result<Found, DataError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let find = |name: &str| {
        let (beside, here) = (folder.join(name), Path::new(name));
        Some(if !beside.exists() && here.exists() { here.to_owned() } else { beside })
    };
    Ok(list::read(path, &[], find)?.0)
}
