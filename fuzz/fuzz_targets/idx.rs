//! An idx file, plain or gzipped as its bytes say.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_data::idx;
use dml_fuzz::{folder, names, put};
use libfuzzer_sys::fuzz_target;

static PATH: LazyLock<PathBuf> = LazyLock::new(|| folder("idx").join("images.idx"));

fuzz_target!(|bytes: &[u8]| {
    put(&PATH, bytes);
    match idx::read(&PATH) {
        Ok(array) => assert!(array.len() <= bytes.len() || bytes.starts_with(&[0x1f, 0x8b])),
        Err(error) => names(&PATH, &error.to_string()),
    }
});
