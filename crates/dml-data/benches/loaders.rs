//! Loading 10,000 images of 28 x 28 pixels, and drawing which labels are seen.
//!
//!     cargo bench -p dml-data --profile dev

use std::fs;

use divan::Bencher;
use dml_data::npz::NpzWriter;
use dml_data::{ImageShape, Mask, Sampling, Source, idx, load};
use ndarray::Array2;

const N: usize = 10_000;
const SIDE: usize = 28;

fn main() {
    divan::main();
}

fn pixels() -> Vec<u8> {
    (0..N * SIDE * SIDE).map(|i| (i * i / 97) as u8).collect()
}

#[divan::bench]
fn npz(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images.npz");
    let images = Array2::from_shape_vec((N, SIDE * SIDE), pixels()).unwrap();
    let mut file = NpzWriter::create(&path).unwrap();
    file.add_images("train_images", images.view(), ImageShape { channels: 1, height: SIDE, width: SIDE })
        .unwrap();
    file.add_i64("train_labels", &(0..N as i64).map(|i| i % 10).collect::<Vec<_>>()).unwrap();
    file.finish().unwrap();
    let source = Source { folders: Vec::new(), cache: folder.path().into(), offline: true };
    bencher.bench(|| load(path.to_str().unwrap(), &source, false).unwrap());
}

#[divan::bench]
fn idx_file(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images.idx");
    let sizes = [N, SIDE, SIDE].map(|length| (length as u32).to_be_bytes()).concat();
    fs::write(&path, [&[0, 0, 8, 3], &*sizes, &pixels()].concat()).unwrap();
    bencher.bench(|| idx::read(&path).unwrap());
}

#[divan::bench(args = [Sampling::Uniform, Sampling::Stratified])]
fn mask_of_60_000(bencher: Bencher, sampling: Sampling) {
    let labels: Vec<u8> = (0..60_000).map(|i| (i % 10) as u8).collect();
    bencher.bench(|| Mask::draw(&labels, 10, 0.1, sampling, 0).unwrap());
}
