//! `MedMNIST`'s layout of an npz file: `train_`, `val_` and `test_`, each `images` and `labels`.

use std::path::Path;

use ndarray::{Array2, ArrayD};

use crate::{DataError, Dataset, ImageShape, Split, npy, npz::Npz};

/// Reads a data set from an npz file in `MedMNIST`'s layout; its name is the file's.
///
/// Images are unsigned bytes of shape `[n, height, width]`, `[n, height, width, 1]` or `[n, height,
/// width, 3]`, labels integers 0 to 65535, or -1 for none, of shape `[n]` or `[n, 1]`; `val_` and
/// `test_` may be missing.
pub(crate) fn read(path: &Path) -> Result<Dataset, DataError> {
    let mut npz = Npz::open(path)?;
    let (train, shape) = read_split(&mut npz, path, "train")?;
    let mut others = Vec::new();
    for name in ["val", "test"] {
        let has = npz.has(&format!("{name}_images")) || npz.has(&format!("{name}_labels"));
        let split = has.then(|| read_split(&mut npz, path, name)).transpose()?;
        if let Some((_, other)) = split.as_ref().filter(|(_, other)| *other != shape) {
            return Err(DataError::format(path)(format!(
                "{name}_images are of {other} values but train_images of {shape}: they should be alike"
            )));
        }
        others.push(split.map(|(split, _)| split));
    }
    let (test, validation) = (others.pop().flatten(), others.pop().flatten());
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Dataset { name, ..Dataset::numbered(shape, train, validation, test) })
}

fn read_split(npz: &mut Npz, path: &Path, name: &str) -> Result<(Split, ImageShape), DataError> {
    let member = format!("{name}_images");
    let (images, shape) = npz.member(&member, |reader| channel_first(npy::parse_bytes(reader)?))?;
    let member = format!("{name}_labels");
    let labels = npz.member(&member, |reader| {
        npy::parse_labels(reader)?.into_iter().map(class).collect::<Result<Vec<i32>, _>>()
    })?;
    let (n, n_labels) = (images.nrows(), labels.len());
    if n == 0 && name == "val" {
        return Err(DataError::format(path)(
            "has no image in val_images: leave val_images and val_labels out where there is no validation split".to_owned(),
        ));
    }
    if n_labels != n || n == 0 {
        return Err(DataError::format(path)(format!(
            "has {n_labels} labels for {n} images in {name}: there should be as many, and at least one"
        )));
    }
    Ok((Split { images, labels }, shape))
}

fn class(label: i64) -> Result<i32, String> {
    match label {
        -1..=65_535 => Ok(label as i32),
        other => Err(format!("holds the label {other}: labels are 0 to 65535, or -1 for none")),
    }
}

/// One image a row, channel first. `[n, height, width]` or `[n, height, width, 1 or 3]` to `[n,
/// pixels]`
fn channel_first(array: ArrayD<u8>) -> Result<(Array2<u8>, ImageShape), String> {
    let (n, shape, array) = match *array.shape() {
        [n, height, width] | [n, height, width, 1] => (n, ImageShape { channels: 1, height, width }, array),
        [n, height, width, 3] => {
            let array = array.permuted_axes(&[0, 3, 1, 2][..]).as_standard_layout().into_owned();
            (n, ImageShape { channels: 3, height, width }, array)
        }
        ref other => {
            return Err(format!(
                "has the shape {other:?}: [n, height, width] is expected, or [n, height, width, 1 or 3]"
            ));
        }
    };
    if shape.pixels() == 0 {
        return Err(format!("has the shape {:?}: images without pixels", array.shape()));
    }
    let images = array.into_raw_vec_and_offset().0;
    Ok((Array2::from_shape_vec((n, shape.pixels()), images).expect("the elements are the same"), shape))
}
