use dml_spec::Ignore;
use dml_store::lookup;
use std::collections::BTreeMap;

use super::chart::in_lines;
use super::*;
use crate::evidence::join;
use crate::synthetic::{Synthetic, blobs, bowl, write_geodesics, write_latent};

const SPECS: &str = r#"
[[figure]]
kind = "score"
name = "accuracy"
title = "Accuracy"
x = "data.labelled_percent"
score = "test_folds.knn.accuracy"
lines = ["model.system", "routine.alpha"]
[[figure]]
kind = "curves"
name = "curves"
title = "Curves"
curves = ["supervised", "reconstruction", "kl"]
lines = ["model.system"]
[[figure]]
kind = "latent"
name = "latent"
title = "Latent spaces"
select = { "data.labelled_percent" = 10 }
panels = ["model.system"]
[[figure]]
kind = "information"
name = "information"
title = "Information"
ami = "test_folds.knn.ami"
kl = "test_folds.knn.accuracy"
classes = 10
lines = ["model.system"]
[[figure]]
kind = "images"
name = "decoded"
title = "Decoded"
file = "decoded.png"
panels = ["model.system"]
[[figure]]
kind = "geodesics"
name = "geodesics"
title = "Geodesics"
panels = ["model.system"]
"#;

fn draw_all(synthetic: &Synthetic, store: &RunStore) -> Vec<Figure> {
    let specs: BTreeMap<String, Vec<FigureSpec>> = toml::from_str(SPECS).unwrap();
    let ignore = Ignore::new();
    let trials = join(&synthetic.results, &synthetic.expected, &ignore);
    let ranks = Ranks::of(&trials);
    specs["figure"].iter().map(|spec| draw(spec, &trials, &ranks, store).unwrap()).collect()
}

#[test]
fn a_score_figure_says_what_diverged_and_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::open(folder.path()).unwrap();
    let mut synthetic = Synthetic::new(3);
    assert!(!draw_all(&synthetic, &store)[0].caption.contains("diverged"));
    synthetic.diverge("dml", 10.0, 2);
    let caption = &draw_all(&synthetic, &store)[0].caption;
    assert_eq!(
        caption,
        "Mean over seeds; the band is its 95% t interval, which a point with one seed has not. 2 trials diverged: their seeds are left out there, which flatters their lines."
    );
    synthetic.lose("pixels", 10.0, 1);
    let figures = draw_all(&synthetic, &store);
    assert!(figures[0].caption.ends_with(" 1 trial has no result yet."), "{}", figures[0].caption);
}

#[test]
fn a_point_of_a_score_figure_is_a_mean_over_whole_seeds() {
    // dml_autoencoder has two alphas a seed: of seed 0 one is gone, so that seed 1 alone is whole.
    let mut synthetic = Synthetic::new(2);
    synthetic.results.retain(|r| {
        let of = |key: &str| lookup(&r.trial, key).map(value_text).unwrap();
        of("model.system") == "dml_autoencoder" && (of("routine.alpha") == "0.5" || of("seed") == "1")
    });
    synthetic.rescore(|_, _, seed| if seed == 0 { (0.1, 0.0) } else { (0.9, 0.0) });
    let ignore = Ignore::new();
    let trials = join(&synthetic.results, &synthetic.expected, &ignore);
    let select = toml::from_str("'model.system' = 'dml_autoencoder'").unwrap();
    let groups = groups(&trials, &select, &[], &Ranks::of(&trials));
    let line = score::line(&groups[0], "data.labelled_percent", "test_folds.knn.accuracy");
    let points: Vec<_> = line.iter().map(|(x, e)| (*x, e.mean, e.n)).collect();
    assert_eq!(points, [(0.1, 0.9, 1), (10.0, 0.9, 1)]);
}

