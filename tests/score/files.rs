//! Files of embeddings that are wrong, damaged, or what `dml embed` writes.

use std::fs;
use std::path::{Path, PathBuf};

use dml_data::npz::NpzWriter;
use ndarray::Array2;
use serde_json::Value;
use tempfile::TempDir;

use super::{Member, file, keys, labels, points, score};
use crate::arrays::npy;
use crate::call::{complaint_of, dml, text};

/// Changes to the members of a sound file, each with the sentence that it gets.
type Cases<'a> = &'a [(&'a [Member], String)];

/// Asserts that each changed file is refused with its sentence.
fn are_refused(cases: Cases) {
    let folder = tempfile::tempdir().unwrap();
    for (changed, sentence) in cases {
        is_refused(&file(&folder, changed), sentence);
    }
}

fn is_refused(path: &Path, sentence: &str) {
    let (code, complaint) = complaint_of(&["score", text(path)]);
    assert_eq!(complaint, format!("error: {}: {sentence}\n", path.display()));
    assert_eq!(code, Some(1), "{complaint}");
}

#[test]
fn a_file_without_the_arrays_that_are_needed_or_with_other_shapes_is_refused_in_one_sentence() {
    let expected = "expected are test_embeddings and test_labels, for read-outs train_embeddings and train_labels, and if you like labelled, \
        or else the embeddings and labels of one split";
    let nothing = |n| npy::<f32>(&[n, 0], &[]);
    let dimensions = "have no dimensions; they need at least one";
    are_refused(&[
        (
            &[("test_labels", vec![])],
            format!("has no array test_labels: it has test_embeddings, train_embeddings, train_labels; {expected}"),
        ),
        (
            &[("train_embeddings", vec![]), ("train_labels", vec![])],
            format!("has no array train_embeddings and train_labels: it has test_embeddings, test_labels; {expected}"),
        ),
        (
            &[("test_labels", npy(&[59], &labels(59)))],
            "test_embeddings have 60 rows and test_labels 59; there must be one label a row".into(),
        ),
        (
            &[("train_labels", npy(&[40], &[0.5_f32; 40]))],
            "train_labels has the type '<f4': integers, as labels.astype(int) makes of whole numbers and np.unique(labels, \
             return_inverse=True)[1] of names, are expected"
                .into(),
        ),
        (
            &[("test_embeddings", npy(&[60, 1], &[0.5_f32; 60]))],
            "train_embeddings have 2 dimensions and test_embeddings 1; both need the same".into(),
        ),
        (&[("test_embeddings", nothing(60))], format!("test_embeddings {dimensions}")),
        (&[("train_embeddings", nothing(40))], format!("train_embeddings {dimensions}")),
        (
            &[("train_embeddings", npy::<f32>(&[0, 2], &[])), ("train_labels", npy::<i64>(&[0], &[]))],
            "train_embeddings have 0 rows, and a read-out needs at least 1".into(),
        ),
        (
            &[("test_embeddings", npy(&[2, 2], &points(2))), ("test_labels", npy(&[2], &labels(2)))],
            "test_embeddings have 2 rows, and test_folds need at least 3".into(),
        ),
    ]);
}

#[test]
fn labels_below_0_and_masks_that_do_not_fit_are_refused_in_one_sentence() {
    let with_label = |n: usize, at: usize| {
        let mut labels = labels(n);
        labels[at] = -1;
        npy(&[n], &labels)
    };
    let mask = "a mask of 40 booleans is wanted, one a training row, and true where its label was seen";
    let zeros_and_ones = "booleans, or 0 and 1, as labelled.astype(bool) makes of numbers, are expected";
    let unlabelled = "and labels are 0 or more: a row without a label cannot be scored; a row whose label the model did not see keeps its label and is \
        false in `labelled`, an array of 0 and 1 over the training rows";
    are_refused(&[
        (&[("train_labels", with_label(40, 3))], format!("train_labels has -1 in row 3, {unlabelled}")),
        (&[("test_labels", with_label(60, 5))], format!("test_labels has -1 in row 5, {unlabelled}")),
        (
            &[("labelled", npy(&[3], &[0_i64, 1, 1]))],
            format!("labelled has 3 values and the training set 40 rows; {mask}"),
        ),
        (&[("labelled", npy(&[40], &[7_i64; 40]))], format!("labelled holds 7: {zeros_and_ones}")),
        (
            &[("labelled", npy(&[40], &[1.0_f32; 40]))],
            format!("labelled has the type '<f4': {zeros_and_ones}"),
        ),
        (&[("labelled", npy(&[40], &[false; 40]))], format!("labelled is false everywhere; {mask}")),
    ]);
}

#[test]
fn coordinates_that_cannot_be_scored_are_refused_in_one_sentence_that_names_the_row() {
    let with = |n: usize, at: usize, value: f64| {
        let mut values: Vec<f64> = points(n).into_iter().map(f64::from).collect();
        values[at] = value;
        npy(&[n, 2], &values)
    };
    are_refused(&[
        (
            &[("test_embeddings", with(60, 7, f64::NAN))],
            "embedding 3 of the test set has a coordinate that is not finite; every coordinate must be a finite number".into(),
        ),
        (
            &[("train_embeddings", with(40, 7, 1e300))],
            "embedding 3 of the training set has a coordinate beyond 1e15, whose squared distances would overflow; embeddings must be scaled \
             to the order of 1"
                .into(),
        ),
        (
            &[("train_embeddings", with(40, 7, 1e20))],
            "embedding 3 of the training set has a coordinate beyond 1e15, whose squared distances would overflow; embeddings must be scaled \
             to the order of 1"
                .into(),
        ),
    ]);
}

#[test]
fn a_path_that_is_no_file_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    is_refused(&folder.path().join("missing.npz"), "No such file or directory (os error 2)");
    is_refused(folder.path(), "is a folder: an npz file is expected");
}

/// What `dml embed` writes of a split of the clusters.
fn embedded(folder: &TempDir, name: &str, n: usize, n_labelled: usize) -> PathBuf {
    let path = folder.path().join(name);
    let mut npz = NpzWriter::create(&path).unwrap();
    npz.add_f32("embeddings", Array2::from_shape_vec((n, 2), points(n)).unwrap().view()).unwrap();
    npz.add_i64("labels", &labels(n)).unwrap();
    npz.add_bool("labelled", &(0..n).map(|i| i < n_labelled).collect::<Vec<_>>()).unwrap();
    npz.finish().unwrap();
    path
}

#[test]
fn what_embed_writes_is_scored_alone_and_with_a_training_split() {
    let folder = tempfile::tempdir().unwrap();
    let [train, test] = [embedded(&folder, "train.npz", 40, 10), embedded(&folder, "test.npz", 60, 0)];
    let only = ["--only", "knn,clustering,retrieval"];
    let mask: Vec<bool> = (0..40).map(|i| i < 10).collect();
    let expected = score(&file(&folder, &[("labelled", npy(&[40], &mask))]), &only);
    let both = score(&test, &[&["--train", text(&train)], &only[..]].concat());
    assert_eq!(both, expected);
    assert_eq!(
        keys(&both),
        ["clustering", "labelled", "n_classes", "n_test", "n_train", "readout", "retrieval", "test_folds"]
    );
    let output = dml(&[&["score", text(&test), "--json"], &only[..]].concat()).output().unwrap();
    let alone: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(keys(&alone), ["clustering", "n_classes", "n_test", "retrieval", "test_folds"]);
    assert_eq!(
        (&alone["test_folds"], &alone["retrieval"]),
        (&expected["test_folds"], &expected["retrieval"])
    );
    let note = "it has one split, so read-outs are fitted on folds of it alone; --train FILE adds those that are fitted on other rows";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("note: {}: {note}\n", test.display()));
    // Rows without a label are left out, and marks stay with their rows.
    let path = folder.path().join("part.npz");
    let mut npz = NpzWriter::create(&path).unwrap();
    let kept = |i: usize| if i < 2 { -1 } else { labels(42)[i] };
    let rows = [&[0.0; 4][..], &points(40)].concat();
    npz.add_f32("embeddings", Array2::from_shape_vec((42, 2), rows).unwrap().view()).unwrap();
    npz.add_i64("labels", &(0..42).map(kept).collect::<Vec<_>>()).unwrap();
    npz.add_bool("labelled", &(0..42).map(|i| i < 12).collect::<Vec<_>>()).unwrap();
    npz.finish().unwrap();
    let arguments = [&["score", text(&test), "--json", "--train", text(&path)], &only[..]].concat();
    let output = dml(&arguments).output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), expected);
    let note = format!("2 of 42 rows of {} have no label and are left out", path.display());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("note: {}: {note}\n", test.display()));
    // Rows that a read-out has seen are told.
    let output = dml(&["score", text(&test), "--train", text(&test), "--only", "knn"]).output().unwrap();
    let note = "60 of 60 test rows equal a training row; where they are of the same images, scores by it are those of images seen";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("note: {}: {note}\n", test.display()));
    // A file that saw no label as the training rows of another, and one that is not there.
    let unseen = score(&train, &["--train", text(&test), "--only", "knn"]);
    assert_eq!(keys(&unseen), ["n_classes", "n_test", "n_train", "readout", "test_folds"]);
    let (code, complaint) = complaint_of(&["score", text(&test), "--train", "missing.npz"]);
    assert_eq!(
        (code, complaint.as_str()),
        (Some(1), "error: missing.npz: No such file or directory (os error 2)\n")
    );
}

