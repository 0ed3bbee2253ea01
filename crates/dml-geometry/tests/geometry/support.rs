//! Reproducible numbers and small decoders.

use dml_geometry::{Curves, Decoder, Refinement};
use tch::{Device, Kind, Tensor};

pub(crate) const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// Reproducible numbers in (-1, 1).
pub(crate) fn numbers(seed: usize, shape: &[i64]) -> Tensor {
    let n = shape.iter().product::<i64>() as usize;
    let number = |i: usize| ((1000 * seed + i) as f64 * 12.9898 + 4.1).sin() * 43_758.545;
    let values: Vec<f64> = (0..n).map(|i| 2.0 * (number(i) - number(i).floor()) - 1.0).collect();
    Tensor::from_slice(&values).reshape(shape)
}

pub(crate) fn tensor<const N: usize>(rows: &[[f64; N]]) -> Tensor {
    Tensor::from_slice(rows.as_flattened()).reshape([rows.len() as i64, N as i64])
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).expect("a tensor of numbers")
}

/// A small network with random weights: `[..., n, d]` to `[..., n, 20]`.
pub(crate) fn network(seed: usize, dim: i64) -> impl Fn(&Tensor) -> Tensor {
    let first = numbers(seed, &[dim, 16]) * 1.2;
    let second = numbers(seed + 1, &[16, 20]) * 0.5;
    let bias = numbers(seed + 2, &[16]);
    move |z| (z.matmul(&first) + &bias).tanh().matmul(&second)
}

/// As far as curves can be refined.
pub(crate) const FAR: Refinement = Refinement { iterations: 400, tolerance: 1e-12 };

/// The lengths of geodesics that straight lines lead to.
pub(crate) fn solved(decoder: &Decoder, from: &Tensor, to: &Tensor, segments: i64) -> Tensor {
    FAR.refine(decoder, &Curves::straight(from, to, segments)).length(decoder)
}

/// Differences relative to the expected numbers.
pub(crate) fn assert_close(got: &Tensor, expected: &Tensor, tolerance: f64) {
    let (got, expected) = (values(got), values(expected));
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(&expected) {
        assert!(
            (got - expected).abs() <= tolerance * expected.abs(),
            "{got} is not {expected} within {tolerance} of it"
        );
    }
}
