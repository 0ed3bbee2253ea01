//! `rungs.json`, as a store reads it.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_fuzz::{folder, names, put};
use dml_store::RunStore;
use libfuzzer_sys::fuzz_target;

static STORE: LazyLock<(RunStore, String, PathBuf)> = LazyLock::new(|| {
    let store = RunStore::open(&folder("rungs")).expect("TMPDIR can be written");
    let id = store.add(&"seed = 1".parse().expect("TOML")).expect("TMPDIR can be written");
    let path = store.trial_directory(&id).join("rungs.json");
    (store, id, path)
});

fuzz_target!(|bytes: &[u8]| {
    let (store, id, path) = &*STORE;
    put(path, bytes);
    match store.rungs(id) {
        Ok(rungs) => {
            let text = serde_json::to_string(&rungs).expect("plain data");
            put(path, text.as_bytes());
            assert_eq!(store.rungs(id).expect("it was written"), rungs);
        }
        Err(error) => names(path, &error.to_string()),
    }
});
