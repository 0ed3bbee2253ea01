//! Distances that follow the data: the geometry that a decoder gives to its latent space.
//!
//! A decoder g pulls the distances between images back to the latent space: a curve there is as
//! long as the images along it. Its metric is G(z) = J(z)ᵀ J(z), J the Jacobian of g; a *geodesic*
//! is a curve that no shorter one joins the same ends with (Arvanitidis, Hansen and Hauberg 2018,
//! "Latent space oddity"). All that is needed of a decoder is a closure ([`Decoder`]):
//!
//! ```
//! use dml_geometry::tch::{Device, Kind, Tensor};
//! use dml_geometry::{Curves, Decoder, Refinement};
//!
//! // The sphere, by latitude and longitude.
//! let sphere = Decoder::new(|z| {
//!     let (latitude, longitude) = (z.select(-1, 0), z.select(-1, 1));
//!     let flat = latitude.cos();
//!     Tensor::stack(&[&flat * longitude.cos(), &flat * longitude.sin(), latitude.sin()], -1)
//! });
//! let point = |at: [f64; 2]| Tensor::from_slice(&at).reshape([1, 2]);
//! let (from, to) = (point([0.8, 0.0]), point([0.8, 2.0])); // Two places of the same latitude.
//! let along_it = Curves::straight(&from, &to, 32);
//! let great_circle = Refinement::default().refine(&sphere, &along_it);
//!
//! let length = |curves: &Curves| curves.length(&sphere).double_value(&[0]);
//! let [detour, shortest] = [&along_it, &great_circle].map(length);
//! let cosine = 0.8_f64.sin().powi(2) + 0.8_f64.cos().powi(2) * 2.0_f64.cos();
//! assert!((shortest - cosine.acos()).abs() < 1e-3 && detour > 1.1 * shortest);
//! ```
//!
//! # Geodesics of your own decoder
//! Put your own network in the place of `network`, and your embeddings in that of `embeddings`:
//!
//! ```
//! use dml_geometry::tch::{Device, Kind, Tensor};
//! use dml_geometry::{Curves, Decoder, Graph, Rbf, RbfSettings, Refinement};
//!
//! let options = (Kind::Float, Device::Cpu);
//! let first = Tensor::randn([2, 64], options);
//! let second = Tensor::randn([64, 784], options) * 0.1;
//! let network = |z: &Tensor| z.matmul(&first).relu().matmul(&second).sigmoid();
//! let embeddings = Tensor::randn([500, 2], options);
//!
//! let settings = RbfSettings { centres: 50, width: 1.0, near: 0.02, far: 1.0, pixels: 784 };
//! let unsure = Rbf::around(&embeddings, settings); // Keeps geodesics out of holes in the data.
//! let decoder = Decoder::new(network).with_deviation(|z| unsure.deviation(z));
//!
//! let (from, to) = (embeddings.narrow(0, 0, 10), embeddings.narrow(0, 10, 10)); // Ten pairs.
//! let graph = Graph::of_neighbours(&decoder, &embeddings, 10, 4);
//! let along_neighbours = graph.paths(&decoder, [&from, &to], 3, 16); // In 16 segments.
//! let geodesics = Refinement::default().refine(&decoder, &along_neighbours);
//! let images = network(&geodesics.points.flatten(0, 1)); // 17 along each.
//!
//! let whole = |curves: &Curves| curves.length(&decoder).sum(None);
//! let [start, end] = [&along_neighbours, &geodesics].map(whole);
//! assert!(end.double_value(&[]) <= 1.01 * start.double_value(&[]) && images.size() == [170, 784]);
//! ```
//!
//! The example `geodesics_of_your_own_decoder` is this as a program that tells all lengths.
//!
//! # What there is
//! - [`Curves`]: many curves at once, their length and energy, with gradients at their ends.
//! - [`lines_between`]: the same of the straight lines between all points of a batch;
//!   [`lines_of_pairs`]: between some of them.
//! - [`Refinement`]: makes geodesics of them.
//! - [`Graph`]: shortest paths along neighbours, a start for geodesics that does not get caught in
//!   a long way round, and a distance of its own.
//! - [`jacobian`], [`metric`] and [`volume`] at points.
//! - [`Rbf`] and [`Decoder::ensemble`]: how unsure a decoder is away from its data, without which
//!   geodesics run through holes in it (Hauberg 2018, "Only Bayes should learn a manifold").
//!
//! Leading dimensions are independent models, and nothing mixes across them. Everything works on
//! any device, in `f32` and `f64`, and knows nothing of networks, losses or data.
//!
//! A program outside this workspace builds with `LIBTORCH` set to the absolute path of LibTorch
//! 2.11 (`cargo xtask setup` puts one at `.libtorch/torch` of this checkout), and runs with
//! `LD_LIBRARY_PATH=$LIBTORCH/lib`: the run path that binaries of this workspace carry reaches no
//! other package. Tensors here are those of `tch = "=0.24.0"`, which is re-exported.

mod curves;
mod decoder;
mod graph;
mod lines;
mod metric;
mod refine;
mod rows;
mod uncertainty;

pub use curves::Curves;
pub use decoder::Decoder;
pub use graph::{Entries, Graph};
pub use lines::{lines_between, lines_of_pairs};
pub use metric::{jacobian, metric, volume};
pub use refine::Refinement;
pub use tch;
pub use uncertainty::{Rbf, RbfSettings};
