//! `dml score` and `dml agreement` on embeddings and labels from anywhere.

use std::fs;
use std::path::{Path, PathBuf};

use dml_data::npz::NpzWriter;
use ndarray::Array2;
use npyz::half::f16;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::arrays::{npy, write_npz};
use crate::call::{complaint_of, stdout_of, text};

/// Name and npy file.
type Member = (&'static str, Vec<u8>);

/// Members of a file of embeddings: two clusters at (-5, -5) and (5, 5), 20 training and 30 test points in each.
fn clusters() -> Vec<Member> {
    vec![
        ("train_embeddings", npy(&[40, 2], &points(40))),
        ("train_labels", npy(&[40], &labels(40))),
        ("test_embeddings", npy(&[60, 2], &points(60))),
        ("test_labels", npy(&[60], &labels(60))),
    ]
}

/// Points of the two clusters in turn, none twice.
fn points(n: usize) -> Vec<f32> {
    let point = |i: usize| {
        let centre = if i.is_multiple_of(2) { -5.0 } else { 5.0 };
        [centre + i as f32 / 100.0, centre - i as f32 / 200.0]
    };
    (0..n).flat_map(point).collect()
}

fn labels(n: usize) -> Vec<i64> {
    (0..n as i64).map(|i| i % 2).collect()
}

/// Writes members, with some replaced or added.
fn file(folder: &TempDir, changed: &[Member]) -> PathBuf {
    let path = folder.path().join("embeddings.npz");
    let mut arrays = clusters();
    arrays.retain(|(name, _)| changed.iter().all(|(changed, _)| changed != name));
    arrays.extend(changed.iter().filter(|(_, bytes)| !bytes.is_empty()).cloned());
    write_npz(&path, &arrays);
    path
}

fn score(path: &Path, options: &[&str]) -> Value {
    let arguments = [&["score", text(path), "--json"], options].concat();
    let printed = stdout_of(&arguments);
    assert_eq!(printed.lines().count(), 1, "one object");
    serde_json::from_str(&printed).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn clusters_far_apart_get_every_score_there_is_and_all_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let mask: Vec<bool> = (0..40).map(|i| i < 10).collect();
    let scores = score(&file(&folder, &[("labelled", npy(&[40], &mask))]), &[]);
    assert_eq!(
        (&scores["n_train"], &scores["n_test"], &scores["n_classes"]),
        (&json!(40), &json!(60), &json!(2))
    );
    let groups =
        ["clustering", "labelled", "n_classes", "n_test", "n_train", "readout", "retrieval", "test_folds"];
    assert_eq!(keys(&scores), groups);
    for group in ["readout", "test_folds", "labelled"] {
        assert_eq!(keys(&scores[group]), ["knn", "linear", "mlp", "nearest", "random_forest"]);
        for (name, readout) in scores[group].as_object().unwrap() {
            assert_eq!(readout, &json!({"accuracy": 1.0, "ami": 1.0}), "{group} {name}");
        }
    }
    let clustering = json!({"clustering_accuracy": 1.0, "ami": 1.0, "nmi": 1.0, "ari": 1.0});
    assert_eq!(scores["clustering"]["k_means"], clustering);
    let retrieval = json!({"recall_at_1": 1.0, "r_precision": 1.0, "map_at_r": 1.0});
    assert_eq!(scores["retrieval"], retrieval);
}

#[test]
fn labels_that_the_embeddings_do_not_tell_get_what_is_counted_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    // On a line at 0, 1, 10, 11, 20, 21: the nearest other of the first four is of the same class, of the last two it is not.
    let test = npy(&[6, 1], &[0.0_f64, 1.0, 10.0, 11.0, 20.0, 21.5]);
    let changed = [
        ("train_embeddings", npy(&[5, 1], &[0.0_f64; 5])),
        ("train_labels", npy(&[5], &[4_i64, 4, 4, 8, 8])),
        ("test_embeddings", test),
        ("test_labels", npy(&[6], &[4_i64, 4, 8, 8, 4, 8])),
    ];
    let scores = score(&file(&folder, &changed), &["--only", "knn,retrieval"]);
    assert_eq!(keys(&scores), ["n_classes", "n_test", "n_train", "readout", "retrieval", "test_folds"]);
    assert_eq!(keys(&scores["readout"]), ["knn"]);
    // All five training points are the neighbours of each, and three of them say 4: so say three of six.
    assert_eq!(scores["readout"]["knn"], json!({"accuracy": 0.5, "ami": 0.0}));
    assert_eq!(scores["retrieval"]["recall_at_1"], json!(4.0 / 6.0));
    // R = 2 others of a class each. Of the nearest two: 4 8 | 4 8 | 8 4 | 8 4 | 8 8 | 4 8, by rank.
    assert_eq!(scores["retrieval"]["r_precision"], json!((0.5 + 0.5 + 0.5 + 0.5 + 0.0 + 0.5) / 6.0));
    // Precision counts at a hit: 1/1 at rank one, 1/2 at rank two, over R.
    assert_eq!(scores["retrieval"]["map_at_r"], json!((0.5 + 0.5 + 0.5 + 0.5 + 0.0 + 0.25) / 6.0));
}

