//! Geodesics of a decoder of your own: `cargo run -p dml-geometry --example
//! geodesics_of_your_own_decoder`.
//!
//! Put your own network in the place of `network`, and your embeddings in that of `embeddings`.

use dml_geometry::tch::{Device, Kind, Tensor};
use dml_geometry::{Curves, Decoder, Graph, Rbf, RbfSettings, Refinement};

fn main() {
    let options = (Kind::Float, Device::Cpu);
    let (first, second) = (Tensor::randn([2, 64], options), Tensor::randn([64, 784], options) * 0.1);
    let network = |z: &Tensor| z.matmul(&first).relu().matmul(&second).sigmoid();
    let embeddings = Tensor::randn([500, 2], options);

    let settings = RbfSettings { centres: 50, width: 1.0, near: 0.02, far: 1.0, pixels: 784 };
    // Without it, geodesics run through holes in the data.
    let unsure = Rbf::around(&embeddings, settings);
    let decoder = Decoder::new(network).with_deviation(|z| unsure.deviation(z));

    let (from, to) = (embeddings.narrow(0, 0, 10), embeddings.narrow(0, 10, 10)); // Ten pairs.
    let graph = Graph::of_neighbours(&decoder, &embeddings, 10, 4);
    let start = graph.paths(&decoder, [&from, &to], 3, 16); // 16 segments, along neighbours.
    let geodesics = Refinement::default().refine(&decoder, &start);

    let straight = Curves::straight(&from, &to, 16);
    let lengths = [&straight, &start, &geodesics].map(|curves| curves.length(&decoder));
    for i in 0..10 {
        let [line, path, geodesic] = lengths.each_ref().map(|lengths| lengths.double_value(&[i]));
        println!("straight line {line:6.3}, path along neighbours {path:6.3}, geodesic {geodesic:6.3}");
    }
}
