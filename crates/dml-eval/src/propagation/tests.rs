use ndarray::Array2;
use rand::Rng;

use super::*;
use crate::random::generator;

/// `per_class` points around each of `centres` on a line, in two dimensions.
fn blobs(centres: usize, per_class: usize, spread: f32) -> Array2<f32> {
    let mut random = generator(7, "blobs");
    Array2::from_shape_fn((centres * per_class, 2), |(row, i)| {
        let centre = if i == 0 { (row % centres) as f32 * 4.0 } else { 0.0 };
        centre + spread * (random.r#gen::<f32>() + random.r#gen::<f32>() - 1.0)
    })
}

/// Solves `a x = b` by Gaussian elimination with pivots.
fn dense_solve(mut a: Array2<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|&p, &q| a[[p, i]].abs().total_cmp(&a[[q, i]].abs())).unwrap();
        for j in 0..n {
            a.swap([i, j], [pivot, j]);
        }
        b.swap(i, pivot);
        for row in i + 1..n {
            let factor = a[[row, i]] / a[[i, i]];
            if factor != 0.0 {
                for j in i..n {
                    a[[row, j]] -= factor * a[[i, j]];
                }
                b[row] -= factor * b[i];
            }
        }
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|j| a[[i, j]] * b[j]).sum();
        b[i] = (b[i] - sum) / a[[i, i]];
    }
    b
}

fn weights(graph: &Graph) -> Array2<f64> {
    let mut weights = Array2::zeros((graph.n(), graph.n()));
    for i in 0..graph.n() {
        for &(j, weight) in graph.edges(i) {
            weights[[i, j as usize]] = weight;
        }
    }
    weights
}

#[test]
fn sparse_solutions_equal_dense_ones_on_500_points() {
    let points = blobs(4, 125, 3.0);
    let graph = Graph::of_neighbours(points.view(), 8);
    let weights = weights(&graph);
    assert_eq!(weights, weights.t(), "the graph is symmetric");
    let labelled: Vec<(usize, u32)> = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 0), (9, 1)].into();
    let mut laplacian = -&weights;
    let mut walk = -0.99 * &weights;
    for (i, &degree) in graph.degrees().iter().enumerate() {
        laplacian[[i, i]] += degree;
        walk[[i, i]] += degree;
    }
    // The constant is what the Laplacian leaves open; with this it is that of the mean weighted by
    // degrees.
    let pinned = Array2::from_shape_fn((500, 500), |(i, j)| {
        laplacian[[i, j]] + graph.degrees()[i] * graph.degrees()[j] / 500.0
    });
    let poisson = Poisson { neighbours: 8 }.scores(&graph, &labelled);
    let affinity = Affinity { neighbours: 8, gamma: 0.99 }.scores(&graph, &labelled);
    let mut poissons = vec![];
    for class in 0..4 {
        let count = labelled.iter().filter(|&&(_, of)| of == class).count() as f64;
        let (mut sources, mut starts) = (vec![0.0; 500], vec![0.0; 500]);
        for &(row, of) in &labelled {
            sources[row] = f64::from(of == class) - count / 6.0;
            starts[row] = f64::from(of == class) * graph.degrees()[row];
        }
        // As in the paper: divided by the class's share of the labels.
        poissons.push(
            dense_solve(pinned.clone(), sources).into_iter().map(|u| u * 6.0 / count).collect::<Vec<_>>(),
        );
        let expected = dense_solve(walk.clone(), starts);
        for (ours, expected) in affinity.column(class as usize).iter().zip(expected) {
            let expected = expected * (1.0 - 0.99) / count;
            assert!((ours - expected).abs() < 1e-8, "{ours} against {expected}");
        }
    }
    // Ours lack a term that all classes share, and have sources of 1 a class instead of 6.
    for (class, expected) in poissons.iter().enumerate() {
        for row in 0..500 {
            let ours = 6.0 * (poisson[[row, class]] - poisson[[row, 0]]);
            let expected = expected[row] - poissons[0][row];
            assert!((ours - expected).abs() < 1e-8 * expected.abs().max(1.0), "{ours} against {expected}");
        }
    }
}

