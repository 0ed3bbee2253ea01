//! What a trial says and leaves of its decoder's geometry.

use dml_data::npz::Npz;
use dml_store::{Outcome, Scores};

use crate::store::{Store, files, result, run};

fn over_geodesic(trial: &std::path::Path) -> Scores {
    let Outcome::Scored { mut scores, .. } = result(trial).outcome else { panic!("it diverged") };
    scores.retain(|name, _| name.starts_with("over_geodesic."));
    scores
}

/// The files that are there by geodesics.
fn left(trial: &std::path::Path) -> Vec<String> {
    files(trial).into_iter().filter(|name| name.starts_with("geodesics")).collect()
}

#[test]
fn a_trial_that_asks_for_geodesics_compares_distances_with_them_and_leaves_them_of_a_plane() {
    let store = Store::new();
    let trial = store.add("evaluation.geodesic_pairs = 30\ntraining.epochs = 2");
    let ran = run(&[], &[&trial]).well();
    assert!(ran.events_of(&trial).contains(&"scoring geodesics".to_string()), "{:?}", ran.events_of(&trial));
    let scores = over_geodesic(&trial);
    let names: Vec<&str> = scores.keys().map(String::as_str).collect();
    insta::assert_snapshot!(names.join(" "), @"over_geodesic.geodesic over_geodesic.graph over_geodesic.line over_geodesic.whole_line");
    let of = |name: &str| scores[&format!("over_geodesic.{name}")];
    assert!(of("whole_line") > 1.0 - 1e-4 && of("line") < of("whole_line") + 1e-5, "{scores:?}");
    assert!(of("geodesic") <= of("graph"), "{scores:?}");
    assert_eq!(left(&trial), ["geodesics.npz", "geodesics.png"]);

    // Of three classes two have a pair.
    let mut npz = Npz::open(&trial.join("geodesics.npz")).unwrap();
    assert_eq!(npz.names(), ["classes", "geodesics", "lengths", "log10_volume", "rows", "window"]);
    let (classes, rows) = (npz.read_labels("classes").unwrap(), npz.read_labels("rows").unwrap());
    assert!(classes.len() == 2 && classes[0] != classes[1] && rows.len() == 2, "{classes:?} {rows:?}");
    let (curve, window) = (npz.read_f32("geodesics").unwrap(), npz.read_f32("window").unwrap());
    assert_eq!((curve.dim(), npz.read_f32("log10_volume").unwrap().dim()), ((33, 2), (100, 100)));
    let is_inside = |d: usize| curve.column(d).iter().all(|x| (window[(d, 0)]..window[(d, 1)]).contains(x));
    assert!(is_inside(0) && is_inside(1), "{curve} in {window}");
    let lengths = npz.read_f32("lengths").unwrap();
    assert!(lengths[(0, 0)] > 0.0 && lengths[(0, 0)] < 1.001 * lengths[(0, 1)], "{lengths}");
    // Its ends are the embeddings of these images.
    let mut latent = Npz::open(&trial.join("latent.npz")).unwrap();
    let (embeddings, all) = (latent.read_f32("embeddings").unwrap(), latent.read_labels("rows").unwrap());
    for (row, end) in rows.iter().zip([0, 32]) {
        let place = all.iter().position(|other| other == row).unwrap();
        assert_eq!(embeddings.row(place), curve.row(end));
    }
}

#[test]
fn without_a_plane_there_is_nothing_to_draw_and_without_a_decoder_nothing_to_compare() {
    let store = Store::new();
    let asking = "evaluation.geodesic_pairs = 10\ntraining.epochs = 1\n";
    let trials = ["model.latent_dim = 3", "model.system = 'dml'", "model.system = 'pca'"]
        .map(|settings| store.add(&format!("{asking}{settings}")));
    run(&[], &trials).well();
    assert_eq!(trials.each_ref().map(|trial| over_geodesic(trial).len()), [4, 0, 0]);
    assert!(trials.iter().all(|trial| left(trial).is_empty()));
    let unasked = store.add("training.epochs = 1");
    run(&[], &[&unasked]).well();
    assert!(over_geodesic(&unasked).is_empty() && left(&unasked).is_empty());
}