#[test]
fn any_number_type_gives_the_same_scores() {
    let folder = tempfile::tempdir().unwrap();
    // Values that f16 holds exactly.
    let values: Vec<f64> = points(40).iter().map(|&x| f16::from_f32(x).to_f64()).collect();
    let halves: Vec<f16> = values.iter().map(|&x| f16::from_f64(x)).collect();
    let singles: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    let score_of = |embeddings: Vec<u8>, labels: Vec<u8>| {
        let changed = [("train_embeddings", embeddings), ("train_labels", labels)];
        score(&file(&folder, &changed), &["--only", "knn,linear"])
    };
    let labels = labels(40);
    let narrow: Vec<i8> = labels.iter().map(|&label| label as i8).collect();
    let wide: Vec<u64> = labels.iter().map(|&label| label as u64).collect();
    let expected = score_of(npy(&[40, 2], &singles), npy(&[40], &labels));
    assert_eq!(score_of(npy(&[40, 2], &values), npy(&[40, 1], &narrow)), expected);
    assert_eq!(score_of(npy(&[40, 2], &halves), npy(&[40], &wide)), expected);
}

#[test]
fn people_get_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout_of(&["score", text(&file(&folder, &[])), "--only", "knn,clustering,retrieval"]);
    insta::assert_snapshot!(printed, @r"
    n_classes                   2
    n_test                      60
    n_train                     40
    clustering gaussian_mixture ami 1.0000    ari 1.0000    clustering_accuracy 1.0000    nmi 1.0000
    clustering k_means          ami 1.0000    ari 1.0000    clustering_accuracy 1.0000    nmi 1.0000
    readout knn                 accuracy 1.0000    ami 1.0000
    retrieval                   map_at_r 1.0000    r_precision 1.0000    recall_at_1 1.0000
    test_folds knn              accuracy 1.0000    ami 1.0000
    ");
}

