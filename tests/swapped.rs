//! A data set given by path is known by its content.

use std::fs;
use std::path::Path;

use dml_data::files::sha256_of_file;
use serde_json::Value;

use crate::arrays::{images, npy, write_npz};
use crate::call::{complaint_of, text};
use crate::store::{Store, outcome, result, run};

/// Writes a data set whose training images are those of `train`.
fn write(path: &Path, train: &str) {
    let (pixels, classes) = images(train, 300);
    let (test, test_classes) = images("test", 90);
    let arrays = [
        ("train_images", npy(&[300, 8, 8], &pixels)),
        ("train_labels", npy(&[300], &classes)),
        ("test_images", npy(&[90, 8, 8], &test)),
        ("test_labels", npy(&[90], &test_classes)),
    ];
    write_npz(path, &arrays);
}

/// What is said of a trial that meets other data.
fn refusal(trial: &Path, data: &Path, then: &str, now: &str, in_the_way: &str) -> String {
    format!(
        "error: {} holds other data than trial {} was run on (its SHA-256 begins with {now:.12}, not with {then:.12}); bring that file back, or \
         delete {in_the_way} in {} to run the trial afresh\n",
        data.display(),
        crate::store::id(trial),
        trial.canonicalize().unwrap().display(),
    )
}

#[test]
fn a_trial_goes_on_and_answers_only_for_the_data_it_began_on() {
    let store = Store::new();
    let path = store.folder.path().join("own.npz");
    write(&path, "train");
    let began_on = fs::read(&path).unwrap();
    let then = sha256_of_file(&path).unwrap();
    let keys = format!("data.name = {:?}\ndata.validation = 30\ntraining.epochs = 4\n", text(&path));
    let trial = store.add(&keys);
    let rest = ["--until-epoch", "2", "--checkpoint-seconds", "0"];
    run(&rest, &[&trial]).well();

    write(&path, "other images");
    let other = fs::read(&path).unwrap();
    let now = sha256_of_file(&path).unwrap();
    let in_the_way = "checkpoint* and rungs.json";
    for options in [&[][..], &rest] {
        let ran = run(options, &[&trial]);
        assert_eq!((ran.code, ran.stderr), (Some(1), refusal(&trial, &path, &then, &now, in_the_way)));
    }
    // With the file that it began on, it goes on to the bytes of a trial that never paused.
    fs::write(&path, began_on).unwrap();
    assert!(run(&[], &[&trial]).well().events_of(&trial).contains(&"started with 2 of 4".into()));
    let alone = Store::new();
    let undisturbed = alone.add(&keys);
    run(&[], &[&undisturbed]).well();
    assert_eq!(outcome(&trial), outcome(&undisturbed));
    assert_eq!(result(&trial).data_sha256.as_deref(), Some(then.as_str()));
    let provenance: Value = serde_json::from_slice(&fs::read(trial.join("run.json")).unwrap()).unwrap();
    assert_eq!(provenance["data_sha256"], then.as_str());
    assert!(!trial.join("checkpoint.data.json").exists(), "it goes away with the checkpoint");

    fs::write(&path, other).unwrap();
    let ran = run(&[], &[&trial]);
    assert_eq!((ran.code, ran.stderr), (Some(1), refusal(&trial, &path, &then, &now, "result.json")));
    let out = store.folder.path().join("out.npz");
    let (code, complaint) = complaint_of(&["embed", text(&trial), "--out", text(&out)]);
    let expected = format!(
        "error: {} holds other data than the trial in {} was trained on; bring that file back\n",
        path.display(),
        trial.display()
    );
    assert_eq!((code, complaint), (Some(1), expected));
    // A result whose data are gone still answers.
    fs::remove_file(&path).unwrap();
    assert_eq!(run(&[], &[&trial]).well().events_of(&trial), ["skipped finished"]);
}
