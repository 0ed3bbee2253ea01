//! Data that is labelled in part, with classes of any number, and without splits that others have.

use std::path::PathBuf;

use dml_data::npz::Npz;
use dml_store::Outcome;
use serde_json::Value;
use tempfile::TempDir;

use crate::arrays::{images, npy, write_npz};
use crate::call::{call, complaint_of, stdout_of, text};
use crate::store::{Store, result, run};

/// What the three classes of the images are called here.
const NUMBERS: [i32; 3] = [7, 300, 65_535];

/// 300 training images, every fifth with a label, and if asked for 90 test images, all but the
/// first ten with one.
pub(crate) fn data_set(folder: &TempDir, with_test: bool) -> PathBuf {
    let path = folder.path().join("own.npz");
    let mut arrays = Vec::new();
    for (split, n) in
        [("train", 300), ("test", 90)].into_iter().filter(|&(split, _)| with_test || split == "train")
    {
        let (pixels, classes) = images(split, n);
        let has_label = |i: usize| if split == "train" { i.is_multiple_of(5) } else { i >= 10 };
        let label = |(i, class): (usize, u8)| if has_label(i) { NUMBERS[usize::from(class)] } else { -1 };
        let labels: Vec<i32> = classes.into_iter().enumerate().map(label).collect();
        arrays.push((format!("{split}_images"), npy(&[n, 8, 8], &pixels)));
        arrays.push((format!("{split}_labels"), npy(&[n], &labels)));
    }
    let arrays: Vec<(&str, Vec<u8>)> =
        arrays.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    write_npz(&path, &arrays);
    path
}

/// The keys of a trial on this data that sees every label it is given.
fn given(path: &std::path::Path) -> String {
    format!(
        "data.name = {:?}\ndata.labelled_sampling = 'given'\ndata.labelled_percent = 100.0\ntraining.epochs = 2\n\
         evaluation = {{ protocols = ['labelled', 'train', 'test_folds'], readouts = ['nearest'], clustering = true, retrieval = true, \
         posterior = false }}\n",
        text(path)
    )
}

#[test]
fn show_counts_classes_by_the_numbers_of_the_file_and_images_without_a_label() {
    let folder = tempfile::tempdir().unwrap();
    let shown = stdout_of(&["data", "show", text(&data_set(&folder, true))]);
    let rows: Vec<Vec<&str>> = shown.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(names, ["class", "7", "300", "65535", "none", "all"]);
    assert_eq!(rows[4], ["none", "240", "10"]);
    let shown = stdout_of(&["data", "show", text(&data_set(&folder, false))]);
    assert!(shown.ends_with("all         300\n"), "{shown}");
}

#[test]
fn a_trial_learns_from_the_labels_that_are_given_and_its_outputs_have_the_numbers_of_the_file() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Store::new());
    let path = data_set(&folder, true);
    let trial = store.add(&given(&path));
    run(&[], &[&trial]).well();
    let Outcome::Scored { scores, .. } = result(&trial).outcome else { panic!("it has diverged") };
    for name in [
        "labelled.nearest.accuracy",
        "train.nearest.accuracy",
        "clustering.k_means.ami",
        "retrieval.recall_at_1",
    ] {
        assert!(scores.contains_key(name), "{name} is not among {scores:?}");
    }
    // Every label that is given is seen, so both protocols are fitted on the same rows.
    assert_eq!(scores["labelled.nearest.accuracy"].to_bits(), scores["train.nearest.accuracy"].to_bits());
    let mut latent = Npz::open(&trial.join("latent.npz")).unwrap();
    let mut labels = latent.read_labels("labels").unwrap();
    assert_eq!(
        (labels.len(), latent.read_labels("rows").unwrap()[0]),
        (80, 10),
        "only those with a label are drawn"
    );
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels, NUMBERS.map(i64::from));

    let embedded = ["train", "test"].map(|split| {
        let out = folder.path().join(format!("{split}-embedded.npz"));
        stdout_of(&["embed", text(&trial), "--split", split, "--out", text(&out)]);
        out
    });
    let mut npz = Npz::open(&embedded[0]).unwrap();
    let (labels, labelled) = (npz.read_labels("labels").unwrap(), npz.read_mask("labelled").unwrap());
    for (row, (label, is_seen)) in labels.into_iter().zip(labelled).enumerate() {
        assert_eq!(is_seen, row.is_multiple_of(5));
        assert!(
            if is_seen { NUMBERS.map(i64::from).contains(&label) } else { label == -1 },
            "row {row}: {label}"
        );
    }
    let arguments =
        ["score", text(&embedded[1]), "--train", text(&embedded[0]), "--only", "nearest", "--json"];
    let parts = ["240 of 300 rows of ", "10 of 90 rows of ", " have no label and are left out"];
    let scored: Value = serde_json::from_str(&call(&arguments).says(0, &parts).out).unwrap();
    assert_eq!((&scored["n_train"], &scored["n_test"]), (&60.into(), &80.into()));
    assert_eq!(scored["labelled"]["nearest"]["accuracy"].as_f64(), Some(scores["labelled.nearest.accuracy"]));
}

