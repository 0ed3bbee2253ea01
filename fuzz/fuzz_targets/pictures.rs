//! A picture of a folder of pictures, of whatever format its bytes say.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_data::{PictureOptions, Pictures};
use dml_fuzz::{allow, folder, put};
use libfuzzer_sys::fuzz_target;

/// A picture may take half of it.
const MOST_BYTES: usize = 1 << 30;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    allow(MOST_BYTES);
    let folder = folder("pictures");
    std::fs::create_dir(folder.join("class")).expect("TMPDIR can be written");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    put(&FOLDER.join("class/picture.png"), bytes);
    let options = PictureOptions { size: 4, strict: true, ..PictureOptions::default() };
    match Pictures::read(&FOLDER, &options) {
        Ok(pictures) => assert_eq!(pictures.images.dim(), (1, pictures.shape.pixels())),
        Err(error) => assert!(error.to_string().contains("picture.png")),
    }
});
