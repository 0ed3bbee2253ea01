//! Shortest paths along neighbours.

use dml_geometry::{Curves, Decoder, Graph, Refinement, lines_between};
use tch::{Kind, Tensor};

use crate::support::{DOUBLE, assert_close, network, numbers, tensor, values};

/// All shortest paths of a matrix of edges, by a loop.
fn floyd(mut lengths: Vec<Vec<f64>>) -> Vec<f64> {
    let n = lengths.len();
    for k in 0..n {
        for i in 0..n {
            for j in 0..n {
                lengths[i][j] = lengths[i][j].min(lengths[i][k] + lengths[k][j]);
            }
        }
    }
    lengths.concat()
}

#[test]
fn distances_are_those_of_a_loop_over_nodes_of_each_model_of_a_stack() {
    let decoder = Decoder::new(network(1, 2));
    let nodes = numbers(2, &[2, 25, 2]);
    let graph = Graph::of_neighbours(&decoder, &nodes, 5, 4);
    for model in 0..2 {
        let nodes = nodes.get(model);
        let apart = Tensor::cdist(&nodes, &nodes, 2.0, 2);
        let edge = |i: i64, j: i64| {
            let near = |i: i64, j: i64| {
                let nearer = apart.get(i).lt_tensor(&apart.get(i).get(j)).sum(Kind::Int64).int64_value(&[]);
                // One of the nearer ones is the node itself.
                nearer <= 5
            };
            if i == j {
                0.0
            } else if near(i, j) || near(j, i) {
                let line = Curves::straight(&nodes.narrow(0, i, 1), &nodes.narrow(0, j, 1), 4);
                line.length(&decoder).double_value(&[0])
            } else {
                f64::INFINITY
            }
        };
        let edges = (0..25).map(|i| (0..25).map(|j| edge(i, j)).collect()).collect();
        assert_close(&graph.distances.get(model), &Tensor::from_slice(&floyd(edges)), 1e-12);
    }
}

#[test]
fn a_path_is_as_long_as_the_graph_says_and_a_refined_one_is_shorter() {
    let decoder = Decoder::new(network(1, 2));
    let nodes = numbers(2, &[2, 80, 2]);
    let graph = Graph::of_neighbours(&decoder, &nodes, 6, 16);
    let (from, to) = (numbers(3, &[2, 10, 2]), numbers(4, &[2, 10, 2]));
    let [first, last] = [&from, &to].map(|points| graph.enter(&decoder, points, 3));
    let matrix = graph.lengths(&first, &last);
    assert_eq!(matrix.size(), [2, 10, 10]);
    let expected = matrix.diagonal(0, -2, -1);
    // Even steps of a path cut its corners, by less the shorter they are.
    let paths = graph.paths(&decoder, [&from, &to], 3, 4000);
    assert_close(&paths.length(&decoder), &expected, 2e-3);
    let coarse = graph.paths(&decoder, [&from, &to], 3, 24);
    let (begin, end) = coarse.ends();
    assert!(begin.equal(&from) && end.equal(&to));
    let refined = Refinement::default().refine(&decoder, &coarse).length(&decoder);
    assert!(refined.le_tensor(&expected).all().int64_value(&[]) == 1, "{refined} {expected}");
}

#[test]
fn parts_without_a_common_neighbour_are_joined_where_they_are_nearest() {
    // Three clusters on a line, of which neighbours lie within.
    let nodes: Vec<[f64; 1]> = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0, 30.0, 31.0, 32.0].map(|x| [x]).into();
    let graph = Graph::of_neighbours(&Decoder::new(|z| z * 2.0), &tensor(&nodes), 2, 1);
    let expected = Tensor::cdist(&tensor(&nodes), &tensor(&nodes), 2.0, 2) * 2.0;
    assert_close(&graph.distances, &expected, 1e-12);
    let ends = [tensor(&[[31.5]]), tensor(&[[-1.0]])];
    let path = graph.paths(&Decoder::new(|z| z * 2.0), [&ends[0], &ends[1]], 1, 13);
    assert_close(&path.length(&Decoder::new(|z| z * 2.0)), &Tensor::from_slice(&[65.0]), 1e-12);
}

