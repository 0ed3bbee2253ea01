//! What `dml score` is given.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_fuzz::{folder, put};
use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "the scorer itself is not built here")]
#[path = "../../crates/dml-cli/src/score/embeddings.rs"]
mod embeddings;

use embeddings::Embeddings;

static PATH: LazyLock<PathBuf> = LazyLock::new(|| folder("score").join("embeddings.npz"));

fuzz_target!(|bytes: &[u8]| {
    put(&PATH, bytes);
    for for_readouts in [true, false] {
        match Embeddings::read(&PATH, None, for_readouts) {
            Ok(read) => {
                assert_eq!(read.test.nrows(), read.test_labels.len());
                assert_eq!(read.train.nrows(), read.train_labels.len());
                assert!(read.labelled.iter().all(|&row| row < read.train_labels.len()));
                assert!(read.n_classes <= read.test_labels.len());
            }
            Err(error) => assert!(!format!("{error:#}").is_empty()),
        }
    }
});
