//! Trials that stop after an epoch, so that they can be stopped early: trained on, they end as
//! trials that never stopped.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::arrays::TINY_WITHOUT_VALIDATION;
use crate::call::{call, text};
use crate::store::{Running, Store, files, outcome, result, run};

/// A trial that was read until epoch 9 is at most [`Running::AHEAD`] beyond, so it cannot be over
/// before it is interrupted.
const EPOCHS: usize = Running::AHEAD + 12;
const SETTINGS: &str = "model.system = 'metric_vae'\nroutine = { kind = 'joint_gamma', gamma = 2.0 }\nprior = { kind = 'vamp', components = 3, init = 'data' }";

fn settings() -> String {
    format!("training.epochs = {EPOCHS}\n{SETTINGS}")
}

fn rungs(trial: &Path) -> Value {
    serde_json::from_slice(&fs::read(trial.join("rungs.json")).unwrap()).unwrap()
}

#[test]
fn a_trial_that_stopped_ends_with_the_bytes_of_one_that_did_not() {
    let (store, calm) = (Store::new(), Store::new());
    let (trial, other) = ([store.add(&settings())], [calm.add(&settings())]);
    for until in ["2", "6"] {
        fs::write(
            trial[0].join("failure.json"),
            json!({"reason": "no", "attempts": 1, "retry": true, "log": []}).to_string(),
        )
        .unwrap();
        let ran = run(&["--until-epoch", until], &trial).well();
        let told = ran.events_of(&trial[0]);
        let last =
            [&format!("epoch {until} of {EPOCHS}"), "scoring embedding", "scoring test_folds.knn", "rung"];
        assert_eq!(told[told.len() - 4..], last);
        assert!(!trial[0].join("result.json").exists());
        assert!(!trial[0].join("failure.json").exists(), "a trial that stops at a rung has not failed");
        let value = &ran.events.last().unwrap()["value"];
        assert_eq!(rungs(&trial[0])["rungs"]["test_folds.knn.accuracy"][until], *value);
        assert!(value.as_f64().is_some_and(|value| value > 0.5), "three corners are easy to tell: {value}");
        let again = run(&["--until-epoch", until], &trial).well();
        assert_eq!(again.events_of(&trial[0]), ["rung", "skipped rests"], "scored already");
        assert_eq!(again.events[0], *ran.events.last().unwrap());
    }
    // Killed on the way to the end as well.
    let running = Running::start(&["--checkpoint-seconds", "0"], &trial).read_until_epoch(9);
    running.send(Signal::KILL);
    assert_eq!(running.wait(), None);
    let ran = run(&[], &trial).well();
    assert!(ran.events[0]["resumed_at"].as_u64() >= Some(8), "{:?}", ran.events[0]);
    run(&[], &other).well();
    assert_eq!(outcome(&trial[0]), outcome(&other[0]));
    assert_eq!(
        files(&trial[0]).iter().filter(|name| *name != "rungs.json").collect::<Vec<_>>(),
        files(&other[0]).iter().collect::<Vec<_>>()
    );
}

#[test]
fn the_seconds_of_a_trial_are_those_of_all_its_legs() {
    let store = Store::new();
    for (seed, before, expected) in [(0, Some(1000.0), 1000.0..1120.0), (1, None, 0.0..120.0)] {
        let trial = [store.add(&format!("seed = {seed}"))];
        run(&["--until-epoch", "2"], &trial).well();
        // As if the first leg had been long, or had been run by a version that did not count.
        let path = trial[0].join("checkpoint.json");
        let mut checkpoint: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let counted = checkpoint.as_object_mut().unwrap().remove("seconds").unwrap();
        assert!(counted.as_f64().unwrap() > 0.0);
        if let Some(before) = before {
            checkpoint["seconds"] = before.into();
        }
        fs::write(&path, checkpoint.to_string()).unwrap();
        let ran = run(&[], &trial).well();
        assert_eq!(ran.events[0]["resumed_at"], 2);
        let told = ran.events.last().unwrap()["seconds"].as_f64().unwrap();
        let kept: Value = serde_json::from_slice(&fs::read(trial[0].join("run.json")).unwrap()).unwrap();
        assert_eq!(kept["seconds"].as_f64(), Some(told));
        assert!(expected.contains(&told), "{told}");
    }
}