#[test]
fn every_kind_of_figure_is_drawn_for_both_grounds_and_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::open(folder.path()).unwrap();
    let synthetic = Synthetic::new(3);
    for (index, trial) in synthetic.expected.iter().enumerate().filter(|(i, _)| i % 3 == 0) {
        let directory = store.trial_directory(&store.add(trial).unwrap());
        write_latent(&directory, &blobs(60, 2 + index / 6 % 2, 0));
        let pixel = raster::png("<svg xmlns='http://www.w3.org/2000/svg' width='2' height='3'/>").unwrap();
        std::fs::write(directory.join("decoded.png"), &pixel).unwrap();
        write_geodesics(&directory, &bowl());
        std::fs::write(directory.join("geodesics.png"), &pixel).unwrap();
    }
    let figures = draw_all(&synthetic, &store);
    assert_eq!(figures, draw_all(&synthetic, &store));
    for figure in &figures {
        let [light, dark] = figure.pictures.as_ref().unwrap();
        assert_ne!(light.png, dark.png, "{}", figure.name);
        assert!(light.png.starts_with(b"\x89PNG") && !light.svg.contains("NaN"), "{}", figure.name);
    }
    let lines = |figure: &Figure| figure.pictures.as_ref().unwrap()[0].svg.matches("<polyline").count();
    assert!(lines(&figures[0]) >= 4, "one line a system and alpha");
    assert!(
        figures[1].caption.contains("also go over data.labelled_percent, routine.alpha"),
        "{}",
        figures[1].caption
    );
    assert!(figures[2].caption.contains("standard deviation as radius"), "{}", figures[2].caption);
    assert!(figures[3].caption.contains("H = 2.30 nats"), "{}", figures[3].caption);
    assert!(figures[4].pictures.as_ref().unwrap()[0].svg.matches("<image ").count() == 3);
    assert_ways_are_drawn(&figures[5]);
}

/// Of three planes, each with two pairs of examples.
fn assert_ways_are_drawn(figure: &Figure) {
    let [light, dark] = figure.pictures.as_ref().unwrap();
    let count = |svg: &str, what: &str| svg.matches(what).count();
    for svg in [&light.svg, &dark.svg] {
        assert_eq!(count(svg, "<image "), 9, "shade, scale and images");
        // Each way on a ground of its own: two lines, two geodesics, beside the images again, and
        // in the legend.
        assert_eq!(count(svg, "<polyline "), 3 * 2 * (4 + 4 + 2));
        assert_eq!(count(svg, "stroke-dasharray"), 3 * (2 + 2 + 1), "straight lines");
        assert_eq!(count(svg, ">10</text>"), 3 * 3, "a class at two ends, and a tick");
    }
    assert!(light.svg.contains("sqrt(det G)") && light.svg.contains(">4.5</text>"));
}

#[test]
fn a_figure_without_its_inputs_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::open(folder.path()).unwrap();
    let mut synthetic = Synthetic::new(1);
    let figures = draw_all(&synthetic, &store);
    assert!(figures[0].caption.contains("One seed, so without intervals"));
    assert!(figures[2].pictures.is_none() && figures[2].caption.contains("latent.npz"));
    assert!(figures[4].pictures.is_none() && figures[4].caption.contains("decoded.png"));
    assert!(figures[5].pictures.is_none() && figures[5].caption.contains("evaluation.geodesic_pairs"));
    synthetic.results.clear();
    let figures = draw_all(&synthetic, &store);
    assert!(figures.iter().all(|figure| figure.pictures.is_none()));
    assert!(figures[1].caption.contains("also go over data.labelled_percent"), "{}", figures[1].caption);
}

#[test]
fn titles_that_are_wider_than_their_panels_are_broken_and_all_have_as_many_lines() {
    let titles = in_lines(&["labelled percent 0.1, dml_autoencoder, pull_back, uncertainty 0.2", "pca"], 600);
    assert_eq!(titles[0], ["labelled percent 0.1, dml_autoencoder, ", "pull_back, uncertainty 0.2"]);
    assert_eq!(titles[1], ["pca", ""]);
    assert_eq!(in_lines(&["pca"], 600), [["pca"]]);
    assert_eq!(in_lines(&[""], 600), [[""]], "where panels = [] there is one without a title");
}

#[test]
fn a_group_in_which_no_key_means_anything_has_a_label() {
    let keys = ["model.system".to_string(), "routine.gamma".to_string()];
    let label = |system: Option<&str>, gamma: Option<f64>| {
        group_label(&keys, &[system.map(Value::from), gamma.map(Value::from)])
    };
    assert_eq!(label(Some("dml"), Some(2.0)), "dml, gamma 2");
    assert_eq!(label(Some("dml"), None), "dml");
    assert_eq!(label(None, None), "–");
}
