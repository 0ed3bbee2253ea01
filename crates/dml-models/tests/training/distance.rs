//! Distances along the decoder.

use dml_losses::{Contrastive, Nca, SupCon, Triplet};
use dml_models::{
    DistanceConfig, Length, ModelConfig, PullBackConfig, RoutineConfig, Stack, System, TrainConfig, Way, Ways,
};
use ndarray::{Array2, Axis, s};

use crate::common::{data, images, rows, stack, trained, trial as any_trial};

/// A change that makes settings wrong, and what is said then.
type Change<C> = (fn(&mut C), &'static str);

fn along(by: Way, uncertainty: f64) -> DistanceConfig {
    DistanceConfig::PullBack(PullBackConfig { by, segments: 2, nodes: 30, neighbours: 4, uncertainty })
}

/// A trial whose metric loss is of distances along the decoder.
pub(crate) fn trial(by: Way) -> TrainConfig {
    let mut config = any_trial(System::DmlAutoencoder, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.distance = along(by, 0.2);
    config.loss = Contrastive { margin: 1.0, normalized: false }.into();
    config.training.epochs = 2;
    config
}

#[test]
fn every_way_trains_both_systems_with_a_decoder_and_makes_a_difference() {
    for system in [System::DmlAutoencoder, System::MetricVae] {
        let mut seen = Vec::new();
        for distance in [
            DistanceConfig::Euclidean {},
            along(Way::Line, 0.0),
            along(Way::Line, 0.2),
            along(Way::Graph, 0.0),
            along(Way::Geodesic, 0.0),
        ] {
            let config = TrainConfig { distance, ..trial(Way::Line) };
            let config = TrainConfig { model: ModelConfig { system, ..config.model }, ..config };
            let stack = trained(&config);
            assert!(stack.members[0].diverged.is_none());
            let curve: Vec<f64> = stack.members[0].curves["supervised"].iter().flatten().copied().collect();
            assert!(curve.len() == 2 && curve.iter().all(|x| x.is_finite()), "{curve:?}");
            assert!(!seen.contains(&curve), "{:?} {system:?}", config.distance);
            seen.push(curve);
        }
    }
}

#[test]
fn all_decoders_learn_and_the_first_draws_images() {
    let config = |decoders| {
        let config = sure_trial();
        TrainConfig { model: ModelConfig { decoders, ..config.model }, ..config }
    };
    let [one, three] = [1, 3].map(|decoders| trained(&config(decoders)));
    let fresh = stack(vec![config(3)], &[rows(40)]);
    let [of_one, of_three] = [&one, &three].map(|stack| stack.parameters.tensors.len());
    assert_eq!(of_three, of_one + 2 * 4, "two layers of a decoder have four tensors");
    let mut pairs = three.parameters.tensors.iter().zip(&fresh.parameters.tensors);
    assert!(pairs.all(|(after, before)| !after.equal(before)), "each has learned");
    let error = |stack: &Stack| {
        let truth = images().mapv(|pixel| f32::from(pixel) / 255.0);
        (stack.reconstruct(0, images().view()).unwrap() - truth).mapv(|x| x * x).mean().unwrap()
    };
    assert!(error(&three) < 0.95 * error(&fresh), "{} of {}", error(&three), error(&fresh));
}

#[test]
fn decoded_lengths_are_those_of_images_along_the_lines() {
    let stack = sure();
    let embeddings = stack.embed(0, images().view());
    let (from, to) = (embeddings.slice(s![..3, ..]), embeddings.slice(s![3..6, ..]));
    let lengths = stack.latent_geometry(0, &data(stack.device)).unwrap().line_lengths(from, to);
    for (i, length) in lengths.iter().enumerate() {
        let point = |t: f32| &from.row(i) * (1.0 - t) + &to.row(i) * t;
        let line = Array2::from_shape_fn((9, 2), |(s, k)| point(s as f32 / 8.0)[k]);
        let images = stack.decode(0, line.view()).unwrap();
        let step =
            |s: usize| (&images.row(s + 1) - &images.row(s)).mapv(|x| f64::from(x).powi(2)).sum().sqrt();
        let expected: f64 = (0..8).map(step).sum();
        assert!((length - expected).abs() < 1e-4 * expected, "{length} is not {expected}: f32 rounding");
    }
}

/// A trained model that is sure everywhere.
fn sure() -> Stack {
    trained(&sure_trial())
}

fn sure_trial() -> TrainConfig {
    TrainConfig { distance: along(Way::Line, 0.0), ..trial(Way::Line) }
}

fn assert_measured(stack: &Stack, ways: &Ways) {
    for (points, length) in ways.points.axis_iter(Axis(0)).zip(&ways.lengths) {
        let images = stack.decode(0, points).unwrap();
        let step =
            |s: usize| (&images.row(s + 1) - &images.row(s)).mapv(|x| f64::from(x).powi(2)).sum().sqrt();
        let expected: f64 = (0..images.nrows() - 1).map(step).sum();
        assert!((length - expected).abs() < 1e-4 * expected, "{length} is not {expected}: f32 rounding");
    }
}

#[test]
fn geodesics_join_what_lines_join_and_are_shorter_by_what_the_decoder_makes_of_both() {
    let stack = sure();
    let data = data(stack.device);
    let embeddings = stack.embed(0, images().view());
    let (from, to) = (embeddings.slice(s![..6, ..]), embeddings.slice(s![7..13, ..]));
    let geometry = stack.latent_geometry(0, &data).unwrap();
    let [lines, geodesics] = [geometry.lines(from, to), geometry.geodesics(from, to)];
    assert_eq!((lines.points.dim(), geodesics.points.dim()), ((6, 33, 2), (6, 33, 2)));
    for ways in [&lines, &geodesics] {
        assert_measured(&stack, ways);
        assert_eq!(ways.points.index_axis(Axis(1), 0), from);
        assert_eq!(ways.points.index_axis(Axis(1), 32), to);
    }
    let saved = lines.lengths.iter().zip(&geodesics.lengths).map(|(line, geodesic)| 1.0 - geodesic / line);
    let saved: Vec<f64> = saved.collect();
    assert!(saved.iter().all(|saved| *saved > -1e-4), "no geodesic is longer: {saved:?}");
    assert!(saved.iter().any(|saved| *saved > 1e-3), "one is shorter: {saved:?}");
}

#[test]
fn the_volume_is_that_of_differences_between_decoded_images_and_more_where_the_decoder_is_unsure() {
    let stack = sure();
    let points = stack.embed(0, images().view()).slice(s![..8, ..]).to_owned();
    let ours = stack.latent_geometry(0, &data(stack.device)).unwrap().volume(points.view());
    let column = |k: usize| {
        let moved = |by: f32| {
            let mut moved = points.clone();
            moved.column_mut(k).mapv_inplace(|x| x + by);
            stack.decode(0, moved.view()).unwrap().mapv(f64::from)
        };
        (moved(1e-3) - moved(-1e-3)) / 2e-3 // [n, pixels]
    };
    let [a, b] = [column(0), column(1)];
    for (i, volume) in ours.iter().enumerate() {
        let [aa, ab, bb] = [(&a, &a), (&a, &b), (&b, &b)].map(|(x, y)| x.row(i).dot(&y.row(i)));
        let expected = (aa * bb - ab * ab).sqrt();
        assert!(
            (volume - expected).abs() < 1e-2 * expected,
            "{volume} is not {expected}: differences in f32"
        );
    }
    let unsure = trained(&trial(Way::Line)); // Lines with an uncertainty of 0.2.
    let far = Array2::from_elem((1, 2), 100.0);
    let near = unsure.embed(0, images().view()).slice(s![..40, ..]).to_owned();
    let geometry = unsure.latent_geometry(0, &data(unsure.device)).unwrap();
    let lengths = |from: &Array2<f32>, to: &Array2<f32>| geometry.lines(from.view(), to.view()).lengths;
    let way_out = lengths(&near.slice(s![..1, ..]).to_owned(), &far)[0];
    // A deviation of 0.2 in each of 49 pixels is 1.4 in all, and next to nothing among embeddings.
    let decoded = [&near.slice(s![..1, ..]).to_owned(), &far].map(|z| unsure.decode(0, z.view()).unwrap());
    let apart = (&decoded[0] - &decoded[1]).mapv(|x| f64::from(x).powi(2)).sum().sqrt();
    assert!(way_out > apart.hypot(1.0), "{way_out} of images that are {apart} apart");
    let many = geometry.line_lengths(near.slice(s![..1, ..]), far.view())[0];
    assert!(many > apart.hypot(1.0), "{many} of images that are {apart} apart, also for read-outs");
}

#[test]
fn the_distances_of_training_are_compared_with_geodesics() {
    let with = |segments: i64| {
        let DistanceConfig::PullBack(settings) = along(Way::Line, 0.0) else { unreachable!() };
        let distance = DistanceConfig::PullBack(PullBackConfig { segments, ..settings });
        let stack = trained(&TrainConfig { distance, ..trial(Way::Line) });
        let data = data(stack.device);
        let found = stack.over_geodesic(0, &data, 60).unwrap();
        assert_eq!(stack.over_geodesic(0, &data, 60), Some(found), "the same pairs");
        found
    };
    let coarse = with(2);
    // Chords of two segments leave out what those of 32 see, and no detour is shorter.
    assert!(coarse.line < coarse.whole_line + 1e-5 && coarse.geodesic <= coarse.graph, "{coarse:?}");
    assert!(coarse.whole_line > 1.0 - 1e-4, "{coarse:?}");
    let fine = with(32);
    assert!((fine.line - fine.whole_line).abs() < 1e-5, "{fine:?}: the same, decoded in another order");
    assert!(1.0 - 1e-3 < fine.geodesic && fine.geodesic <= fine.graph, "{fine:?}");

    let without = trained(&any_trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 }));
    assert_eq!(without.over_geodesic(0, &data(without.device), 60), None);
    assert!(without.latent_geometry(0, &data(without.device)).is_none());
    let by_itself = stack(vec![trial(Way::Line)], &[rows(1)]);
    assert_eq!(by_itself.over_geodesic(0, &data(by_itself.device), 60), None, "one image has no pair");
    let euclidean = trained(&any_trial(System::MetricVae, RoutineConfig::JointAlpha { alpha: 0.5 }));
    assert!(euclidean.over_geodesic(0, &data(euclidean.device), 60).unwrap().whole_line > 1.0 - 1e-4);
}

