//! A training is done once for all trials whose it is, and no result shows it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::store::{Store, files, id, outcome, run};

/// `model` is a system, and what else is to be set.
fn add(store: &Store, model: &str, percent: f64, seed: u32) -> PathBuf {
    let (system, more) = model.split_once(' ').unwrap_or((model, ""));
    store.add(&format!(
        "seed = {seed}
        {more}
        model.system = '{system}'
        model.embedding = 'sample'
        data.labelled_percent = {percent:?}
        evaluation.protocols = ['test_folds', 'labelled']"
    ))
}

/// The bytes of a trial's result and weights in a store of its own.
fn alone(system: &str, percent: f64, seed: u32) -> [Vec<u8>; 2] {
    let store = Store::new();
    let trial = add(&store, system, percent, seed);
    run(&[], &[&trial]).well();
    outcome(&trial)
}

fn trained_as(trial: &Path) -> Value {
    let run: Value = serde_json::from_slice(&fs::read(trial.join("run.json")).unwrap()).unwrap();
    run["trained_as"].clone()
}

#[test]
fn trials_that_differ_in_labels_alone_are_trained_once_and_have_the_results_that_they_have_alone() {
    let weightless = [
        "dml_autoencoder routine.alpha = 1.0",
        "metric_vae loss = { kind = 'center', lambda = 0.01 }\nroutine = { kind = 'joint_gamma', gamma = 0.0 }",
    ];
    for system in ["autoencoder", "vae"].into_iter().chain(weightless) {
        let store = Store::new();
        let trials = [10.0, 20.0].map(|percent| add(&store, system, percent, 0));
        let ran = run(&[], &trials).well();
        assert_eq!(ran.events_of(&trials[0])[..2], ["started with 0 of 3", "epoch 1 of 3"]);
        assert_eq!(ran.events_of(&trials[1])[..2], ["started with 3 of 3", "scoring embedding"]);
        assert_eq!(
            [&trials[0], &trials[1]].map(|trial| trained_as(trial)),
            [Value::Null, id(&trials[0]).into()]
        );
        assert_eq!(files(&trials[0]), files(&trials[1]));
        for (trial, percent) in trials.iter().zip([10.0, 20.0]) {
            assert!(outcome(trial) == alone(system, percent, 0), "{system}, {percent} percent");
        }
    }
}

#[test]
fn what_was_trained_in_a_stack_is_trained_again_for_a_trial_that_is_run_alone() {
    let store = Store::new();
    let stacked = [0, 1].map(|seed| add(&store, "autoencoder", 10.0, seed));
    run(&["--stack=2"], &stacked).well();
    let trial = add(&store, "autoencoder", 20.0, 0);
    assert_eq!(run(&[], &[&trial]).well().events_of(&trial)[0], "started with 0 of 3");
    assert!(outcome(&trial) == alone("autoencoder", 20.0, 0));

    // Nor what was trained in a stack for a while.
    let store = Store::new();
    let stacked = [0, 1].map(|seed| add(&store, "autoencoder", 10.0, seed));
    run(&["--stack=2", "--until-epoch=1"], &stacked).well();
    assert_eq!(run(&[], &stacked[..1]).well().events_of(&stacked[0])[0], "started with 1 of 3");
    let trial = add(&store, "autoencoder", 20.0, 0);
    assert_eq!(run(&[], &[&trial]).well().events_of(&trial)[0], "started with 0 of 3");
}

#[test]
fn trials_that_differ_in_what_is_scored_alone_are_trained_once_and_have_the_results_that_they_have_alone() {
    let scored = ["'sample'", "'mean'", "'mean'\nevaluation.clustering = true"];
    let add = |store: &Store, scored: &str| {
        store.add(&format!("model.system = 'dml_prior'\nmodel.embedding = {scored}"))
    };
    let store = Store::new();
    let trials = scored.map(|scored| add(&store, scored));
    let ran = run(&[], &trials).well();
    let begun = trials.each_ref().map(|trial| ran.events_of(trial)[0].clone());
    assert_eq!(begun, ["started with 0 of 3", "started with 3 of 3", "started with 3 of 3"]);
    for (trial, scored) in trials.iter().zip(scored) {
        let (alone, name) = (Store::new(), id(trial));
        let trial_alone = add(&alone, scored);
        run(&[], &[&trial_alone]).well();
        assert!(outcome(trial) == outcome(&trial_alone), "{name}: {scored}");
    }
}

#[test]
fn a_mixture_is_fitted_on_the_embeddings_and_is_another_for_others() {
    let store = Store::new();
    let trials = ["mean", "sample"].map(|embedding| {
        store.add(&format!(
            "model.system = 'metric_vae'\nmodel.embedding = '{embedding}'
            prior = {{ kind = 'mixture', components = 2 }}
            routine = {{ kind = 'staged', dml_epochs = 1, gamma = 0.5 }}"
        ))
    });
    let ran = run(&[], &trials).well();
    for trial in &trials {
        assert_eq!(ran.events_of(trial)[0], "started with 0 of 3");
    }
}

#[test]
fn a_training_is_no_other_trials_where_labels_or_seeds_or_images_differ() {
    let store = Store::new();
    let with_labels = [10.0, 20.0].map(|percent| add(&store, "dml_autoencoder", percent, 0));
    let of_labels_alone = [10.0, 20.0].map(|percent| add(&store, "dml routine.alpha = 1.0", percent, 0));
    let seeds = [0, 1].map(|seed| add(&store, "autoencoder", 10.0, seed));
    let binary =
        store.add("model.system = 'autoencoder'\ndata.binarize = true\ndata.labelled_percent = 30.0");
    let trials: Vec<&PathBuf> =
        with_labels.iter().chain(&of_labels_alone).chain(&seeds).chain([&binary]).collect();
    let ran = run(&[], &trials).well();
    for trial in trials {
        assert_eq!(ran.events_of(trial)[0], "started with 0 of 3");
    }
}

#[test]
fn what_is_damaged_is_trained_again_and_what_is_watched_is_trained_anyway() {
    let store = Store::new();
    let first = add(&store, "autoencoder", 10.0, 0);
    run(&[], &[&first]).well();
    let watched = add(&store, "autoencoder", 20.0, 0);
    assert_eq!(run(&["--tensorboard"], &[&watched]).well().events_of(&watched)[0], "started with 0 of 3");
    // The last to end has left its name.
    let mut weights = fs::read(watched.join("weights.safetensors")).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    fs::write(watched.join("weights.safetensors"), weights).unwrap();
    let other = add(&store, "autoencoder", 30.0, 0);
    assert_eq!(run(&[], &[&other]).well().events_of(&other)[0], "started with 0 of 3");
    assert!(outcome(&other) == alone("autoencoder", 30.0, 0));
    let log = fs::read_to_string(other.join("log.txt")).unwrap();
    assert!(log.contains(&format!("its training is that of {}, but ", id(&watched))), "{log}");
    assert!(log.contains("weights.safetensors is another file now"), "{log}");
}
