use dml_eval::propagation::{Graph, Poisson};
use ndarray::Array2;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Fixture {
    points: Vec<[f32; 2]>,
    neighbours: usize,
    rows: Vec<usize>,
    classes: Vec<u32>,
    scores: Vec<[f64; 3]>,
}

#[test]
fn poisson_learning_is_scipys_within_1e_8() {
    let fixture: Fixture = serde_json::from_str(include_str!("scipy/poisson.json")).unwrap();
    let points = Array2::from_shape_fn((fixture.points.len(), 2), |(i, j)| fixture.points[i][j]);
    let graph = Graph::of_neighbours(points.view(), fixture.neighbours);
    let labelled: Vec<(usize, u32)> = fixture.rows.into_iter().zip(fixture.classes).collect();
    let ours = Poisson { neighbours: fixture.neighbours }.scores(&graph, &labelled);
    // Ours lack a term that all classes share, and the factor of the number of labels.
    for (row, expected) in fixture.scores.iter().enumerate() {
        for class in 1..3 {
            let ours = 6.0 * (ours[[row, class]] - ours[[row, 0]]);
            let expected = expected[class] - expected[0];
            assert!((ours - expected).abs() < 1e-8 * expected.abs().max(1.0), "{ours} against {expected}");
        }
    }
}
