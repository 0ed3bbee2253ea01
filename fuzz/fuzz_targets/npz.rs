//! An npz: its arrays as everything that an array may be, and all of it as a data set.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_data::npz::Npz;
use dml_data::{DataError, Source, load};
use dml_fuzz::{folder, names, put};
use libfuzzer_sys::fuzz_target;

/// Arrays of a file that are looked at.
const MOST: usize = 8;

static PATH: LazyLock<PathBuf> = LazyLock::new(|| folder("npz").join("data.npz"));
static SOURCE: LazyLock<Source> = LazyLock::new(|| Source::from_env(true).expect("this machine"));

fn check<T>(read: Result<T, DataError>) {
    if let Err(error) = read {
        names(&PATH, &error.to_string());
    }
}

fuzz_target!(|bytes: &[u8]| {
    put(&PATH, bytes);
    match Npz::open(&PATH) {
        Ok(mut npz) => {
            for (i, name) in npz.names().into_iter().take(MOST).enumerate() {
                // Each in its turn, which is faster than all.
                match (bytes.len() + i) % 4 {
                    0 => check(npz.read_f32(&name)),
                    1 => check(npz.read_numbers(&name)),
                    2 => check(npz.read_mask(&name)),
                    _ => check(npz.read_labels(&name)),
                }
            }
        }
        Err(error) => names(&PATH, &error.to_string()),
    }
    if let Ok(data) = load(PATH.to_str().expect("ASCII"), &SOURCE, false) {
        assert_eq!(data.train.images.dim(), (data.train.labels.len(), data.shape.pixels()));
        assert!(data.train.labels.iter().all(|&label| label < data.n_classes() as i32));
    }
});
