//! An idx file that is gzipped here, so that what is behind the checksum is reached too; the first
//! byte says how much of it is cut off.
#![no_main]

use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;

use dml_data::idx;
use dml_fuzz::{folder, names, put};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

static PATH: LazyLock<PathBuf> = LazyLock::new(|| folder("idx_gz").join("images.gz"));

fuzz_target!(|bytes: &[u8]| {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("into memory");
    let whole = encoder.finish().expect("into memory");
    put(&PATH, &whole[..whole.len().saturating_sub(cut.into())]);
    let lengths = [idx::read(&PATH).map(|array| array.len()), idx::read_labels(&PATH).map(|array| array.len())];
    for length in lengths {
        match length {
            Ok(length) => assert!(cut == 0 && length < bytes.len()),
            Err(error) => names(&PATH, &error.to_string()),
        }
    }
});
