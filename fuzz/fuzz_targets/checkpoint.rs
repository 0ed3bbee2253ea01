//! A checkpoint, without LibTorch: its JSON as it is read, or else, after a zero, the file of
//! tensors, by the crate that reads it.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_fuzz::{folder, names, put};
use dml_models::Stack;
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| folder("checkpoint"));

fuzz_target!(|bytes: &[u8]| match bytes {
    [0, tensors @ ..] => {
        if let Ok(read) = SafeTensors::deserialize(tensors) {
            let n: usize = read.tensors().iter().map(|(_, tensor)| tensor.data().len()).sum();
            assert!(n <= tensors.len());
        }
    }
    json => {
        put(&FOLDER.join("checkpoint.json"), json);
        match Stack::checkpoint_epochs(&FOLDER) {
            Ok(epochs) => assert_eq!(epochs.len(), 1),
            Err(error) => names(&FOLDER.join("checkpoint.json"), &error.to_string()),
        }
    }
});
