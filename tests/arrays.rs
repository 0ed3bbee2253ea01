//! npy and npz files of any number type, and the data set that all trials here are run on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use npyz::{AutoSerialize, WriterBuilder};
use rand::Rng;
use zip::ZipWriter;
use zip::write::FileOptions;

/// Pixels a side.
const SIDE: usize = 8;
/// Classes of the images.
pub(crate) const CLASSES: usize = 3;

/// An npy file's bytes. `values` are in row-major order.
pub(crate) fn npy<T: AutoSerialize + Copy>(shape: &[usize], values: &[T]) -> Vec<u8> {
    let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
    let mut array = options.writer(&mut bytes).begin_nd().unwrap();
    array.extend(values.iter().copied()).unwrap();
    array.finish().unwrap();
    bytes
}

/// Writes an npz of npy files.
pub(crate) fn write_npz(path: &Path, arrays: &[(&str, Vec<u8>)]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), FileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// Images `[n, 8, 8]` and their classes: a bright square in one of three corners tells the class;
/// all else is noise.
pub(crate) fn images(split: &str, n: usize) -> (Vec<u8>, Vec<u8>) {
    let mut random = dml_data::random::keyed(0, split, 0);
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let class = random.gen_range(0..CLASSES);
        let corner = (class / 2 * 4, class % 2 * 4);
        for pixel in 0..SIDE * SIDE {
            let (y, x) = (pixel / SIDE, pixel % SIDE);
            let bright = (y / 4 * 4, x / 4 * 4) == corner;
            images.push(if bright { random.gen_range(150..=255) } else { random.gen_range(0..60) });
        }
        labels.push(class as u8);
    }
    (images, labels)
}

/// 300 images for training, 90 for validation, 90 for the test.
pub(crate) static TINY: LazyLock<PathBuf> =
    LazyLock::new(|| data_set("tiny.npz", &[("train", 300), ("val", 90), ("test", 90)]));

/// [`TINY`] without its validation split.
pub(crate) static TINY_WITHOUT_VALIDATION: LazyLock<PathBuf> =
    LazyLock::new(|| data_set("tiny_without_validation.npz", &[("train", 300), ("test", 90)]));

/// Writes a data set in `MedMNIST`'s layout below target/.
fn data_set(name: &str, splits: &[(&str, usize)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut arrays = Vec::new();
    let names: Vec<[String; 2]> =
        splits.iter().map(|(split, _)| ["images", "labels"].map(|kind| format!("{split}_{kind}"))).collect();
    for ((split, n), [of_images, of_labels]) in splits.iter().zip(&names) {
        let (images, labels) = images(split, *n);
        arrays.push((of_images.as_str(), npy(&[*n, SIDE, SIDE], &images)));
        arrays.push((of_labels.as_str(), npy(&[*n, 1], &labels)));
    }
    // Aside and renamed: another run of these tests may be reading it.
    let aside = tempfile::Builder::new().tempdir_in(folder).unwrap();
    write_npz(&aside.path().join(name), &arrays);
    fs::rename(aside.path().join(name), folder.join(name)).unwrap();
    folder.join(name)
}
