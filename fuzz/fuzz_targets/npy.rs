//! An npy file, read as embeddings and as labels.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_data::npy;
use dml_fuzz::{folder, names, put};
use libfuzzer_sys::fuzz_target;

static PATH: LazyLock<PathBuf> = LazyLock::new(|| folder("npy").join("array.npy"));

fuzz_target!(|bytes: &[u8]| {
    put(&PATH, bytes);
    match npy::read_f32(&PATH) {
        Ok(array) => assert!(array.len() <= bytes.len()),
        Err(error) => names(&PATH, &error.to_string()),
    }
    match npy::read_labels(&PATH) {
        Ok(labels) => {
            let (numbers, names) = npy::compact(&labels);
            assert!(numbers.iter().zip(&labels).all(|(&number, label)| names[number as usize] == *label));
        }
        Err(error) => names(&PATH, &error.to_string()),
    }
});