#[test]
fn apart_blobs_get_the_label_of_their_one_labelled_point() {
    let points = blobs(3, 50, 1.0);
    let labelled = [(0, 2), (1, 0), (2, 1)];
    let guesses = [
        Poisson { neighbours: 5 }.guess(points.view(), &labelled).unwrap(),
        Affinity { neighbours: 5, gamma: 0.99 }.guess(points.view(), &labelled).unwrap(),
        SoftCentres {}.guess(points.view(), &labelled).unwrap(),
    ];
    for guesses in guesses {
        let truth = |row: usize| [2, 0, 1][row % 3];
        let right = (0..150).filter(|&row| guesses.classes[row] == truth(row)).count();
        assert_eq!(right, 150);
        let surest = guesses.surest(150, 10, &labelled);
        assert_eq!(surest.len(), 3 * 9, "ten of each class, of which one is labelled");
        assert!(surest.iter().all(|&(row, class)| row > 2 && class == truth(row)));
    }
}

#[test]
fn labelled_rows_take_up_places_among_the_surest() {
    let confidence = [f64::INFINITY, 0.9, f64::INFINITY, 0.8, 0.7, 0.6];
    let guesses = Guesses { classes: vec![0, 0, 1, 1, 0, 1], confidence: confidence.into() };
    let labelled = [(0, 0), (2, 1)];
    assert_eq!(guesses.surest(6, 6, &labelled), [(1, 0), (3, 1), (4, 0), (5, 1)]);
    assert_eq!(guesses.surest(6, 2, &labelled), [(1, 0), (3, 1)], "one of two places is the label's");
    assert!(guesses.surest(6, 1, &labelled).is_empty());
    assert_eq!(guesses.surest(3, 6, &labelled), [(1, 0)]);
    assert!(guesses.surest(2, 6, &labelled).is_empty());
}

#[test]
#[should_panic(expected = "labelled row 9 is no node of a graph of 9")]
fn a_label_of_a_row_that_is_no_node_is_refused_by_poisson() {
    let graph = Graph::of_neighbours(blobs(3, 3, 1.0).view(), 2);
    Poisson { neighbours: 2 }.scores(&graph, &[(9, 0)]);
}

#[test]
#[should_panic(expected = "labelled row 9 is no node of a graph of 9")]
fn a_label_of_a_row_that_is_no_node_is_refused_by_affinity() {
    let graph = Graph::of_neighbours(blobs(3, 3, 1.0).view(), 2);
    Affinity { neighbours: 2, gamma: 0.9 }.scores(&graph, &[(9, 0)]);
}

#[test]
#[should_panic(expected = "a graph joins two points or more, and there are 1")]
fn one_point_is_no_graph() {
    Graph::of_neighbours(Array2::zeros((1, 2)).view(), 2);
}

#[test]
fn a_part_without_labels_has_no_confidence() {
    let points = blobs(2, 40, 1.0);
    let labelled = [(0, 0), (2, 1)]; // Both lie in the first blob.
    let guesses = Poisson { neighbours: 4 }.guess(points.view(), &labelled).unwrap();
    assert!((1..80).step_by(2).all(|row| guesses.confidence[row] == 0.0));
    let surest = guesses.surest(1000, 1000, &labelled);
    assert!(!surest.is_empty() && surest.iter().all(|(row, _)| row % 2 == 0));
}

#[test]
fn coinciding_points_and_a_single_class_are_no_trouble() {
    let points = Array2::<f32>::zeros((30, 3));
    for labelled in [vec![(0, 0)], vec![(0, 0), (1, 1)]] {
        for guesses in [
            Poisson { neighbours: 3 }.guess(points.view(), &labelled).unwrap(),
            Affinity { neighbours: 3, gamma: 0.9 }.guess(points.view(), &labelled).unwrap(),
            SoftCentres {}.guess(points.view(), &labelled).unwrap(),
        ] {
            assert!(guesses.confidence.iter().all(|c| !c.is_nan()));
            assert_eq!(guesses.classes[0], 0);
        }
    }
    let none = Poisson { neighbours: 3 }.guess(points.view(), &[]);
    assert!(none.unwrap_err().to_string().contains("at least 1"));
}
