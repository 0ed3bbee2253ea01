//! The ids of trials that people have results of. A change here throws those results away.

use std::collections::BTreeSet;
use std::fs;

use dml_store::trial_id;
use serde_json::Value;

use crate::experiment::Sweep;

/// A key that is added to trials goes into `dml_store::NEUTRAL`, and their ids stay.
#[test]
fn trials_are_called_what_they_were_when_their_results_were_kept() {
    let root = crate::root();
    for file in fs::read_dir(root.join("results")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let id = |line: &str| {
            let result: Value = serde_json::from_str(line).unwrap();
            result["id"].as_str().unwrap().to_owned()
        };
        let kept: BTreeSet<String> = text.lines().map(id).collect();
        let trials = Sweep::find(&root, name, None).unwrap().trials;
        let asked: BTreeSet<String> = trials.iter().map(|trial| trial_id(&trial.table)).collect();
        let lost: Vec<&String> = kept.difference(&asked).collect();
        assert!(lost.is_empty(), "{name}: no trial is called {lost:?} any more");
        assert!(name != "quick" || kept == asked, "the default sweep is made without training");
    }
}
