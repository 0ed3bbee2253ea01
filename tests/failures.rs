//! What goes wrong is told in one sentence, recorded, and leaves the other trials alone.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::arrays::{TINY, TINY_WITHOUT_VALIDATION, npy, write_npz};
use crate::call::{call, text};
use crate::store::{Store, files, run};

/// What `failure.json` says: reason, attempts, retry.
fn failure(directory: &Path) -> (String, u64, bool) {
    let text = fs::read_to_string(directory.join("failure.json")).unwrap();
    let failure: Value = serde_json::from_str(&text).unwrap();
    let reason = failure["reason"].as_str().unwrap().to_string();
    (reason, failure["attempts"].as_u64().unwrap(), failure["retry"].as_bool().unwrap())
}

/// Runs trials that have to fail, and a good one after them. Their reasons, which are the same in
/// the event, in `failure.json` and on standard error, and whether trying again could help.
fn reasons(store: &Store, bad: &[PathBuf]) -> Vec<(String, bool)> {
    let good = store.add("model.system = 'pca'");
    let _ = fs::remove_file(good.join("result.json"));
    let ran = run(&[], &[bad, std::slice::from_ref(&good)].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.events_of(&good).last().unwrap(), "finished scored", "the other trial runs all the same");
    let reason = |bad: &PathBuf| {
        let (reason, _, retry) = failure(bad);
        assert_eq!(ran.events_of(bad).last().unwrap(), &format!("failed, retry {retry}"));
        assert!(ran.events.iter().any(|event| event["reason"] == reason.as_str()), "{reason}");
        assert!(ran.stderr.contains(&format!("error: {reason}\n")), "{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        (reason, retry)
    };
    bad.iter().map(reason).collect()
}

/// The reason of one trial, which trying again cannot help.
fn reason(store: &Store, bad: &Path) -> String {
    let (reason, retry) = reasons(store, &[bad.to_path_buf()]).remove(0);
    assert!(!retry, "{reason}");
    reason
}

#[test]
fn a_data_set_that_is_not_there_is_named_and_not_retried() {
    let store = Store::new();
    let path = store.folder.path().join("missing.npz");
    let bad = store.add(&format!("data.name = '{}'", path.display()));
    let sentence = reason(&store, &bad);
    assert_eq!(sentence, format!("{}: No such file or directory (os error 2)", path.display()));
    assert_eq!(failure(&bad).1, 1);
    reason(&store, &bad);
    assert_eq!(failure(&bad).1, 2, "attempts are counted");
    fs::copy(&*TINY, &path).unwrap();
    run(&[], &[&bad]).well();
    assert!(!bad.join("failure.json").exists() && bad.join("result.json").exists());
}

#[test]
fn a_data_set_that_is_no_data_set_is_named() {
    let store = Store::new();
    let path = store.folder.path().join("bad.npz");
    let bad = store.add(&format!("data.name = '{}'", path.display()));
    fs::write(&path, "no zip").unwrap();
    let sentence = reason(&store, &bad);
    assert!(sentence.starts_with(&format!("{}: is no npz file", path.display())), "{sentence}");
    write_npz(
        &path,
        &[("train_images", npy(&[2, 2, 2], &[0_u8; 8])), ("train_labels", npy(&[3], &[0_i64; 3]))],
    );
    let sentence = reason(&store, &bad);
    let expected = "has 3 labels for 2 images in train: there should be as many, and at least one";
    assert_eq!(sentence, format!("{}: {expected}", path.display()));
}

#[test]
fn a_damaged_result_is_named_and_not_overwritten() {
    let store = Store::new();
    let bad = store.add("seed = 1\ntraining.epochs = 1");
    run(&[], &[&bad]).well();
    let path = bad.join("result.json");
    let whole = fs::read_to_string(&path).unwrap();
    let damaged = &whole[..whole.len() / 2];
    fs::write(&path, damaged).unwrap();
    let sentence = reason(&store, &bad);
    assert!(sentence.starts_with(&path.display().to_string()), "{sentence}");
    assert!(sentence.ends_with("delete it to run the trial again"), "{sentence}");
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
}

#[test]
fn a_trial_file_that_cannot_be_is_named_with_key_and_value() {
    let store = Store::new();
    let expected = [
        ("training.momentum = 0.9", &["there is no key `momentum`; there are `"][..]),
        ("routine.alpha = 1.5", &["routine.alpha = 1.5 is out of range", "[0, 1]"]),
        ("data.labelled_percent = 0.0", &["data.labelled_percent = 0 is out of range", "at most 100"]),
        ("model.system = 'dmll'", &["`system`: there is no `dmll`; `dml` is the nearest"]),
        ("loss.margin = -1.0", &["margin", "-1"]),
        ("evaluation.likelihood_samples = 5", &["likelihood_samples = 5 is for model.system = \"vae\""]),
        (
            "evaluation.hits = ['labelled.knn', 'train.knn']",
            &[
                "evaluation.hits names \"train.knn\", which is no read-out of this trial; it has test_folds.knn, labelled.knn",
            ],
        ),
        (
            "evaluation = { hits = ['knn'], readouts = [], clustering = true }",
            &[
                "evaluation.hits names \"knn\", which is no read-out of this trial; as it has none, [] would be right",
            ],
        ),
        ("data.fold = { index = 0, of = 0 }", &["data.fold.of = 0 is out of range; it must be at least 1"]),
        (
            "evaluation.likelihood_samples = 1000001",
            &["likelihood_samples = 1000001 is out of range; it must be 0 to 1000000"],
        ),
        (
            "evaluation.geodesic_pairs = 1001",
            &["geodesic_pairs = 1001 is out of range; it must be 0 to 1000"],
        ),
    ];
    let bad = expected.map(|(settings, _)| store.add(settings));
    for (((sentence, retry), (_, parts)), bad) in reasons(&store, &bad).iter().zip(expected).zip(&bad) {
        assert!(sentence.starts_with(&format!("{}: ", bad.join("trial.toml").display())), "{sentence}");
        assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
        assert!(!retry);
    }
}

#[test]
fn a_trial_under_another_trials_name_is_not_run() {
    let store = Store::new();
    let [one, other] = ["seed = 1", "seed = 2"].map(|seed| store.add(seed));
    fs::copy(one.join("trial.toml"), other.join("trial.toml")).unwrap();
    let sentence = reason(&store, &other);
    let [one, id] = [&one, &other].map(|directory| crate::store::id(directory));
    assert_eq!(sentence, format!("{}: is trial {one}, not {id}", other.join("trial.toml").display()));
}

#[test]
fn what_the_data_set_cannot_give_is_not_retried() {
    let store = Store::new();
    let without = format!("data.name = '{}'\n", TINY_WITHOUT_VALIDATION.display());
    let bad = [
        without.clone() + "evaluation.split = 'validation'",
        without.clone() + "data.validation = 300",
        "data.labelled_percent = 0.1".to_string(),
        "model.system = 'metric_vae'\nprior = { kind = 'vamp', components = 5000, init = 'data' }"
            .to_string(),
    ]
    .map(|settings| store.add(&settings));
    let (sentences, retries): (Vec<String>, Vec<bool>) = reasons(&store, &bad).into_iter().unzip();
    insta::assert_snapshot!(sentences.join("\n"), @r"
    tiny_without_validation has no validation split; set data.validation to the number of training images to hold out
    300 validation rows cannot be held out of tiny_without_validation's 300 training rows: hold out fewer than 300
    0.1 percent of 300 labels rounds to none: keep at least one (every tenth label is 10 percent)
    prior.components = 5000 is more than there are training images; it must be at most 300
    ");
    assert_eq!(retries, [false; 4]);
    // And where it can, it does.
    let good = store.add(&(without + "evaluation.split = 'validation'\ndata.validation = 60"));
    run(&[], &[&good]).well();
    assert!(good.join("result.json").exists());
}

#[test]
fn a_member_that_cannot_be_trained_leaves_its_stack_alone() {
    let store = Store::new();
    let trials = ["seed = 1", "data.labelled_percent = 0.1", "seed = 2"].map(|settings| store.add(settings));
    let ran = run(&["--stack", "3"], &trials);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.events_of(&trials[1]), ["failed, retry false"]);
    for trial in [&trials[0], &trials[2]] {
        assert_eq!(ran.events_of(trial).last().unwrap(), "finished scored");
        assert!(!trial.join("failure.json").exists());
    }
}

#[test]
fn a_store_of_another_version_is_refused_before_anything_runs() {
    let store = Store::new();
    let trial = store.add("");
    let marker = store.folder.path().join("runs/store.json");
    fs::write(&marker, "{\"format\": 2}").unwrap();
    call(&["run", text(&trial)]).says(1, &["run store of format 2, this version reads format 1"]);
    assert_eq!(files(&trial), ["trial.toml"]);
}

#[test]
fn what_is_no_trial_directory_is_named() {
    let store = Store::new();
    let trial = store.add("");
    let missing = trial.with_file_name("0123456789abcdef");
    let other_store = Store::new();
    let other = other_store.add("");
    for (directory, part) in [
        (missing.as_path(), "No such file or directory"),
        (store.folder.path(), "is not a trial directory, STORE/trials/ID"),
        (other.as_path(), "lies in another store than"),
    ] {
        let told = call(&["run", text(&trial), text(directory)]).says(1, &[text(directory), part]);
        assert_eq!(told.err.lines().count(), 1, "{}", told.err);
        assert_eq!(files(&trial), ["trial.toml"], "nothing runs");
    }
}
