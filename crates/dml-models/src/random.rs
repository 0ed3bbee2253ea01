//! Draws as tensors. Every draw depends on (seed, purpose, index) alone, is made on the host, and
//! so is the same on any device, alone or in a stack, before or after a resume.

use dml_data::random::keyed;
use ndarray_rand::rand_distr::StandardNormal;
use rand::Rng;
use rand::distributions::{Distribution, Standard};
use tch::Tensor;

/// Standard normal values: `shape`, f32, on the CPU.
pub fn normal(seed: u64, purpose: &str, index: u64, shape: &[i64]) -> Tensor {
    draw(seed, purpose, index, shape, StandardNormal)
}

/// Values uniform in [0, 1): `shape`, f32, on the CPU.
pub fn uniform(seed: u64, purpose: &str, index: u64, shape: &[i64]) -> Tensor {
    draw(seed, purpose, index, shape, Standard)
}

fn draw(seed: u64, purpose: &str, index: u64, shape: &[i64], distribution: impl Distribution<f32>) -> Tensor {
    let n = shape.iter().product::<i64>() as usize;
    let values: Vec<f32> = keyed(seed, purpose, index).sample_iter(distribution).take(n).collect();
    Tensor::from_slice(&values).reshape(shape)
}
