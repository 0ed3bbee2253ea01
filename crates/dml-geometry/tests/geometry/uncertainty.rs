//! Being unsure away from the data.

use dml_geometry::{Curves, Decoder, Graph, Rbf, RbfSettings, Refinement, metric};
use tch::Tensor;

use crate::support::{DOUBLE, assert_close, network, numbers, values};

const SETTINGS: RbfSettings = RbfSettings { centres: 24, width: 1.2, near: 0.05, far: 2.0, pixels: 4 };

/// Three quarters of a ring, open on the right.
fn ring(n: i64) -> Tensor {
    let part = Tensor::linspace(0.125, 0.875, n, DOUBLE) * std::f64::consts::TAU;
    Tensor::stack(&[part.cos(), part.sin()], -1)
}

#[test]
fn the_deviation_grows_with_the_distance_from_the_embeddings_to_its_bound() {
    let rbf = Rbf::around(&ring(200), SETTINGS);
    let points = Tensor::from_slice(&[-1.0, 0.0, -1.2, 0.0, -1.5, 0.0, -9.0, 0.0]).reshape([4, 2]);
    let deviation = values(&(rbf.deviation(&points) / 2.0));
    assert!(deviation.is_sorted() && deviation[0] < 2.0 * SETTINGS.near, "{deviation:?}");
    assert!((deviation[3] - SETTINGS.far).abs() < 1e-9, "{deviation:?}");
    let centre = rbf.centres.narrow(0, 3, 1);
    assert!(values(&rbf.deviation(&centre))[0] <= 2.0 * SETTINGS.near, "functions add up at a centre");
}

#[test]
fn a_stack_has_the_deviations_of_its_models_and_coinciding_embeddings_have_finite_ones() {
    let embeddings = numbers(1, &[2, 50, 3]);
    let together = Rbf::around(&embeddings, SETTINGS);
    let points = numbers(2, &[2, 7, 3]);
    for model in 0..2 {
        let alone = Rbf::around(&embeddings.get(model), SETTINGS);
        let ours = together.deviation(&points).get(model);
        assert_close(&ours, &alone.deviation(&points.get(model)), 1e-12);
    }
    let some = numbers(3, &[24, 2]);
    for embeddings in [Tensor::ones([30, 2], DOUBLE), some.copy(), Tensor::cat(&[&some, &some], 0)] {
        let rbf = Rbf::around(&embeddings, SETTINGS);
        let points = Tensor::cat(&[&embeddings, &numbers(4, &[9, 2])], 0);
        let deviation = rbf.deviation(&points);
        assert!(deviation.isfinite().all().int64_value(&[]) == 1, "{embeddings}: {deviation}");
        let near = values(&deviation.get(0));
        assert!(near[0] <= 2.0 * SETTINGS.near, "an embedding is a centre: {near:?}");
    }
}

#[test]
fn without_uncertainty_a_geodesic_runs_through_a_hole_in_the_data_and_with_it_around() {
    let embeddings = ring(200);
    let flat = |z: &Tensor| Tensor::cat(&[z, &z.zeros_like()], -1);
    let ends = embeddings.index_select(0, &Tensor::from_slice(&[20_i64, 179])).split(1, 0);
    let radius_of = |decoder: &Decoder| {
        let graph = Graph::of_neighbours(decoder, &embeddings, 4, 4);
        let start = graph.paths(decoder, [&ends[0], &ends[1]], 2, 32);
        let curve = Refinement::default().refine(decoder, &start);
        values(&curve.points.norm_scalaropt_dim(2, -1, false).min())[0]
    };
    let through = radius_of(&Decoder::new(flat));
    let rbf = Rbf::around(&embeddings, SETTINGS);
    let around = radius_of(&Decoder::new(flat).with_deviation(|z| rbf.deviation(z)));
    let straight = values(&((&ends[0] + &ends[1]) / 2.0).norm_scalaropt_dim(2, -1, false))[0];
    assert!((through - straight).abs() < 1e-2 && through < 0.4, "radius {through}, straight {straight}");
    assert!(around > 0.8, "radius {around}: the data lie at 1, and a shorter way is just inside");
}

#[test]
fn the_metric_with_deviation_is_the_sum_of_both_and_that_of_an_ensemble_the_mean() {
    let points = numbers(4, &[5, 2]);
    let [one, other] = [1, 40].map(|seed| metric(&Decoder::new(network(seed, 2)), &points));
    let both = Decoder::new(network(1, 2)).with_deviation(network(40, 2));
    assert_close(&metric(&both, &points), &(&one + &other), 1e-12);
    let ensemble = Decoder::ensemble(vec![Decoder::new(network(1, 2)), Decoder::new(network(40, 2))]);
    assert_close(&metric(&ensemble, &points), &((one + other) / 2.0), 1e-12);
    let line = Curves::straight(&points, &(&points + 1.0), 5);
    let alone = Decoder::new(network(1, 2));
    let twice = Decoder::ensemble(vec![Decoder::new(network(1, 2)), Decoder::new(network(1, 2))]);
    assert_close(&line.length(&twice), &line.length(&alone), 1e-12);
}
