//! npz files: what NumPy writes, what it should read, and what no program should have written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use dml_data::{
    DataError, Dataset, ImageShape, Source, load,
    npy::{self, compact},
    npz::{Npz, NpzWriter},
};
use ndarray::{Array2, array};
use proptest::prelude::*;
use tempfile::TempDir;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub(crate) fn load_path(path: &Path) -> Result<Dataset, DataError> {
    let source = Source { folders: Vec::new(), cache: PathBuf::new(), offline: true };
    load(path.to_str().unwrap(), &source, false)
}

#[test]
fn a_deflated_grey_set_with_validation_loads() {
    let set = load_path(&fixture("grey.npz")).unwrap();
    assert_eq!((set.name.as_str(), set.release, set.classes), ("grey", None, vec![0, 1, 2, 3]));
    assert_eq!(set.shape, ImageShape { channels: 1, height: 2, width: 3 });
    assert_eq!(set.train.labels, [0, 2, 1, 0, 2]);
    assert_eq!(set.train.images, Array2::from_shape_fn((5, 6), |(n, pixel)| (n * 6 + pixel) as u8));
    let validation = set.validation.unwrap();
    assert_eq!((validation.labels, validation.images[[1, 0]]), (vec![3, 0], 106));
    let test = set.test.unwrap();
    assert_eq!((test.labels, test.images[[2, 5]]), (vec![1, 1, 0], 217));
}