#[test]
fn lengths_along_a_graph_have_the_gradient_of_the_lines_that_enter_it() {
    let decoder = Decoder::new(|z| z * 2.0);
    let graph = Graph::of_neighbours(&decoder, &tensor(&[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), 1, 3);
    let point = tensor(&[[0.0, 1.0]]).set_requires_grad(true);
    let [from, to] = [&point, &tensor(&[[2.0, -3.0]])].map(|at| graph.enter(&decoder, at, 1));
    let length = graph.lengths(&from, &to);
    assert_close(&length, &Tensor::from_slice(&[2.0 + 4.0 + 6.0]), 1e-12);
    length.sum(None).backward();
    assert_eq!(values(&point.grad()), [0.0, 2.0]);
}

#[test]
fn lines_between_all_points_are_those_of_each_pair_with_the_same_gradient() {
    let decoder = Decoder::new(network(1, 2));
    for (n, segments) in [(6, 5), (6, 1), (1, 3), (0, 3)] {
        let points = numbers(2, &[2, n, 2]);
        let [ours, theirs] = [0, 1].map(|_| points.copy().set_requires_grad(true));
        let lengths = lines_between(&decoder, &ours, segments);
        assert_eq!(lengths.size(), [2, n, n]);
        let size = [2, n, n, 2];
        let from = theirs.unsqueeze(2).expand(size, false).flatten(1, 2);
        let to = theirs.unsqueeze(1).expand(size, false).flatten(1, 2);
        let one_by_one = Curves::straight(&from, &to, segments).length(&decoder).unflatten(-1, [n, n]);
        // The line from a point to itself is rounding.
        let one_by_one = one_by_one * (1.0 - Tensor::eye(n, DOUBLE));
        assert_close(&lengths, &one_by_one, 1e-12);
        let weights = numbers(3, &[2, n, n]);
        (lengths * &weights).sum(None).backward();
        (one_by_one * &weights).sum(None).backward();
        assert!(ours.grad().allclose(&theirs.grad(), 1e-10, 1e-12, false));
    }
}

#[test]
fn the_ways_between_points_are_lines_to_near_ones_and_paths_to_far_ones() {
    let decoder = Decoder::new(|z| z * 2.0);
    let nodes: Vec<[f64; 2]> = (0..8).map(|i| [f64::from(i), 0.0]).collect();
    let graph = Graph::of_neighbours(&decoder, &tensor(&nodes), 2, 3);
    let points = tensor(&[[0.0, 1.0], [0.5, 1.0], [7.0, 1.0]]).set_requires_grad(true);
    let counted = Tensor::from_slice(&[true, true, true]);
    let lengths = graph.lengths_between(&decoder, &points, &counted, 1);
    // With copies of a point that do not count, the others' are the same.
    let filled = points.index_select(0, &Tensor::from_slice(&[0_i64, 1, 2, 0, 1]));
    let counted = Tensor::from_slice(&[true, true, true, false, false]);
    let of_filled = graph.lengths_between(&decoder, &filled, &counted, 1);
    assert_close(&of_filled.narrow(0, 0, 3).narrow(1, 0, 3), &lengths, 1e-12);
    // The nearest point of the third is the second, so that they have a line.
    let by_hand = values(&lengths);
    assert!(by_hand.iter().step_by(4).all(|itself| itself.abs() <= 0.0), "{by_hand:?}");
    assert!((by_hand[1] - 1.0).abs() < 1e-12 && (by_hand[3] - 1.0).abs() < 1e-12, "{by_hand:?}");
    assert!((by_hand[2] - 18.0).abs() < 1e-12 && (by_hand[6] - 18.0).abs() < 1e-12, "{by_hand:?}");
    assert!((by_hand[5] - 13.0).abs() < 1e-12, "{by_hand:?}");
    lengths.get(0).get(2).backward();
    assert_eq!(values(&points.grad()), [0.0, 2.0, 0.0, 0.0, 0.0, 2.0]);
}
