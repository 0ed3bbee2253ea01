//! From a data set's name, or an npz file's path, to arrays.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::{
    DataError, Dataset, Files, ImageShape, Manifest, Source, Split, files, idx, manifest::Format, medmnist,
};

/// Fetches the files of a data set of the built-in manifest, where they are not there yet: see
/// [`Manifest::fetch`].
///
/// # Errors
/// See [`Manifest::fetch`].
pub fn fetch(name: &str, source: &Source, progress: bool) -> Result<Vec<PathBuf>, DataError> {
    Ok(Manifest::builtin().fetch(name, source, progress)?.paths)
}

/// The SHA-256 of the file of a data set that is given by path, which is known by its content: a
/// file of that name may be another one tomorrow. `None` of a name, which its manifest's checksums
/// tell.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of(name_or_path: &str) -> Result<Option<String>, DataError> {
    let path = Path::new(name_or_path);
    let sha256 = files::is_path(name_or_path, "npz").then(|| files::sha256_of_file(path));
    sha256.transpose().map_err(DataError::io(path))
}

/// Loads a data set of the built-in manifest by name, or an npz file in `MedMNIST`'s layout by
/// path: see [`Manifest::load`].
///
/// # Errors
/// See [`Manifest::load`].
pub fn load(name_or_path: &str, source: &Source, progress: bool) -> Result<Dataset, DataError> {
    Manifest::builtin().load(name_or_path, source, progress)
}

impl Manifest {
    /// Loads a data set of this manifest by name, or an npz file in `MedMNIST`'s layout by path.
    ///
    /// What ends in `.npz` or is more than one name long is a path.
    ///
    /// # Errors
    /// When the set cannot be had (see [`Manifest::fetch`]) or a file is not what it should be.
    pub fn load(&self, name_or_path: &str, source: &Source, progress: bool) -> Result<Dataset, DataError> {
        let (path, is_path) = (Path::new(name_or_path), files::is_path(name_or_path, "npz"));
        let is_known = !is_path && self.entry(name_or_path).is_ok();
        if !is_known && path.is_dir() {
            return Err(DataError::Value(format!(
                "{name_or_path} is a folder, and a data set is a name or an npz file: `dml data import` makes one of pictures, or of idx files"
            )));
        }
        if is_path {
            let dataset = medmnist::read(path)?;
            return Ok(Dataset { sha256: sha256_of(name_or_path)?, ..dataset });
        }
        if !is_known && path.exists() {
            return Err(DataError::Value(format!(
                "{name_or_path} is no name of a data set but a file: to read it as an npz, write ./{name_or_path}"
            )));
        }
        let Files { paths, release } = self.fetch(name_or_path, source, progress)?;
        let dataset = match self.entry(name_or_path)?.format {
            Format::Idx => read_idx(&paths)?,
            Format::Medmnist => {
                let why = || DataError::Value(format!("the manifest names no file of {name_or_path}"));
                medmnist::read(paths.first().ok_or_else(why)?)?
            }
        };
        Ok(Dataset { name: name_or_path.to_owned(), release, ..dataset })
    }
}

fn read_idx(files: &[PathBuf]) -> Result<Dataset, DataError> {
    let [train_images, train_labels, test_images, test_labels] = files else {
        return Err(DataError::Value(format!(
            "an idx data set has 4 files in the manifest, not {}",
            files.len()
        )));
    };
    let (train, shape) = read_idx_split(train_images, train_labels)?;
    let (test, test_shape) = read_idx_split(test_images, test_labels)?;
    if shape != test_shape {
        return Err(DataError::Format {
            path: test_images.clone(),
            reason: format!(
                "has images of {test_shape} values, where those for training have {shape}; they should be alike"
            ),
        });
    }
    Ok(Dataset::numbered(shape, train, None, Some(test)))
}

fn read_idx_split(images: &Path, labels: &Path) -> Result<(Split, ImageShape), DataError> {
    let (images, shape) = idx_images(images)?;
    let labels = idx_labels(labels, images.nrows())?;
    Ok((Split { images, labels }, shape))
}

/// Images of an idx file of the dimensions images, height, width: `[n, pixels]`, and their shape.
pub(crate) fn idx_images(path: &Path) -> Result<(Array2<u8>, ImageShape), DataError> {
    let array = idx::read(path)?;
    let &[n, height, width] = array.shape() else {
        return Err(idx_shape(path, array.shape(), "images, height, width"));
    };
    let shape = ImageShape { channels: 1, height, width };
    let images = Array2::from_shape_vec((n, shape.pixels()), array.into_raw_vec_and_offset().0);
    Ok((images.expect("an idx array is contiguous"), shape))
}

/// Labels of `n` images, -1 for none.
pub(crate) fn idx_labels(path: &Path, n: usize) -> Result<Vec<i32>, DataError> {
    let labels = idx::read_labels(path)?;
    if labels.shape() != [n] {
        return Err(idx_shape(path, labels.shape(), &format!("[{n}], as there are {n} images")));
    }
    if let Some(wrong) = labels.iter().find(|&&number| !(-1..=65_535).contains(&number)) {
        let why = format!("holds the label {wrong}: labels are 0 to 65535, or -1 for none");
        return Err(DataError::format(path)(why));
    }
    Ok(labels.into_raw_vec_and_offset().0)
}

fn idx_shape(path: &Path, shape: &[usize], right: &str) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        reason: format!("has the shape {shape:?}: it should be {right}"),
    }
}
