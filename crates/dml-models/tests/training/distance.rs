//! Distances along the decoder.

use dml_losses::{Contrastive, Nca, SupCon, Triplet};
use dml_models::{DistanceConfig, Length, PullBackConfig, RoutineConfig, System, TrainConfig, Way};

use crate::common::{trained, trial as any_trial};

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
            let config = TrainConfig { model: dml_models::ModelConfig { system, ..config.model }, ..config };
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
fn decoded_lengths_are_those_of_images_along_the_lines() {
    let stack = trained(&trial(Way::Line));
    let embeddings = stack.embed(0, crate::common::images().view());
    let (from, to) = (embeddings.slice(ndarray::s![..3, ..]), embeddings.slice(ndarray::s![3..6, ..]));
    let lengths = stack.decoded_lengths(0, from, to).unwrap();
    for (i, length) in lengths.iter().enumerate() {
        let point = |t: f32| &from.row(i) * (1.0 - t) + &to.row(i) * t;
        let line = ndarray::Array2::from_shape_fn((9, 2), |(s, k)| point(s as f32 / 8.0)[k]);
        let images = stack.decode(0, line.view()).unwrap();
        let step =
            |s: usize| (&images.row(s + 1) - &images.row(s)).mapv(|x| f64::from(x).powi(2)).sum().sqrt();
        let expected: f64 = (0..8).map(step).sum();
        assert!((length - expected).abs() < 1e-4 * expected, "{length} is not {expected}: f32 rounding");
    }
    let without = trained(&any_trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 }));
    assert_eq!(without.decoded_lengths(0, from, to), None);
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