#[test]
fn what_is_wrong_with_a_file_is_one_sentence_that_names_file_and_member() {
    let folder = tempfile::tempdir().unwrap();
    let with = |n: usize, at: usize, value: f64| {
        let mut values: Vec<f64> = points(n).into_iter().map(f64::from).collect();
        values[at] = value;
        npy(&[n, 2], &values)
    };
    let with_label = |n: usize, at: usize| {
        let mut labels = labels(n);
        labels[at] = -1;
        npy(&[n], &labels)
    };
    let mask = "a mask of 40 booleans is wanted, one a training row, and true where its label was seen";
    let expected = "expected are test_embeddings and test_labels, for read-outs train_embeddings and train_labels, and if you like labelled";
    let unlabelled = "and labels are 0 or more: a row without a label cannot be scored; a row whose label the model did not see keeps its label and is \
        false in `labelled`, an array of 0 and 1 over the training rows";
    let nothing = |n| npy::<f32>(&[n, 0], &[]);
    let dimensions = "have no dimensions; they need at least one";
    let cases: [(&[Member], String); 18] = [
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
        (&[("train_labels", with_label(40, 3))], format!("train_labels has -1 in row 3, {unlabelled}")),
        (&[("test_labels", with_label(60, 5))], format!("test_labels has -1 in row 5, {unlabelled}")),
        (&[("labelled", npy(&[3], &[0_i64, 7, 9]))], format!("labelled has 3 values and train_labels 40; {mask}")),
        (&[("labelled", npy(&[40], &[7_i64; 40]))], format!("labelled holds 7; {mask}")),
        (&[("labelled", npy(&[40], &[false; 40]))], format!("labelled is false everywhere; {mask}")),
        (
            &[("test_embeddings", with(60, 7, f64::NAN))],
            "embedding 3 of the test set has a coordinate that is not finite; every coordinate must be a finite number".into(),
        ),
        (
            &[("train_embeddings", with(40, 7, 1e300))],
            "train_embeddings holds 1e300: numbers up to 3.4028235e38 are expected".into(),
        ),
        (
            &[("train_embeddings", with(40, 7, 1e20))],
            "embedding 3 of the training set has a coordinate beyond 1e15, whose squared distances would overflow; embeddings must be scaled \
             to the order of 1"
                .into(),
        ),
        (
            &[("test_labels", npy(&[60], &(0..60).collect::<Vec<i64>>()))],
            "none of 60 points shares its class with another, which retrieval needs; --only knn,nearest,random_forest,mlp,linear,clustering \
             leaves it out"
                .into(),
        ),
    ];
    for (changed, sentence) in cases {
        let path = file(&folder, changed);
        let (code, complaint) = complaint_of(&["score", text(&path)]);
        assert_eq!(complaint, format!("error: {}: {sentence}\n", path.display()));
        assert_eq!(code, Some(1), "{complaint}");
    }
    for (path, sentence) in [
        (folder.path().join("missing.npz"), "No such file or directory (os error 2)"),
        (folder.path().to_owned(), "is a folder: an npz file is expected"),
    ] {
        let (code, complaint) = complaint_of(&["score", text(&path)]);
        assert_eq!(complaint, format!("error: {}: {sentence}\n", path.display()));
        assert_eq!(code, Some(1));
    }
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

#[test]
fn clustering_and_retrieval_need_no_training_set() {
    let folder = tempfile::tempdir().unwrap();
    let both = ["--only", "clustering,retrieval"];
    let expected = score(&file(&folder, &[]), &both);
    assert_eq!(keys(&expected), ["clustering", "n_classes", "n_test", "retrieval"]);
    let alone = file(&folder, &[("train_embeddings", vec![]), ("train_labels", vec![])]);
    assert_eq!(score(&alone, &both), expected);
    let one = [("test_embeddings", npy(&[0, 2], &points(0))), ("test_labels", npy(&[0], &labels(0)))];
    let (_, complaint) = complaint_of(&[&["score", text(&file(&folder, &one))], &both[..]].concat());
    assert!(
        complaint.ends_with("test_embeddings have 0 rows, and a score needs at least 1\n"),
        "{complaint}"
    );
}

#[test]
fn help_says_what_the_words_of_a_table_mean() {
    let help = stdout_of(&["score", "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    for word in ["`readout`: ", "`test_folds`: ", "`labelled`: ", "`train`", "-1 for \"none\" is refused"] {
        assert!(help.contains(word), "{word} is not in {help}");
    }
    let (code, complaint) = complaint_of(&["score", "x.npz", "--only", "svm"]);
    assert_eq!(code, Some(2));
    let parts = "[possible values: knn, nearest, random_forest, mlp, linear, clustering, retrieval]";
    assert!(complaint.contains(parts), "{complaint}");
}

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
    // Entropies ln 2 of the classes and 1.5 ln 2 of the clusters, mutual information ln 2, of which 2/3 ln 2 are
    // expected by chance. Of six pairs one is together in both, two in the first, one in the second.
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
