//! `dml score` and `dml agreement` on embeddings and labels from anywhere.

mod agreement;
mod files;

use std::path::{Path, PathBuf};

use npyz::half::f16;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::arrays::{npy, write_npz};
use crate::call::{call, complaint_of, stdout_of, text};

/// Name and npy file.
type Member = (&'static str, Vec<u8>);

/// Members of a file of embeddings: two clusters at (-5, -5) and (5, 5), 20 training and 30 test
/// points in each.
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
        // Of another number of points none is the same.
        [centre + i as f32 / 100.0 + n as f32 / 1e5, centre - i as f32 / 200.0]
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
    // On a line at 0, 1, 10, 11, 20, 21: the nearest other of the first four is of the same class,
    // of the last two it is not.
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
    // All five training points are the neighbours of each, and three of them say 4: so say three of
    // six.
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
fn f64_far_from_0_is_scored_as_it_is_near_0_and_what_f32_cannot_tell_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let asked = ["--only", "knn,nearest,linear,clustering,retrieval"];
    // Differences of eighths, which f32 does not have beside the offset.
    let shift = |n: usize| if n == 40 { 0.125 } else { 0.0 };
    let near = |n: usize| points(n).iter().map(|x| (x * 4.0).round() / 4.0 + shift(n)).collect::<Vec<f32>>();
    let far = |n: usize| near(n).iter().map(|&x| f64::from(x) + 1e9).collect::<Vec<f64>>();
    let embeddings = |of: [Vec<u8>; 2]| {
        let [train, test] = of;
        file(&folder, &[("train_embeddings", train), ("test_embeddings", test)])
    };
    let expected = score(&embeddings([npy(&[40, 2], &near(40)), npy(&[60, 2], &near(60))]), &asked);
    let path = embeddings([npy(&[40, 2], &far(40)), npy(&[60, 2], &far(60))]);
    let told = call(&[&["score", text(&path), "--json"], &asked[..]].concat());
    let found: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(found, expected);
    assert_eq!(
        told.err,
        format!(
            "note: {}: it lies far from 0 for f32, so each column's mean over both splits is subtracted; that changes no distance, and of the \
             scores only those of mlp depend on it\n",
            path.display()
        )
    );
    let whole = |n: usize| far(n).iter().map(|&x| (x * 4.0) as i64).collect::<Vec<_>>();
    let path = embeddings([npy(&[40, 2], &whole(40)), npy(&[60, 2], &whole(60))]);
    assert_eq!(score(&path, &asked)["readout"]["knn"], expected["readout"]["knn"], "wide integers as well");
    let groups = |n: usize| {
        (0..2 * n).map(|i| f64::from(i as u8 % 4 / 2) * 1e12 + f64::from(i as u8)).collect::<Vec<_>>()
    };
    let path = embeddings([npy(&[40, 2], &groups(40)), npy(&[60, 2], &groups(60))]);
    let part = ": scores are computed in f32, to which rounding moves 60 of 60 rows looked at by up to ";
    call(&[&["score", text(&path)], &asked[..]].concat()).says(1, &[part]);
}

#[test]
fn rows_that_f32_blurs_and_a_fit_that_has_not_converged_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let notes = |path: &Path, only: &str| {
        let told = call(&["score", text(path), "--json", "--only", only]).says(0, &[]);
        told.err.trim_end().replace(text(path), "FILE")
    };
    // Beside 1e9 f32 has multiples of 64 alone. Two of 60 rows are fewer than one in twenty.
    let mut rows: Vec<f64> = points(60).into_iter().map(f64::from).collect();
    rows[..4].iter_mut().for_each(|x| *x += 1e9);
    let path = file(&folder, &[("test_embeddings", npy(&[60, 2], &rows))]);
    insta::assert_snapshot!(notes(&path, "retrieval"), @"note: FILE: scores are computed in f32, to which rounding moves 2 of 60 test rows looked at by more than a tenth of the way to their nearest row, so they may have other neighbours than in f64; rows of the order of 1 are rounded by less");
    // Columns of 1 to 1e7 that tell nothing of labels.
    let uneven = |n: usize| {
        let shift = n as f32 / 1000.0 - 30.0;
        let at = |i: usize, j: usize| ((i * 37 + j * j * 13 + i * i * (j + 1)) % 61) as f32 + shift;
        let rows = (0..n).flat_map(|i| (0..8).map(move |j| at(i, j) * 10.0_f32.powi(j as i32)));
        npy(&[n, 8], &rows.collect::<Vec<_>>())
    };
    let path = file(&folder, &[("train_embeddings", uneven(40)), ("test_embeddings", uneven(60))]);
    insta::assert_snapshot!(notes(&path, "linear"), @r"
    note: FILE: readout.linear is of a fit that ended before its slopes were flat, so that of its definition may be another; columns of the same spread converge sooner
    note: FILE: test_folds.linear is of a fit that ended before its slopes were flat, so that of its definition may be another; columns of the same spread converge sooner
    ");
}

#[test]
fn a_score_that_cannot_be_had_is_null_and_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &[("test_labels", npy(&[60], &(0..60).collect::<Vec<i64>>()))]);
    let told = call(&["score", text(&path), "--json", "--only", "nearest,retrieval"]);
    let scores: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(scores["retrieval"], Value::Null);
    assert_eq!(
        scores["readout"]["nearest"]["accuracy"],
        json!(2.0 / 60.0),
        "classes 0 and 1 have a point each"
    );
    let why = "none of 60 points shares its class with another, which retrieval needs";
    let expected = format!("note: {}: retrieval is null: {why}\n", path.display());
    assert_eq!(told.err, expected);
    let table = stdout_of(&["score", text(&path), "--only", "nearest,retrieval"]);
    assert!(table.contains("\nretrieval                   null\n"), "{table}");
    let (code, complaint) = complaint_of(&["score", text(&path), "--only", "retrieval"]);
    assert_eq!((code, complaint), (Some(1), format!("error: {}: {why}\n", path.display())));
}

#[test]
fn clustering_and_retrieval_need_no_training_set() {
    let folder = tempfile::tempdir().unwrap();
    let both = ["--only", "clustering,retrieval"];
    let expected = score(&file(&folder, &[]), &both);
    assert_eq!(keys(&expected), ["clustering", "n_classes", "n_test", "retrieval"]);
    let alone = file(&folder, &[("train_embeddings", vec![]), ("train_labels", vec![])]);
    assert_eq!(score(&alone, &both), expected);
    // A class of the training rows alone is none of the test set.
    let third = [("train_labels", npy(&[40], &(0..40).map(|i| i % 3).collect::<Vec<i64>>()))];
    for only in ["retrieval", "retrieval,nearest"] {
        assert_eq!(score(&file(&folder, &third), &["--only", only])["n_classes"], json!(2), "{only}");
    }
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
    call(&["score", "x.npz", "--threads", "1025"]).says(2, &["1025 is not in 1..=1024"]);
    let parts = "[possible values: knn, nearest, random_forest, mlp, linear, propagation, geodesic_knn, clustering, retrieval]";
    call(&["score", "x.npz", "--only", "svm"]).says(2, &[parts]);
}
