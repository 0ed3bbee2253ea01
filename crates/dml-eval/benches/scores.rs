//! kNN, agreement and retrieval of embeddings of ten classes, in ten dimensions and in 64.
//!
//!     cargo bench -p dml-eval --profile dev

use divan::Bencher;
use dml_eval::agreement::adjusted_mutual_information;
use dml_eval::readout::{Classifier, NearestNeighbours};
use dml_eval::retrieval::retrieval;
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() {
    divan::main();
}

/// Embeddings in `d` dimensions around the centre of their class, and the classes.
fn blobs(n: usize, d: usize) -> (Array2<f32>, Vec<u8>) {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let labels: Vec<u8> = (0..n).map(|i| (i % 10) as u8).collect();
    let place = |(i, k): (usize, usize)| f32::from(u8::from(i % 10 == k)) + random.gen_range(-1.0..1.0);
    (Array2::from_shape_fn((n, d), place), labels)
}

#[divan::bench(args = [(2_000, 10), (10_000, 10), (10_000, 64)], sample_count = 10)]
fn knn(bencher: Bencher, (n, d): (usize, usize)) {
    let (points, labels) = blobs(n, d);
    let model = NearestNeighbours { k: 5 };
    bencher.bench(|| model.fit_predict(points.view(), &labels, points.view()).unwrap());
}

#[divan::bench(args = [10, 1_000])]
fn ami_of_60_000(bencher: Bencher, classes: u32) {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let [a, b] = [(); 2].map(|()| (0..60_000).map(|_| random.gen_range(0..classes)).collect::<Vec<_>>());
    bencher.bench(|| adjusted_mutual_information(&a, &b));
}

#[divan::bench(args = [2_000, 10_000], sample_count = 10)]
fn map_at_r(bencher: Bencher, n: usize) {
    let (points, labels) = blobs(n, 10);
    bencher.bench(|| retrieval(points.view(), &labels, &[1]).unwrap());
}