#[test]
fn training_rows_that_are_not_used_are_told_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let notes = |path: &Path, options: &[&str]| {
        let arguments = [&["score", text(path), "--json", "--only", "knn"], options].concat();
        let output = dml(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap().trim_end().replace(text(folder.path()), "FOLDER")
    };
    let train = embedded(&folder, "train.npz", 50, 10);
    let full = file(&folder, &[]);
    insta::assert_snapshot!(notes(&full, &["--train", text(&train)]), @"note: FOLDER/embeddings.npz: train_embeddings of FOLDER/embeddings.npz are not used; its test_embeddings are");
    insta::assert_snapshot!(notes(&train, &["--train", text(&full)]), @"note: FOLDER/train.npz: test_embeddings of FOLDER/embeddings.npz are not used; its train_embeddings are");
    let none = [("test_embeddings", vec![]), ("test_labels", vec![])];
    let one = [("embeddings", npy(&[60, 2], &points(60))), ("labels", npy(&[60], &labels(60)))];
    insta::assert_snapshot!(notes(&file(&folder, &[&none[..], &one].concat()), &[]), @"note: FOLDER/embeddings.npz: its train_embeddings are not used: embeddings and labels are one split, and read-outs are fitted on folds of it; name these test_embeddings and test_labels to fit on the others");
    let narrow = file(&folder, &[("test_embeddings", npy(&[60, 1], &[0.5_f32; 60]))]);
    let (code, complaint) = complaint_of(&["score", text(&narrow), "--train", text(&train)]);
    let (train, narrow) = (train.display(), narrow.display());
    let sentence =
        format!("embeddings have 2 dimensions and test_embeddings of {narrow} 1; both need the same");
    assert_eq!((code, complaint), (Some(1), format!("error: {train}: {sentence}\n")));
    let only = ["--only", "clustering,retrieval"];
    let arguments = [&["score", "x.npz", "--train", "missing.npz"], &only[..]].concat();
    let (code, complaint) = complaint_of(&arguments);
    let sentence = "--train missing.npz has rows that read-outs are fitted on, and --only asks for none; leave it out, or name one, as in --only knn";
    assert_eq!((code, complaint), (Some(2), format!("error: {sentence}\n")));
}

#[test]
fn a_flipped_byte_is_refused_and_not_scored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("embeddings.npz");
    let mut npz = NpzWriter::create(&path).unwrap();
    let labels = |n: usize| (0..n as i64).map(|i| i % 2 + 700).collect::<Vec<_>>();
    for (split, n) in [("train", 40), ("test", 60)] {
        let embeddings = Array2::from_shape_vec((n, 2), points(n)).unwrap();
        npz.add_f32(&format!("{split}_embeddings"), embeddings.view()).unwrap();
        npz.add_i64(&format!("{split}_labels"), &labels(n)).unwrap();
    }
    npz.finish().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // The last label of the test set becomes the other class.
    let at = bytes.windows(8).rposition(|window| window == 701_i64.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (code, complaint) = complaint_of(&["score", text(&path), "--only", "nearest"]);
    assert_eq!(
        complaint,
        format!(
            "error: {}: test_labels is damaged (its bytes do not have the CRC-32 that the file states): copy or download the file again\n",
            path.display()
        )
    );
    assert_eq!(code, Some(1));
}
