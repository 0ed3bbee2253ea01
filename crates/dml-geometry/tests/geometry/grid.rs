//! Geodesics of a trained decoder against shortest paths on a grid of 200 x 200 points.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dml_geometry::{Curves, Decoder, Graph, Refinement};
use tch::nn::{self, Module, OptimizerConfig};
use tch::{Device, Kind, Tensor};

use crate::support::{numbers, values};

const SIDE: usize = 200;
/// Half the side of the square.
const REACH: f64 = 1.5;

/// Images `[n, 64]` of 8x8 pixels: a blob at each place in the square, brighter and narrower
/// towards the middle, so that ways around the middle are short.
fn blobs(places: &Tensor) -> Tensor {
    let pixel = Tensor::linspace(-1.0, 1.0, 8, (Kind::Float, Device::Cpu));
    let [across, down] = [0, 1].map(|k| (places.narrow(-1, k, 1) / REACH - &pixel).square() * 4.0);
    let distance = across.unsqueeze(-2) + down.unsqueeze(-1); // [n, 8, 8]
    let middle = (places.square().sum_dim_intlist(-1, true, None) * -2.0).exp().unsqueeze(-1);
    ((middle * 2.5 + 0.5) * (-distance).exp()).flatten(-2, -1)
}

/// A network that has learned to draw the blobs.
fn trained(store: &nn::VarStore) -> nn::Sequential {
    let linear = |name: &str, inputs, outputs| {
        // Without random numbers of the library, whose state all tests share.
        let mut layer = nn::linear(&(store.root() / name), inputs, outputs, nn::LinearConfig::default());
        let bound = (3.0 / inputs as f64).sqrt();
        let start = numbers(outputs as usize, &[outputs, inputs]) * bound;
        tch::no_grad(|| {
            layer.ws.copy_(&start.to_kind(Kind::Float));
            if let Some(bias) = &mut layer.bs {
                bias.copy_(&(numbers(7 * outputs as usize, &[outputs]) * bound).to_kind(Kind::Float));
            }
        });
        layer
    };
    let network = nn::seq()
        .add(linear("a", 2, 48))
        .add_fn(Tensor::relu)
        .add(linear("b", 48, 72))
        .add_fn(Tensor::relu)
        .add(linear("c", 72, 64));
    let mut adam = nn::Adam::default().build(store, 5e-3).expect("an optimiser");
    for step in 0..400 {
        let places = numbers(100 + step, &[128, 2]).to_kind(Kind::Float) * REACH;
        let loss = (network.forward(&places) - blobs(&places)).square().mean(None);
        adam.backward_step(&loss);
        assert!(step < 399 || loss.double_value(&[]) < 0.02, "it has learned to draw: {loss}");
    }
    network
}

/// Steps to other points of the grid, in 32 directions: no straight line is longer along them by
/// more than 1.4%.
fn steps() -> Vec<[i64; 2]> {
    let greatest_divisor = |mut a: i64, mut b: i64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a.abs()
    };
    let all = (-3..=3).flat_map(|x| (-3..=3).map(move |y| [x, y]));
    all.filter(|&[x, y]| greatest_divisor(x, y) == 1).collect()
}

/// The shortest paths from a point of the grid to all others (Dijkstra 1959).
fn shortest(images: &[f32], from: usize) -> Vec<f64> {
    let chord = |a: usize, b: usize| {
        let [a, b] = [a, b].map(|i| &images[64 * i..][..64]);
        f64::from(a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()).sqrt()
    };
    let steps = steps();
    let mut lengths = vec![f64::INFINITY; SIDE * SIDE];
    // Lengths are not negative, so that their bits are in their order.
    let mut open = BinaryHeap::from([(Reverse(0_u64), from)]);
    lengths[from] = 0.0;
    while let Some((Reverse(bits), here)) = open.pop() {
        let length = f64::from_bits(bits);
        if length > lengths[here] {
            continue;
        }
        for [x, y] in &steps {
            let [row, column] = [(here / SIDE) as i64 + y, (here % SIDE) as i64 + x];
            let inside = |i: i64| (0..SIDE as i64).contains(&i);
            if inside(row) && inside(column) {
                let there = row as usize * SIDE + column as usize;
                let through = length + chord(here, there);
                if through < lengths[there] {
                    lengths[there] = through;
                    open.push((Reverse(through.to_bits()), there));
                }
            }
        }
    }
    lengths
}

/// The median is to be at most 2% and the worst at most 10%, as for any decoder; the paths' own
/// error, of the directions, is above the geodesics' and at most 1.4%.
#[test]
fn geodesics_of_a_trained_decoder_are_as_long_as_shortest_paths_on_a_fine_grid() {
    let store = nn::VarStore::new(Device::Cpu);
    let network = trained(&store);
    let decoder = Decoder::new(|z| network.forward(z));
    let _guard = tch::no_grad_guard();
    let axis = Tensor::linspace(-REACH, REACH, SIDE as i64, (Kind::Float, Device::Cpu));
    let square = Tensor::cartesian_prod(&[&axis, &axis]); // [40000, 2]
    let images: Vec<f32> = Vec::try_from(decoder.decode(&square).flatten(0, -1)).expect("numbers");

    let place =
        |seed: usize| (f64::midpoint(values(&numbers(seed, &[1]))[0], 1.0) * (SIDE * SIDE) as f64) as usize;
    let sources: Vec<usize> = (0..8).map(place).collect();
    let targets: Vec<usize> = (10..20).map(place).collect();
    let expected: Vec<f64> = sources
        .iter()
        .flat_map(|&source| {
            let lengths = shortest(&images, source);
            targets.iter().map(move |&target| lengths[target]).collect::<Vec<_>>()
        })
        .collect();

    let pairs = sources.iter().flat_map(|&a| targets.iter().map(move |&b| [a, b]));
    let pairs: Vec<[i64; 2]> = pairs.map(|pair| pair.map(|i| i as i64)).collect();
    let ends = [0, 1].map(|k| {
        let rows: Vec<i64> = pairs.iter().map(|pair| pair[k]).collect();
        square.index_select(0, &Tensor::from_slice(&rows))
    });
    let nodes = numbers(77, &[400, 2]).to_kind(Kind::Float) * REACH;
    let graph = Graph::of_neighbours(&decoder, &nodes, 8, 4);
    let start = graph.paths(&decoder, [&ends[0], &ends[1]], 4, 32);
    let ours = values(&Refinement::default().refine(&decoder, &start).length(&decoder));
    let lines = values(&Curves::straight(&ends[0], &ends[1], 32).length(&decoder));

    let errors = |lengths: &[f64]| {
        let mut errors: Vec<f64> = lengths.iter().zip(&expected).map(|(l, e)| (l - e).abs() / e).collect();
        errors.sort_by(f64::total_cmp);
        [errors[errors.len() / 2], errors[errors.len() - 1]]
    };
    let ([median, worst], of_lines) = (errors(&ours), errors(&lines));
    assert!(median <= 0.02 && worst <= 0.1, "median {median}, worst {worst}");
    // Straight lines are no geodesics of this decoder, or the test would show nothing.
    assert!(of_lines[0] > 2.0 * median && of_lines[1] > 0.1, "lines: {of_lines:?}; {median} {worst}");
    println!("median {median:.4}, worst {worst:.4}; of straight lines {of_lines:.3?}");
}