#[test]
fn an_epoch_that_is_not_before_the_end_is_no_rung() {
    let store = Store::new();
    let trials =
        [store.add(""), store.add("model.system = 'pca'"), store.add("data.validation = 0\nseed = 1")];
    run(&["--until-epoch", "3"], &trials).well();
    for trial in &trials {
        assert!(trial.join("result.json").exists() && !trial.join("rungs.json").exists());
    }
}

#[test]
fn a_trial_that_diverges_before_the_rung_has_its_result() {
    let (store, calm) = (Store::new(), Store::new());
    let diverging = "training.learning_rate = 1e30";
    let (trial, other) = ([store.add(diverging)], [calm.add(diverging)]);
    let ran = run(&["--until-epoch", "1"], &trial).well();
    assert_eq!(ran.events_of(&trial[0]).last().unwrap(), "finished diverged");
    run(&[], &other).well();
    assert_eq!(result(&trial[0]), result(&other[0]));
}

#[test]
fn a_rung_before_the_checkpoint_is_reached_afresh_and_other_scores_are_kept_apart() {
    let store = Store::new();
    let trial = [store.add(&settings())];
    run(&["--until-epoch", "3", "--rung-score", "labelled.knn.ami"], &trial).well();
    let early = run(&["--until-epoch", "2"], &trial).well();
    assert_eq!(early.events_of(&trial[0])[0], format!("started with 0 of {EPOCHS}"));
    assert!(
        early.stderr.contains("the checkpoint is of epoch 3, beyond epoch 2; starting afresh"),
        "{}",
        early.stderr
    );
    let scores = &rungs(&trial[0])["rungs"];
    assert!(
        scores["labelled.knn.ami"]["3"].is_f64() && scores["test_folds.knn.accuracy"]["2"].is_f64(),
        "{scores}"
    );
}

#[test]
fn a_stack_stops_as_its_members_do_and_one_that_diverged_has_no_score() {
    let store = Store::new();
    let diverging = format!("training.learning_rate = 1e30\nseed = 1\ntraining.epochs = {EPOCHS}");
    let trials = [store.add(&format!("training.epochs = {EPOCHS}")), store.add(&diverging)];
    run(&["--until-epoch", "2", "--stack", "2"], &trials).well();
    assert!(rungs(&trials[0])["rungs"]["test_folds.knn.accuracy"]["2"].is_f64());
    assert_eq!(rungs(&trials[1])["rungs"], json!({"test_folds.knn.accuracy": {"2": null}}));
    run(&["--stack", "2"], &trials).well();
    assert!(trials.iter().all(|trial| trial.join("result.json").exists()));
}

#[test]
fn what_is_wrong_with_a_rung_is_one_sentence() {
    let store = Store::new();
    let none = [store.add(&format!("data.name = {:?}", text(&TINY_WITHOUT_VALIDATION)))];
    let ran = run(&["--until-epoch", "1"], &none);
    assert_eq!((ran.code, ran.events_of(&none[0])), (Some(1), vec!["failed, retry false".into()]));
    assert!(ran.stderr.contains("has no validation split; set data.validation to"), "{}", ran.stderr);

    let trial = [store.add("")];
    for (options, sentence) in [
        (&["--until-epoch", "1", "--rung-score", "knn"][..], "PROTOCOL.READOUT.accuracy"),
        (&["--until-epoch", "0"], "'0'"),
        (&["--rung-score", "test_folds.knn.ami"], "--until-epoch"),
    ] {
        let arguments = [&["run"], options, &[text(&trial[0])]].concat();
        call(&arguments).says(2, &[sentence]);
    }
    for damaged in ["{\"format\": 1", "{\"format\": 9, \"rungs\": {}}"] {
        fs::write(trial[0].join("rungs.json"), damaged).unwrap();
        let ran = run(&["--until-epoch", "1"], &trial);
        assert!(ran.code == Some(1) && ran.stderr.contains("rungs.json: "), "{}", ran.stderr);
    }
}
