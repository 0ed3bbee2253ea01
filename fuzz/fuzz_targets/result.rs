//! `result.json`, as a store reads it.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use dml_fuzz::{folder, names, put};
use dml_store::{RunStore, TrialResult, trial_id};
use libfuzzer_sys::fuzz_target;

static STORE: LazyLock<(RunStore, String, PathBuf)> = LazyLock::new(|| {
    let store = RunStore::open(&folder("result")).expect("TMPDIR can be written");
    let id = store.add(&"seed = 1".parse().expect("TOML")).expect("TMPDIR can be written");
    let path = store.trial_directory(&id).join("result.json");
    (store, id, path)
});

fuzz_target!(|bytes: &[u8]| {
    let (store, id, path) = &*STORE;
    put(path, bytes);
    match store.result(id) {
        Ok(result) => {
            let result = result.expect("it is there");
            let _ = (trial_id(&result.trial), dml_store::flatten(&result.trial));
            let text = serde_json::to_string(&result).expect("plain data");
            assert_eq!(serde_json::from_str::<TrialResult>(&text).expect("it was written"), result);
        }
        Err(error) => names(path, &error.to_string()),
    }
});