#[test]
fn a_stored_colour_set_becomes_channel_first() {
    let set = load_path(&fixture("colour.npz")).unwrap();
    assert_eq!(set.shape, ImageShape { channels: 3, height: 2, width: 2 });
    assert!(set.validation.is_none());
    let test = set.test.unwrap();
    assert_eq!((&set.train.labels, &test.labels), (&vec![1, 0], &vec![1]));
    assert_eq!(set.train.images.row(0).to_vec(), [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    assert_eq!(set.train.images.row(1)[0], 12);
    assert_eq!(test.images.row(0).to_vec(), [50, 53, 56, 59, 51, 54, 57, 60, 52, 55, 58, 61]);
}

#[test]
fn every_number_type_of_numpy_reads() {
    let mut npz = Npz::open(&fixture("types.npz")).unwrap();
    let (mut n_floats, mut n_integers) = (0, 0);
    for name in npz.names() {
        if name.starts_with("float_") {
            assert_eq!(
                npz.read_f32(&name).unwrap(),
                array![[0.5, -1.25, 3.0], [4.0, -5.0, 65504.0]],
                "{name}"
            );
            n_floats += 1;
        } else if name.starts_with("int_") && !["int_wide", "int_huge"].contains(&name.as_str()) {
            assert_eq!(npz.read_labels(&name).unwrap(), [3, 0, 7, 7], "{name}");
            n_integers += 1;
        }
    }
    assert_eq!((n_floats, n_integers), (7, 13));
    assert_eq!(npz.read_labels("bool").unwrap(), [1, 0, 1, 1]);
    assert_eq!(npz.read_f32("int_wide").unwrap().row(1).to_vec(), [3.0, 0.0, 7.0, 7.0]);
}

#[test]
fn what_is_no_embedding_or_label_is_named() {
    let mut npz = Npz::open(&fixture("types.npz")).unwrap();
    let mut reason = |name: &str, labels: bool| {
        let error = if labels { npz.read_labels(name).err() } else { npz.read_f32(name).err() };
        error.unwrap().to_string()
    };
    for (name, labels, expected) in [
        ("int_wide", true, "int_wide has the shape [2, 4]: one label a row is expected"),
        ("int_huge", true, "int_huge holds 9223372036854775808"),
        ("float_f4", true, "float_f4 has the type '<f4': integers, as labels.astype(int) makes of whole"),
        ("complex", false, "complex has the type '<c16': numbers of at most 64 bits are expected"),
        (
            "text",
            true,
            "text has the type '<U1': integers, as labels.astype(int) makes of whole numbers and np.unique(",
        ),
        ("record", false, "record has the type [('a', '<i4'), ('b', '<f4'), ]"),
        ("int_i4", false, "int_i4 has the shape [4]: two dimensions are expected"),
        ("nothing", false, "has no array nothing: it has bool, complex, float_big_f2"),
    ] {
        let sentence = reason(name, labels);
        assert!(sentence.contains("types.npz: ") && sentence.contains(expected), "{sentence}");
    }
    let sentence = load_path(&fixture("types.npz")).unwrap_err().to_string();
    assert!(sentence.contains("has no array train_images"), "{sentence}");
    let sentence = load_path(&fixture("make.npz")).unwrap_err().to_string();
    assert!(sentence.contains("make.npz: No such file"), "{sentence}");
}

#[test]
fn what_is_written_reads_back() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("embeddings.npz");
    let embeddings = array![[1.5_f32, f32::MIN_POSITIVE], [-0.0, f32::MAX], [3.25, 1e-3]];
    let mut writer = NpzWriter::create(&path).unwrap();
    writer.add_f32("test_embeddings", embeddings.view()).unwrap();
    writer.add_i64("test_labels", &[7, -1, i64::MAX]).unwrap();
    writer.add_bool("labelled", &[true, false, true]).unwrap();
    assert!(!path.exists(), "the name comes last");
    writer.finish().unwrap();
    let mut npz = Npz::open(&path).unwrap();
    assert_eq!(npz.names(), ["labelled", "test_embeddings", "test_labels"]);
    assert_eq!(npz.read_f32("test_embeddings").unwrap(), embeddings);
    assert_eq!(npz.read_labels("test_labels").unwrap(), [7, -1, i64::MAX]);
    assert_eq!(npz.read_labels("labelled").unwrap(), [1, 0, 1]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_f32_cannot_hold_is_named_and_infinity_stays_what_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("wide.npy");
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }\n";
    let read = |values: [f64; 2]| {
        fs::write(&path, npy_file(header, &values.map(f64::to_le_bytes).concat())).unwrap();
        npy::read_f32(&path)
    };
    let sentence = read([1.0, -1e300]).unwrap_err().to_string();
    assert!(
        sentence.ends_with("wide.npy: holds -1e300: numbers up to 3.4028235e38 are expected"),
        "{sentence}"
    );
    assert_eq!(read([1e-300, f64::INFINITY]).unwrap(), array![[0.0, f32::INFINITY]]);
    let sentence = Npz::open(folder.path()).unwrap_err().to_string();
    assert!(sentence.ends_with(": is a folder: an npz file is expected"), "{sentence}");
}

#[test]
fn a_flipped_byte_is_refused_whatever_the_member_is_read_as() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("flipped.npz");
    let mut writer = NpzWriter::create(&path).unwrap();
    writer.add_f32("embeddings", array![[1.0_f32, 2.0], [3.0, 0.1]].view()).unwrap();
    writer.add_i64("labels", &[5, 77]).unwrap();
    writer.finish().unwrap();
    let whole = fs::read(&path).unwrap();
    let flip = |bytes: &[u8]| {
        let mut file = whole.clone();
        let at = file.windows(bytes.len()).position(|window| window == bytes).unwrap();
        file[at] ^= 1;
        fs::write(&path, file).unwrap();
        Npz::open(&path).unwrap()
    };
    let sentence = |name: &str| {
        format!(
            "{}: {name} is damaged (its bytes do not have the CRC-32 that the file states): copy or download the file again",
            path.display()
        )
    };
    // A value that is still a number, and a header that no longer is one.
    for bytes in [&0.1_f32.to_le_bytes()[..], b"NUMPY"] {
        let mut npz = flip(bytes);
        assert_eq!(npz.read_f32("embeddings").unwrap_err().to_string(), sentence("embeddings"));
        assert_eq!(npz.read_labels("labels").unwrap(), [5, 77], "the others are whole");
    }
    let mut npz = flip(&77_i64.to_le_bytes());
    assert_eq!(npz.read_labels("labels").unwrap_err().to_string(), sentence("labels"));
    let deflated = fs::read(fixture("grey.npz")).unwrap();
    // What the central directory says of the first member's CRC-32, 16 bytes into its entry.
    let directory = deflated.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mut file = deflated.clone();
    file[directory + 16] ^= 1;
    fs::write(&path, file).unwrap();
    assert_eq!(load_path(&path).unwrap_err().to_string(), sentence("train_images"));
}

