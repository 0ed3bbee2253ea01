//! Folders and lists of pictures, as arrays.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, ImageResult};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rayon::prelude::*;

use crate::{DataError, ImageShape, load};

/// The memory that one picture may take before it is resized: 512 MiB are 178 million pixels in
/// colour.
const MOST_BYTES: u64 = 512 << 20;

/// How pictures are read.
#[derive(Debug, Clone)]
pub struct PictureOptions {
    /// Width and height that each picture is resized to, 1 to 128. Other proportions are lost.
    pub size: u32,
    /// 1 to make all pictures grey, 3 to make all red, green and blue; `None` for grey where all
    /// of them are.
    pub channels: Option<usize>,
    /// The folder of pictures without a label.
    pub unlabelled: String,
    /// Whether a file that cannot be read is an error; it is left out otherwise.
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
    /// What was left out, each file with the reason; and folders of classes that hold no picture.
    pub left_out: Vec<(PathBuf, String)>,
}

impl Pictures {
    /// Reads `FOLDER/CLASS/*` and, as pictures without a label, those of the folder
    /// [`PictureOptions::unlabelled`] and those that lie in `FOLDER` itself; files whose names end
    /// as no picture's are not looked at. Or, where `path` ends in `.csv`, reads a list with the
    /// columns `file` and `label`: files are sought from the list's folder on, an empty label is
    /// none. A `path` that is one picture is read as one without a label.
    ///
    /// PNG, JPEG, GIF, BMP, TIFF, WebP and PNM are read; a camera's orientation is heeded,
    /// transparency is not. Rows are in the order of the classes' names and within these of the
    /// files', or in that of the list.
    ///
    /// # Errors
    /// When a folder or the list cannot be read, when there is no picture, when there are more than
    /// 65,536 classes, when the size is out of range; and, where that is asked for, at the first
    /// file that cannot be read.
    pub fn read(path: &Path, options: &PictureOptions) -> Result<Pictures, DataError> {
        if !(1..=128).contains(&options.size) {
            let size = options.size;
            return Err(DataError::Value(format!(
                "a size of {size} pixels is out of range; it must be 1 to 128"
            )));
        }
        let is_list = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let (found, of_classes) = match path {
            _ if is_list => (of_list(path)?, Vec::new()),
            _ if path.is_file() => (vec![(path.to_owned(), None)], Vec::new()),
            _ => of_folder(path, &options.unlabelled)?,
        };
        let to_grey = options.channels == Some(1);
        let read: Vec<_> = found.par_iter().map(|(file, _)| pixels(file, options.size, to_grey)).collect();
        let (mut rows, mut kept, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
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
            let reason = match left_out.first() {
                Some((file, why)) => format!("has no picture that can be read; {}: {why}", file.display()),
                None => "has no picture: it should hold a folder of pictures for each class".into(),
            };
            return Err(DataError::format(path)(reason));
        }
        let full: BTreeSet<&Path> = kept.iter().filter_map(|(file, _)| file.parent()).collect();
        let empty = of_classes.into_iter().filter(|folder| !full.contains(folder.as_path()));
        left_out.extend(empty.map(|folder| (folder, "holds no picture, and so is no class".to_owned())));
        let names: BTreeSet<&String> = kept.iter().filter_map(|(_, class)| class.as_ref()).collect();
        let classes: Vec<String> = names.into_iter().cloned().collect();
        if classes.len() > 1 << 16 {
            let n = classes.len();
            return Err(DataError::format(path)(format!("has {n} classes: at most 65536 are possible")));
        }
        let place = |class: &String| classes.binary_search(class).expect("it is one of them") as i32;
        let labels = kept.iter().map(|(_, class)| class.as_ref().map_or(-1, place)).collect();
        let (images, shape) = stacked(rows, options.size as usize, options.channels);
        let files = kept.into_iter().map(|(file, _)| file).collect();
        Ok(Pictures { images, shape, labels, classes, files, left_out })
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
        if let Some(wrong) = numbers.iter().find(|&&number| !(-1..=65_535).contains(&number)) {
            return Err(DataError::format(labels.unwrap_or(images))(format!(
                "holds the label {wrong}: labels are 0 to 65535, or -1 for none"
            )));
        }
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

/// A file, and the name of its class.
type Found = Vec<(PathBuf, Option<String>)>;

/// The pictures of a folder, and its folders of classes.
fn of_folder(folder: &Path, unlabelled: &str) -> Result<(Found, Vec<PathBuf>), DataError> {
    let (mut found, folders): (Found, Vec<PathBuf>) = {
        let (folders, files): (Vec<_>, Vec<_>) =
            entries(folder)?.into_iter().partition(|entry| entry.is_dir());
        (files.into_iter().map(|file| (file, None)).collect(), folders)
    };
    let mut of_classes = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let class = (name != unlabelled).then_some(name);
        found.extend(entries(&folder)?.into_iter().map(|file| (file, class.clone())));
        of_classes.extend(class.map(|_| folder));
    }
    // What lies in no class comes last, as it is most.
    found.retain(|(file, _)| ImageFormat::from_path(file).is_ok() && !file.is_dir());
    found.sort_by_key(|(_, class)| class.is_none());
    Ok((found, of_classes))
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

fn of_list(path: &Path) -> Result<Found, DataError> {
    let wrong = |why: String| DataError::format(path)(why);
    let mut list = csv::Reader::from_path(path).map_err(|error| wrong(error.to_string()))?;
    let header = list.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let column = |name: &str| {
        let there: Vec<&str> = header.iter().collect();
        let why = || wrong(format!("has the columns {there:?}: it should have file and label"));
        header.iter().position(|column| column.trim() == name).ok_or_else(why)
    };
    let (file, label) = (column("file")?, column("label")?);
    let folder = path.parent().unwrap_or(Path::new("."));
    let of_record = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        let class = record[label].trim();
        Ok((folder.join(&record[file]), (!class.is_empty()).then(|| class.to_owned())))
    };
    list.records().map(of_record).collect()
}

/// A picture at `size`, three channels a pixel: `[height, width, 3]`; or why not.
fn pixels(file: &Path, size: u32, to_grey: bool) -> Result<Vec<u8>, String> {
    let told = |error: ImageError| format!("cannot be read as a picture: {error}");
    let open = || ImageReader::open(file)?.with_guessed_format()?.into_decoder();
    let mut decoder = open().map_err(told)?;
    // What a header asks for is looked at before it is given.
    if decoder.total_bytes() > MOST_BYTES {
        let ((width, height), most) = (decoder.dimensions(), MOST_BYTES >> 20);
        return Err(format!(
            "has {width} x {height} pixels, which take more than {most} MiB: shrink it first"
        ));
    }
    let read = || -> ImageResult<DynamicImage> {
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(picture)
    };
    // Averages where it shrinks, as thumbnails do.
    let small = read().map_err(told)?.resize_exact(size, size, FilterType::Triangle);
    let small = if to_grey { small.grayscale() } else { small };
    Ok(small.into_rgb8().into_raw())
}

/// Pictures of `[height, width, 3]` as rows, channel first; of one channel where all are grey,
/// unless the channels are given.
fn stacked(pictures: Vec<Vec<u8>>, size: usize, channels: Option<usize>) -> (Array2<u8>, ImageShape) {
    let is_grey = |picture: &Vec<u8>| picture.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b);
    let channels = channels.unwrap_or_else(|| if pictures.par_iter().all(is_grey) { 1 } else { 3 });
    let shape = ImageShape { channels, height: size, width: size };
    let mut images = Array2::zeros((pictures.len(), shape.pixels()));
    for (mut row, picture) in images.axis_iter_mut(Axis(0)).zip(pictures) {
        let picture = ArrayView1::from(&picture);
        let of_channel = |channel: usize| picture.slice(ndarray::s![channel..;3]).to_owned();
        let planes: Vec<Array1<u8>> = (0..channels).map(of_channel).collect();
        for (plane, mut place) in planes.iter().zip(row.axis_chunks_iter_mut(Axis(0), size * size)) {
            place.assign(plane);
        }
    }
    (images, shape)
}