#[test]
fn a_distance_along_the_decoder_is_refused_where_it_means_nothing() {
    let fine: TrainConfig = trial(Way::Graph);
    fine.check().unwrap();
    let about = "distance = { kind = \"pull_back\" }";
    let decoder = "is for systems with a metric loss and a decoder: set model.system to \"dml_autoencoder\" or \"metric_vae\", or distance = { kind = \"euclidean\" }";
    let loss = "needs a loss of distances: set loss.kind to \"triplet\", \"contrastive\", \"lifted_structure\" or \"nca\", with normalized = false where it has that";
    let cases: [Change<TrainConfig>; 7] = [
        (|c| c.model.system = System::Dml, decoder),
        (|c| c.model.system = System::DmlPrior, decoder),
        (|c| c.model.system = System::Autoencoder, decoder),
        (|c| c.loss = SupCon { temperature: 1.0 }.into(), loss),
        (|c| c.loss = Triplet::default().into(), loss),
        (|c| c.sampling.memory = 16, "has no decoded ways to earlier batches: set sampling.memory = 0"),
        (
            |c| c.model.length = Length::Unit,
            "goes straight through the latent space, where embeddings of length 1 never lie: set model.length = \"free\"",
        ),
    ];
    for (change, sentence) in cases {
        let mut config = fine.clone();
        change(&mut config);
        assert_eq!(config.check().unwrap_err().to_string(), format!("{about} {sentence}"));
    }
    let ranges: [Change<PullBackConfig>; 4] = [
        (|c| c.segments = 0, "distance.segments = 0 is out of range; it must be 1 to 64"),
        (|c| c.nodes = 1, "distance.nodes = 1 is out of range; it must be 2 to 2000"),
        (|c| c.neighbours = 0, "distance.neighbours = 0 is out of range; it must be 1 to 100"),
        (|c| c.uncertainty = f64::NAN, "distance.uncertainty = NaN is out of range; it must be 0 to 100"),
    ];
    for (change, sentence) in ranges {
        let DistanceConfig::PullBack(mut settings) = fine.distance.clone() else { unreachable!() };
        change(&mut settings);
        let config = TrainConfig { distance: DistanceConfig::PullBack(settings), ..fine.clone() };
        assert_eq!(config.check().unwrap_err().to_string(), sentence);
    }
    let config = TrainConfig { loss: Nca::default().into(), ..fine };
    config.check().unwrap();
}
