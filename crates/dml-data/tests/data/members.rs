//! Members of an npz as other programs name, compress and type them, and what is said of those that
//! cannot be read.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use dml_data::{
    Dataset, ImageShape, Source, load,
    npy::Numbers,
    npz::{Npz, NpzWriter},
};
use ndarray::{Array2, array};
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::FileOptions};

use crate::npz::{fixture, load_path};

/// An npy array of this type, shape and content.
fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).unwrap();
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], header.as_bytes(), bytes].concat()
}

/// Writes a zip of these members.
fn zip(path: &Path, members: &[(&str, Vec<u8>)]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in members {
        let options = FileOptions::default().compression_method(CompressionMethod::Bzip2);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// Two images of 1 x 3 pixels for each split, with this shape and these names.
fn images(path: &Path, shape: &str, names: [&str; 4]) {
    let [train, train_labels, test, test_labels] = names;
    zip(
        path,
        &[
            (train, npy("|u1", shape, &[1, 2, 3, 4, 5, 6])),
            (train_labels, npy("|u1", "(2,)", &[0, 1])),
            (test, npy("|u1", shape, &[7, 8, 9, 10, 11, 12])),
            (test_labels, npy("|u1", "(2,)", &[1, 1])),
        ],
    );
}

#[test]
fn members_are_found_with_and_without_npy_and_in_folders_and_outside_first() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("names.npz");
    for names in [
        ["train_images", "train_labels", "test_images", "test_labels"],
        ["./train_images.npy", "./train_labels.npy", "./test_images.npy", "./test_labels.npy"],
        ["set/a/train_images.npy", "set/train_labels", "other/test_images.npy", "test_labels.npy"],
    ] {
        images(&path, "(2, 1, 3)", names);
        let set = load_path(&path).unwrap();
        assert_eq!(set.train.images, array![[1, 2, 3], [4, 5, 6]], "{names:?}");
        assert_eq!((set.train.labels, set.test.unwrap().labels), (vec![0, 1], vec![1, 1]), "{names:?}");
    }
    let label = |value: u8| npy("|u1", "(1,)", &[value]);
    zip(&path, &[("old/labels.npy", label(1)), ("labels.npy", label(2)), ("labels", label(3))]);
    assert_eq!(Npz::open(&path).unwrap().read_labels("labels").unwrap(), [2]);
    zip(&path, &[("old/labels.npy", label(1)), ("new/labels.npy", label(2)), ("new/", vec![])]);
    let mut npz = Npz::open(&path).unwrap();
    assert_eq!((npz.has("labels"), npz.names()), (true, vec!["new/labels".into(), "old/labels".into()]));
    assert_eq!(
        npz.read_labels("labels").unwrap_err().to_string(),
        format!("{}: has more than one array labels: new/labels.npy, old/labels.npy", path.display())
    );
}

#[test]
fn members_of_every_method_of_pythons_zipfile_read_alike_and_their_checksums_count() {
    let [methods, grey] = ["methods.npz", "grey.npz"].map(|name| load_path(&fixture(name)).unwrap());
    assert_ne!(methods.sha256, grey.sha256);
    assert_eq!(Dataset { name: grey.name.clone(), sha256: grey.sha256.clone(), ..methods }, grey);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("methods.npz");
    let whole = fs::read(fixture("methods.npz")).unwrap();
    // The first member is LZMA's: what the directory says of its CRC-32, and of its method.
    let directory = whole.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    for (at, change, expected) in [
        (
            16,
            1,
            "is damaged (its bytes do not have the CRC-32 that the file states): copy or download the file again",
        ),
        (
            10,
            0x0e ^ 0x61,
            "is compressed by method 97 of zip files: stored, deflated, bzip2 and LZMA are read, save it with np.savez_compressed",
        ),
    ] {
        let mut file = whole.clone();
        file[directory + at] ^= change;
        fs::write(&path, file).unwrap();
        let sentence = load_path(&path).unwrap_err().to_string();
        assert_eq!(sentence, format!("{}: train_images {expected}", path.display()));
    }
    for at in 40..directory {
        let mut file = whole.clone();
        file[at] ^= 1 << (at % 8);
        fs::write(&path, file).unwrap();
        // What is flipped in a header may change nothing; in an array, every bit counts.
        if let Ok(set) = load_path(&path) {
            assert_eq!(set.train, load_path(&fixture("grey.npz")).unwrap().train, "byte {at}");
        }
    }
}

#[test]
fn an_lzma_dictionary_that_only_a_lying_file_needs_is_refused_before_it_is_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lying.npz");
    let mut file = fs::read(fixture("methods.npz")).unwrap();
    let directory = file.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let length = |at: usize| usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    // The first member is LZMA's; its dictionary stands after version, length and one property.
    let dictionary = 30 + length(26) + length(28) + 5;
    file[dictionary..][..4].fill(0xff);
    // The array's size, as the directory has it.
    file[directory + 24..][..4].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff]);
    fs::write(&path, file).unwrap();
    let sentence = load_path(&path).unwrap_err().to_string();
    let expected = "is compressed by LZMA with a dictionary of 4294967294 bytes: at most 67108864 are read, save it with np.savez_compressed";
    assert_eq!(sentence, format!("{}: train_images {expected}", path.display()));
}

