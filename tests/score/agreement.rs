//! `dml agreement`: how well two labellings agree.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::arrays::npy;
use crate::call::{complaint_of, stdout_of, text};

/// Labels of four things, and clusters that split one class.
fn labellings(folder: &TempDir) -> [PathBuf; 2] {
    let write = |name: &str, bytes: Vec<u8>| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    [
        write("truth.npy", npy(&[4], &[3_u8, 3, 9, 9])),
        write("predicted.npy", npy(&[4, 1], &[3_i32, 3, 9, -4])),
    ]
}

#[test]
fn agreement_is_what_is_worked_out_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let [truth, predicted] = labellings(&folder);
    let printed = stdout_of(&["agreement", text(&truth), text(&predicted), "--json"]);
    let scores: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(scores["n"], json!(4));
    assert_eq!(scores.as_object().unwrap().len(), 9);
    // Entropies ln 2 of the classes and 1.5 ln 2 of the clusters, mutual information ln 2, of which
    // 2/3 ln 2 are expected by chance. Of six pairs one is together in both, two in the first, one
    // in the second.
    for (name, expected) in [
        ("accuracy", 0.75),
        ("clustering_accuracy", 0.75),
        ("homogeneity", 1.0),
        ("completeness", 2.0 / 3.0),
        ("v_measure", 0.8),
        ("nmi", 0.8),
        ("ami", 4.0 / 7.0),
        ("ari", 4.0 / 7.0),
    ] {
        let score = scores[name].as_f64().unwrap();
        assert!((score - expected).abs() < 1e-12, "{name} is {score}, not {expected}");
    }
    let table = stdout_of(&["agreement", text(&truth), text(&predicted)]);
    insta::assert_snapshot!(table, @r"
    accuracy                    0.7500
    ami                         0.5714
    ari                         0.5714
    clustering_accuracy         0.7500
    completeness                0.6667
    homogeneity                 1.0000
    n                           4
    nmi                         0.8000
    v_measure                   0.8000
    ");
}

#[test]
fn labellings_of_different_lengths_or_none_are_named_both() {
    let folder = tempfile::tempdir().unwrap();
    let [truth_path, predicted_path] = labellings(&folder);
    fs::write(&predicted_path, npy(&[3], &[0_i64; 3])).unwrap();
    let (code, complaint) = complaint_of(&["agreement", text(&truth_path), text(&predicted_path)]);
    assert_eq!(code, Some(1));
    let (truth, predicted) = (truth_path.display(), predicted_path.display());
    let expected = format!("error: {truth} has 4 labels and {predicted} has 3; both need the same number\n");
    assert_eq!(complaint, expected);
    for path in [&truth_path, &predicted_path] {
        fs::write(path, npy::<i64>(&[0], &[])).unwrap();
    }
    let (code, complaint) = complaint_of(&["agreement", text(&truth_path), text(&predicted_path)]);
    assert_eq!(code, Some(1));
    assert_eq!(complaint, format!("error: {truth} and {predicted} have no labels; they need at least one\n"));
}
