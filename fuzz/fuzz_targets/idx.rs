//! An idx file, plain or gzipped as its bytes say: as images, as labels, and as both at once.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_data::{Pictures, idx};
use dml_fuzz::{folder, names, put};
use libfuzzer_sys::fuzz_target;

static PATH: LazyLock<PathBuf> = LazyLock::new(|| folder("idx").join("images.idx"));

fuzz_target!(|bytes: &[u8]| {
    put(&PATH, bytes);
    let is_gzip = bytes.starts_with(&[0x1f, 0x8b]);
    let lengths = [idx::read(&PATH).map(|array| array.len()), idx::read_labels(&PATH).map(|array| array.len())];
    for length in lengths {
        match length {
            Ok(length) => assert!(length <= bytes.len() || is_gzip),
            Err(error) => names(&PATH, &error.to_string()),
        }
    }
    for labels in [None, Some(PATH.as_path())] {
        match Pictures::of_idx(&PATH, labels) {
            Ok(pictures) => assert_eq!(pictures.images.dim(), (pictures.files.len(), pictures.shape.pixels())),
            Err(error) => names(&PATH, &error.to_string()),
        }
    }
});