#[test]
fn a_percentage_draws_among_the_labels_that_are_given() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Store::new());
    let path = data_set(&folder, true);
    let drawn = given(&path)
        .replace("'given'", "'stratified'")
        .replace("100.0", "50.0")
        .replace("retrieval", "train_clustering = true, retrieval");
    let trial = store.add(&drawn);
    run(&[], &[&trial]).well();
    let out = folder.path().join("train-embedded.npz");
    stdout_of(&["embed", text(&trial), "--split", "train", "--out", text(&out)]);
    let mut npz = Npz::open(&out).unwrap();
    let (labels, labelled) = (npz.read_labels("labels").unwrap(), npz.read_mask("labelled").unwrap());
    assert_eq!(labelled.iter().filter(|&&is_seen| is_seen).count(), 30);
    assert!(labels.iter().zip(&labelled).all(|(&label, &is_seen)| !is_seen || label >= 0));

    // Clusters of the training set are those of its rows that have a label.
    let Outcome::Scored { scores, .. } = result(&trial).outcome else { panic!("it has diverged") };
    let scored: Value =
        serde_json::from_str(&stdout_of(&["score", text(&out), "--only", "clustering", "--json"])).unwrap();
    for score in ["clustering_accuracy", "ami", "nmi", "ari"] {
        let (clusters, unseen) =
            (format!("train_clustering.k_means.{score}"), format!("unlabelled_clustering.k_means.{score}"));
        assert_eq!(Some(scores[&clusters]), scored["clustering"]["k_means"][score].as_f64(), "{score}");
        assert!(scores.contains_key(&unseen), "{unseen} is not among {scores:?}");
    }
}

#[test]
fn what_is_not_in_the_file_is_named_by_what_needs_it() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Store::new());
    let path = data_set(&folder, false);
    let trial = store.add(&given(&path));
    let ran = run(&[], &[&trial]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.stderr,
        "error: own has no test split, test_images and test_labels; set evaluation.split to \"validation\", and data.validation to the number \
         of training images to hold out\n"
    );
    let held_out = given(&path).replace("evaluation = { ", "evaluation = { split = 'validation', ");
    let held_out = store.add(&(held_out + "data.validation = 30\n"));
    run(&[], &[&held_out]).well();
    let out = folder.path().join("out.npz");
    let (code, complaint) = complaint_of(&["embed", text(&held_out), "--split", "test", "--out", text(&out)]);
    assert_eq!((code, complaint.as_str()), (Some(1), "error: own has no test split; use --split train\n"));
    stdout_of(&["embed", text(&held_out), "--split", "validation", "--out", text(&out)]);
    assert!(
        Npz::open(&out).unwrap().read_labels("labels").unwrap().iter().all(|&label| label >= 0),
        "those that are scored"
    );
    // No label at all to learn from.
    let ((pixels, _), (test, test_labels)) = (images("train", 300), images("test", 90));
    let arrays = [
        ("train_images", npy(&[300, 8, 8], &pixels)),
        ("train_labels", npy(&[300], &[-1_i64; 300])),
        ("test_images", npy(&[90, 8, 8], &test)),
        ("test_labels", npy(&[90], &test_labels)),
    ];
    write_npz(&path, &arrays);
    let ran = run(&[], &[&store.add(&(given(&path) + "seed = 1\n"))]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.stderr,
        "error: none of 300 training rows has a label: one at least is needed (-1 is none)\n"
    );
}