#[test]
fn images_with_a_last_axis_of_one_are_grey() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("last.npz");
    let names = ["train_images", "train_labels", "test_images", "test_labels"];
    images(&path, "(2, 1, 3, 1)", names);
    let set = load_path(&path).unwrap();
    assert_eq!(set.shape, ImageShape { channels: 1, height: 1, width: 3 });
    assert_eq!(set.test.unwrap().images, array![[7, 8, 9], [10, 11, 12]]);
    images(&path, "(1, 1, 3, 2)", names);
    let sentence = load_path(&path).unwrap_err().to_string();
    assert!(
        sentence.ends_with(
            "has the shape [1, 1, 3, 2]: [n, height, width] is expected, or [n, height, width, 1 or 3]"
        ),
        "{sentence}"
    );
}

#[test]
fn numbers_are_f32_where_that_is_exact_and_wide_or_refused_where_it_is_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("numbers.npz");
    let read = |descr: &str, values: [[u8; 8]; 2]| {
        zip(&path, &[("x", npy(descr, "(1, 2)", &values.concat()))]);
        Npz::open(&path).unwrap().read_numbers("x").map_err(|error| error.to_string())
    };
    let f64s = |values: [f64; 2]| values.map(f64::to_le_bytes);
    assert_eq!(read("<f8", f64s([0.5, f64::from(-1e30_f32)])), Ok(Numbers::F32(array![[0.5, -1e30]])));
    assert_eq!(read("<f8", f64s([0.1, 1e300])), Ok(Numbers::F64(array![[0.1, 1e300]])));
    let Ok(Numbers::F32(special)) = read("<f8", f64s([f64::NAN, f64::INFINITY])) else { panic!("not f32") };
    assert!(special[[0, 0]].is_nan() && special[[0, 1]].is_infinite());
    let i64s = |values: [i64; 2]| values.map(i64::to_le_bytes);
    assert_eq!(read("<i8", i64s([-3, 1 << 40])), Ok(Numbers::F32(array![[-3.0, (1_u64 << 40) as f32]])));
    let odd = (1_i64 << 40) + 1;
    assert_eq!(read("<i8", i64s([-3, odd])), Ok(Numbers::F64(array![[-3.0, odd as f64]])));
    let sentence = read("<i8", i64s([0, (1 << 53) + 1])).unwrap_err();
    assert!(
        sentence.ends_with("x holds 9007199254740993: whole numbers up to 9007199254740992 are expected, subtract what all have in common"),
        "{sentence}"
    );
    assert_eq!(Numbers::F32(array![[0.5]]).into_f64(), array![[0.5]]);
    assert_eq!(Numbers::F64(array![[0.5], [0.1]]).select(&[1]), Numbers::F64(array![[0.1]]));
    assert_eq!(Numbers::F64(Array2::zeros((3, 2))).dim(), (3, 2));
}

