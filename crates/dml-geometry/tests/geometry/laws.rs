//! What holds for every decoder.

use dml_geometry::{Curves, Decoder, Graph, Refinement, volume};
use tch::Tensor;

use crate::support::{DOUBLE, FAR, assert_close, network, numbers, solved, values};

fn ends(seed: usize, n: i64, dim: i64) -> [Tensor; 2] {
    [numbers(seed, &[n, dim]) * 2.0, numbers(seed + 1, &[n, dim]) * 2.0]
}

#[test]
fn a_linear_decoder_gives_the_distances_of_its_images_and_straight_lines() {
    for dim in [2, 10] {
        let [from, to] = ends(1, 20, dim);
        let matrix = numbers(5, &[dim, 30]);
        let linear = Decoder::new(|z| z.matmul(&matrix) + 3.0);
        let expected = (&from - &to).matmul(&matrix).norm_scalaropt_dim(2, -1, false);
        assert_close(&solved(&linear, &from, &to, 8), &expected, 1e-6);
        // From a start that is not straight, too.
        let line = Curves::straight(&from, &to, 8);
        let shift = numbers(8, &[20, 7, dim]) * 0.3;
        let shift = shift.constant_pad_nd([0, 0, 1, 1]);
        let bent = Curves { points: line.points + shift };
        assert!(bent.length(&linear).ge_tensor(&(&expected * 1.01)).all().int64_value(&[]) == 1);
        assert_close(&FAR.refine(&linear, &bent).length(&linear), &expected, 1e-6);
    }
    let scaled = Decoder::new(|z| z * 3.0);
    let [from, to] = ends(11, 20, 2);
    let euclidean = (&from - &to).norm_scalaropt_dim(2, -1, false);
    assert_close(&solved(&scaled, &from, &to, 8), &(euclidean * 3.0), 1e-6);
}

#[test]
fn a_rotation_of_the_latent_space_changes_no_distance() {
    let network = network(1, 3);
    let rotation = Tensor::linalg_qr(&numbers(4, &[3, 3]), "reduced").0;
    let turned = Decoder::new(|z| network(&z.matmul(&rotation.transpose(0, 1))));
    let straight = Decoder::new(&network);
    let [from, to] = ends(6, 10, 3);
    let [turned_from, turned_to] = [&from, &to].map(|end| end.matmul(&rotation));
    let expected = solved(&straight, &from, &to, 12);
    assert_close(&solved(&turned, &turned_from, &turned_to, 12), &expected, 1e-6);
    let lines = Curves::straight(&turned_from, &turned_to, 12).length(&turned);
    assert_close(&lines, &Curves::straight(&from, &to, 12).length(&straight), 1e-12);
    let nodes = numbers(9, &[60, 3]) * 2.0;
    let turned_nodes = nodes.matmul(&rotation);
    let along_graph =
        |decoder: &Decoder, nodes: &Tensor| Graph::of_neighbours(decoder, nodes, 6, 4).distances;
    assert_close(&along_graph(&turned, &turned_nodes), &along_graph(&straight, &nodes), 1e-12);
    assert_close(&volume(&turned, &turned_nodes), &volume(&straight, &nodes), 1e-9);
}

#[test]
fn the_way_there_is_as_long_as_the_way_back_and_no_detour_is_shorter() {
    let decoder = Decoder::new(network(2, 2));
    let nodes = numbers(3, &[150, 2]) * 2.0;
    let graph = Graph::of_neighbours(&decoder, &nodes, 8, 4);
    let distance = |from: &Tensor, to: &Tensor| {
        let start = graph.paths(&decoder, [from, to], 4, 24);
        Refinement::default().refine(&decoder, &start).length(&decoder)
    };
    let [a, b] = ends(20, 60, 2);
    let c = numbers(23, &[60, 2]) * 2.0;
    let [direct, back] = [distance(&a, &c), distance(&c, &a)];
    // The solver's tolerance, twice over, in energy, is as much in the sum of two lengths; chords
    // of curves of 24 segments miss as much again.
    assert_close(&direct, &back, 2e-3);
    let detour = distance(&a, &b) + distance(&b, &c);
    let excess = values(&((direct - &detour) / detour).max());
    assert!(excess[0] < 2e-3, "a detour is shorter by {excess:?} of it");
}

#[test]
fn models_of_a_stack_get_what_they_get_alone_and_curves_what_they_get_one_by_one() {
    let networks = [network(1, 2), network(30, 2)];
    let stacked = Decoder::new(|z| Tensor::stack(&[networks[0](&z.get(0)), networks[1](&z.get(1))], 0));
    let (from, to) = (numbers(50, &[2, 6, 2]), numbers(51, &[2, 6, 2]));
    let refinement = Refinement { iterations: 30, tolerance: 1e-2 };
    let together = refinement.refine(&stacked, &Curves::straight(&from, &to, 8)).length(&stacked);
    assert_eq!(together.size(), [2, 6]);
    for (member, network) in (0..2).zip(&networks) {
        let alone = Decoder::new(network);
        for i in 0..6 {
            let line =
                Curves::straight(&from.get(member).narrow(0, i, 1), &to.get(member).narrow(0, i, 1), 8);
            let length = refinement.refine(&alone, &line).length(&alone);
            assert_close(&together.get(member).narrow(0, i, 1), &length, 1e-9);
        }
    }
}

#[test]
fn a_refined_curve_keeps_its_ends_and_never_has_more_energy() {
    let decoder = Decoder::new(network(7, 4));
    let [from, to] = ends(60, 300, 4);
    let line = Curves::straight(&from, &to, 8);
    let mut before = line.energy(&decoder);
    for iterations in [1, 2, 4, 8, 16] {
        let curves = Refinement { iterations, tolerance: 0.0 }.refine(&decoder, &line);
        let after = curves.energy(&decoder);
        let rise = values(&((&after - &before) / &before).max());
        assert!(rise[0] < 1e-12, "{rise:?} at {iterations}");
        assert!(curves.points.select(-2, 0).equal(&from) && curves.points.select(-2, -1).equal(&to));
        before = after;
    }
}

#[test]
fn curves_of_no_length_one_segment_and_none_at_all_stay_what_they_are() {
    let decoder = Decoder::new(network(7, 2));
    let point = numbers(1, &[3, 2]);
    let still = FAR.refine(&decoder, &Curves::straight(&point, &point, 6));
    assert!(still.points.isfinite().all().int64_value(&[]) == 1);
    assert_close(&still.points, &Curves::straight(&point, &point, 6).points, 1e-12);
    let single = Curves::straight(&point, &(&point + 1.0), 1);
    assert!(FAR.refine(&decoder, &single).points.equal(&single.points));
    let none = Curves::straight(&Tensor::zeros([0, 2], DOUBLE), &Tensor::zeros([0, 2], DOUBLE), 6);
    assert_eq!(FAR.refine(&decoder, &none).points.size(), [0, 7, 2]);
    let constant = Decoder::new(Tensor::zeros_like);
    let line = Curves::straight(&point, &(&point + 1.0), 6);
    assert_close(&FAR.refine(&constant, &line).points, &line.points, 1e-12);
}
