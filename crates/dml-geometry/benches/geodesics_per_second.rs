//! How many geodesics a second: `cargo run -p dml-geometry --example geodesics_per_second`.
//!
//! The decoder is a perceptron [256, 512] onto 784 pixels that has learned to draw digits' kind of
//! blobs, curves have 16 segments, and starts are straight lines. Seconds are the processor's, over
//! all threads, so that a busy machine does not show; on two cores half of them pass.

use std::time::Instant;

use dml_geometry::{Curves, Decoder, Graph, Refinement};
use tch::nn::{self, Module, OptimizerConfig};
use tch::{Device, Kind, Tensor};

const PAIRS: i64 = 512;
const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Images of 28x28 pixels: three blobs that wander with the latent point, each in its own way.
fn blobs(points: &Tensor, ways: &Tensor) -> Tensor {
    let pixel = Tensor::linspace(-1.0, 1.0, 28, CPU);
    let centres = points.matmul(ways).tanh().unflatten(-1, [3, 2]); // [n, blobs, 2]
    // [n, blobs, 28]
    let [x, y] = [0, 1].map(|k| (centres.narrow(-1, k, 1) - &pixel).square() * 12.0);
    (-(x.unsqueeze(-2) + y.unsqueeze(-1))).exp().sum_dim_intlist(1, false, None).flatten(-2, -1)
}

fn trained(store: &nn::VarStore, dim: i64) -> nn::Sequential {
    let linear = |name: &str, inputs, outputs| {
        nn::linear(store.root() / name, inputs, outputs, nn::LinearConfig::default())
    };
    let network = nn::seq()
        .add(linear("a", dim, 256))
        .add_fn(Tensor::relu)
        .add(linear("b", 256, 512))
        .add_fn(Tensor::relu)
        .add(linear("c", 512, 784));
    let ways = Tensor::randn([dim, 6], CPU) / (dim as f64).sqrt();
    let mut adam = nn::Adam::default().build(store, 1e-3).expect("an optimiser");
    for _ in 0..300 {
        let points = Tensor::randn([128, dim], CPU);
        adam.backward_step(&(network.forward(&points) - blobs(&points, &ways)).square().mean(None));
    }
    network
}

/// Seconds of all threads of this process, as Linux counts them; `None` elsewhere.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the program's name: the twelfth and thirteenth are user and system time, in hundredths.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / 100.0)
}

fn main() {
    tch::manual_seed(1);
    for dim in [2, 10] {
        let store = nn::VarStore::new(Device::Cpu);
        let network = trained(&store, dim);
        let decoder = Decoder::new(|z| network.forward(z));
        let [from, to] = [0, 1].map(|_| Tensor::randn([PAIRS, dim], CPU));
        let line = Curves::straight(&from, &to, 16);
        let timed = |name: &str, refinement: Refinement, start: &Curves| {
            let (begun, processor) = (Instant::now(), processor_seconds());
            let curves = refinement.refine(&decoder, start);
            let seconds = begun.elapsed().as_secs_f64();
            let processor = processor.zip(processor_seconds()).map_or(seconds, |(start, end)| end - start);
            let mean = curves.length(&decoder).mean(None).double_value(&[]);
            let count = PAIRS as f64;
            println!(
                "d = {dim}, {name}: mean length {mean:.4}, {:.0} a second of 2 cores, {:.0} by the clock",
                2.0 * count / processor,
                count / seconds
            );
        };
        println!(
            "d = {dim}, straight lines: mean length {:.4}",
            line.length(&decoder).mean(None).double_value(&[])
        );
        timed("from straight lines", Refinement::default(), &line);
        let graph = Graph::of_neighbours(&decoder, &Tensor::randn([500, dim], CPU), 10, 4);
        let paths = graph.paths(&decoder, [&from, &to], 3, 16);
        timed("from paths", Refinement::default(), &paths);
    }
}