#[test]
fn what_cannot_be_read_says_what_it_is_and_what_to_do() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("what.npz");
    zip(&path, &[("half", npy("|V2", "(1, 1)", &[0, 0])), ("mask", npy("<f8", "(1,)", &[0; 8]))]);
    let mut npz = Npz::open(&path).unwrap();
    for (sentence, expected) in [
        (
            npz.read_numbers("half").unwrap_err(),
            "half has the type |V2, which is how NumPy writes bfloat16: save it as float32, by array.astype('float32') or tensor.float()",
        ),
        (
            npz.read_mask("mask").unwrap_err(),
            "mask has the type '<f8': booleans, or 0 and 1, as labelled.astype(bool) makes of numbers, are expected",
        ),
    ] {
        assert_eq!(sentence.to_string(), format!("{}: {expected}", path.display()));
    }
    let whole = fs::read(&path).unwrap();
    let idx = [0, 0, 8, 1, 0, 0, 0, 1, 7];
    for (file, expected) in [
        (
            &whole[..whole.len() - 9],
            "is a damaged or incomplete npz file (invalid Zip archive: Could not find central directory end): copy or download it again",
        ),
        (
            b"\x93NUMPY\x01\x00",
            "is an npy file, which holds one array: an npz is expected, as np.savez writes",
        ),
        (
            &idx,
            "is an idx file or gzipped: an npz is expected, as np.savez writes, with train_images, train_labels, test_images and test_labels for a data set; `dml data import --images` makes one of idx files",
        ),
        (b"", "is empty: an npz is expected, as np.savez writes"),
        (b"text", "is no npz file: an npz is expected, as np.savez writes"),
    ] {
        fs::write(&path, file).unwrap();
        assert_eq!(load_path(&path).unwrap_err().to_string(), format!("{}: {expected}", path.display()));
    }
}

#[test]
fn an_empty_validation_split_is_better_left_out() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("empty.npz");
    let split = |n: usize| {
        [npy("|u1", &format!("({n}, 1, 2)"), &vec![0; 2 * n]), npy("|u1", &format!("({n},)"), &vec![0; n])]
    };
    let ([some, labels], [none, no_labels]) = (split(2), split(0));
    let members = |val: &Vec<u8>, val_labels: &Vec<u8>, test: &Vec<u8>, test_labels: &Vec<u8>| {
        let train = [("train_images", some.clone()), ("train_labels", labels.clone())];
        let others = [
            ("val_images", val),
            ("val_labels", val_labels),
            ("test_images", test),
            ("test_labels", test_labels),
        ];
        let members: Vec<_> =
            train.into_iter().chain(others.map(|(name, bytes)| (name, bytes.clone()))).collect();
        zip(&path, &members);
        load_path(&path).unwrap_err().to_string()
    };
    let sentence = members(&none, &no_labels, &some, &labels);
    assert!(
        sentence.ends_with("has no image in val_images: leave val_images and val_labels out where there is no validation split"),
        "{sentence}"
    );
    let sentence = members(&some, &labels, &none, &no_labels);
    assert!(
        sentence.ends_with("has 0 labels for 0 images in test: there should be as many, and at least one"),
        "{sentence}"
    );
}

#[test]
fn a_folder_of_data_sets_that_is_not_there_is_mentioned() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("mistyped");
    let source = Source { folders: vec![missing.clone()], cache: folder.path().join("cache"), offline: true };
    let sentence = load("mnist", &source, false).unwrap_err().to_string();
    let expected =
        format!("mnist cannot be had ({} of DML_DATASETS is no folder; offline): put ", missing.display());
    assert!(sentence.starts_with(&expected), "{sentence}");
}

#[test]
fn a_file_that_is_named_as_a_data_set_is_told_from_one() {
    // Tests run in the folder of their package.
    let source = Source { folders: Vec::new(), cache: PathBuf::new(), offline: true };
    let sentence = |name: &str| load(name, &source, false).unwrap_err().to_string();
    assert_eq!(
        sentence("Cargo.toml"),
        "Cargo.toml is no name of a data set but a file: to read it as an npz, write ./Cargo.toml"
    );
    for folder in ["src", "./src"] {
        let expected = format!(
            "{folder} is a folder, and a data set is a name or an npz file: `dml data import` makes one of pictures, or of idx files"
        );
        assert_eq!(sentence(folder), expected);
    }
    let expected = "./Cargo.toml: is no npz file: an npz is expected, as np.savez writes";
    assert_eq!(sentence("./Cargo.toml"), expected);
}

#[test]
fn a_mask_is_booleans_or_zeros_and_ones() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mask.npz");
    let mut writer = NpzWriter::create(&path).unwrap();
    writer.add_bool("seen", &[true, false]).unwrap();
    writer.add_i64("whole", &[0, 1]).unwrap();
    writer.add_i64("seven", &[0, 7]).unwrap();
    writer.finish().unwrap();
    let mut npz = Npz::open(&path).unwrap();
    assert_eq!(
        (npz.read_mask("seen").unwrap(), npz.read_mask("whole").unwrap()),
        (vec![true, false], vec![false, true])
    );
    let sentence = npz.read_mask("seven").unwrap_err().to_string();
    assert!(
        sentence.ends_with(
            "seven holds 7: booleans, or 0 and 1, as labelled.astype(bool) makes of numbers, are expected"
        ),
        "{sentence}"
    );
}