#[test]
fn one_name_twice_is_an_error_and_leaves_the_first() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("twice.npz");
    let mut writer = NpzWriter::create(&path).unwrap();
    writer.add_i64("a", &[1]).unwrap();
    let sentence = writer.add_bool("a", &[true]).unwrap_err().to_string();
    assert!(
        sentence.ends_with("twice.npz: has an array a already: each array needs a name of its own"),
        "{sentence}"
    );
    writer.finish().unwrap();
    assert_eq!(Npz::open(&path).unwrap().read_labels("a").unwrap(), [1]);
}

#[test]
fn labels_are_numbered_in_ascending_order() {
    assert_eq!(compact(&[7, -1, 7, 100]), (vec![1, 0, 1, 2], vec![-1, 7, 100]));
    assert_eq!(compact(&[]), (vec![], vec![]));
}

/// An npy file with this header and these bytes behind it.
fn npy_file(header: &str, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap();
    [b"\x93NUMPY\x02\x00", &length.to_le_bytes()[..], header.as_bytes(), bytes].concat()
}

#[test]
fn headers_that_lie_are_errors_and_cost_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lie.npy");
    let shape = |shape: &str| format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let twice =
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'shape': (4294967296, 4294967296), }";
    for (file, expected) in [
        (npy_file(&shape("(4294967296, 4294967296)"), &[1]), "shape that memory cannot hold"),
        (npy_file(&shape("(4294967296, 4294967296, 4294967296, 0)"), &[1]), "shape that memory cannot hold"),
        (npy_file(&shape("(99999999999999999999999,)"), &[1]), "shape that memory cannot hold"),
        (npy_file(&shape("(-1,)"), &[1]), "shape that memory cannot hold"),
        (npy_file(twice, &[1]), "shape that memory cannot hold"),
        (npy_file(&shape("(1099511627776,)"), &[1; 9]), "ends early"),
        (npy_file(&"(".repeat(9_000), &[]), "nests too deeply"),
        (npy_file("{'descr': '<f4'}", &[]), "has an npy header that cannot be read"),
        (npy_file("7", &[]), "no Python dict"),
        ([b"\x93NUMPY\x02\x00", &u32::MAX.to_le_bytes()[..]].concat(), "header of 4294967295 bytes"),
        (b"PK\x03\x04....".to_vec(), "does not start with \\x93NUMPY"),
    ] {
        fs::write(&path, file).unwrap();
        let sentence = npy::read_labels(&path).unwrap_err().to_string();
        assert!(sentence.contains(expected), "{sentence} is not about: {expected}");
    }
    fs::write(&path, npy_file(&shape("(3,)"), &[5, 6, 7])).unwrap();
    assert_eq!(npy::read_labels(&path).unwrap(), [5, 6, 7]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_truncated_npz_is_an_error(keep in 0.0..1.0_f64, colour: bool) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("cut.npz");
        let whole = fs::read(fixture(if colour { "colour.npz" } else { "grey.npz" })).unwrap();
        fs::write(&path, &whole[..(keep * whole.len() as f64) as usize]).unwrap();
        prop_assert!(load_path(&path).is_err());
    }

    #[test]
    fn a_corrupted_npz_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), colour: bool,
    ) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("bad.npz");
        let mut bytes = fs::read(fixture(if colour { "colour.npz" } else { "grey.npz" })).unwrap();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        fs::write(&path, bytes).unwrap();
        let _ = load_path(&path);
    }

    #[test]
    fn a_corrupted_npy_header_never_panics(
        changes in prop::collection::vec((0..90_usize, prop::sample::select(b"(){}[],:'\\x0179-<>fiuOcS ".to_vec())), 1..5),
    ) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("bad.npy");
        let mut bytes = npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      \n", &[1; 24]);
        let n = bytes.len();
        for (position, byte) in changes {
            bytes[position % n] = byte;
        }
        fs::write(&path, bytes).unwrap();
        let _ = npy::read_f32(&path);
        let _ = npy::read_labels(&path);
    }
}
