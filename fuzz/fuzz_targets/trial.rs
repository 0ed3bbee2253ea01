//! A trial file.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "no trial is run here")]
#[path = "../../crates/dml-cli/src/train"]
mod train {
    pub(crate) mod data_config;
    pub(crate) mod hits;
    pub(crate) mod trial;
}

use train::trial::Trial;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Trial::parse(text) {
        // What is read and written again is the same trial.
        Ok((_, table)) => {
            let id = dml_store::trial_id(&table);
            let (_, again) = Trial::parse(&toml::to_string(&table).expect("a table")).expect("it was read");
            assert_eq!(dml_store::trial_id(&again), id);
        }
        Err(mistakes) => assert!(!mistakes.is_empty() && mistakes.iter().all(|what| !what.is_empty())),
    }
});
