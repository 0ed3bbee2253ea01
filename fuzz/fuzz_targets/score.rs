//! What `dml score` is given.
#![no_main]

use std::collections::HashSet;
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
                let n_distinct = |labels: &[&[u32]]| labels.concat().into_iter().collect::<HashSet<_>>().len();
                assert_eq!(read.n_classes, n_distinct(&[read.test_labels.as_slice()]));
                let n_of_both = n_distinct(&[read.test_labels.as_slice(), read.train_labels.as_slice()]);
                let mut labels = read.test_labels.iter().chain(&read.train_labels);
                assert!(labels.all(|&label| (label as usize) < n_of_both));
            }
            Err(error) => assert!(!format!("{error:#}").is_empty()),
        }
    }
});
