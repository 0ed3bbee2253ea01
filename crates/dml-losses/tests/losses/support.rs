//! Batches of numbers, and losses evaluated on them.

use dml_losses::{Loss, LossConfig};
use tch::{Device, Kind, Tensor};

/// Embeddings and labels of one batch as plain numbers.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) embeddings: Vec<Vec<f64>>,
    pub(crate) labels: Vec<i64>,
}

/// A value and its gradients with respect to embeddings and parameters, in f64.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evaluated {
    pub(crate) value: f64,
    pub(crate) gradient: Vec<Vec<f64>>,
    pub(crate) parameter_gradients: Vec<Vec<f64>>,
}

pub(crate) const DIM: usize = 3;
pub(crate) const N_CLASSES: i64 = 4;

pub(crate) fn build(config: &LossConfig) -> Box<dyn Loss> {
    config.build(DIM as i64, N_CLASSES).expect("the settings are in range")
}

/// Reproducible numbers in (-1, 1), without a generator.
pub(crate) fn number(index: usize) -> f64 {
    let x = (index as f64 + 1.0) * 12.9898;
    2.0 * (x.sin() * 43_758.545_3).rem_euclid(1.0) - 1.0
}

pub(crate) fn batch(seed: usize, labels: &[i64]) -> Batch {
    let row = |i: usize| (0..DIM).map(|k| number(1000 * seed + DIM * i + k)).collect();
    Batch { embeddings: (0..labels.len()).map(row).collect(), labels: labels.to_vec() }
}

/// Parameters for a loss, each as flat numbers.
pub(crate) fn parameters(loss: &dyn Loss, seed: usize) -> Vec<Vec<f64>> {
    let flat = |(i, shape): (usize, &dml_losses::ParameterShape)| {
        let n = shape.shape.iter().product::<i64>() as usize;
        (0..n).map(|k| number(1000 * seed + 100 * (i + 1) + k)).collect()
    };
    loss.parameters().iter().enumerate().map(flat).collect()
}

pub(crate) fn tensor(numbers: &[f64], shape: &[i64], kind: Kind) -> Tensor {
    Tensor::from_slice(numbers).reshape(shape).to_kind(kind).set_requires_grad(true)
}

pub(crate) fn embeddings_tensor(batch: &Batch, kind: Kind) -> Tensor {
    tensor(&batch.embeddings.concat(), &[batch.labels.len() as i64, DIM as i64], kind)
}

pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).to_device(Device::Cpu).flatten(0, -1))
        .expect("a tensor of numbers")
}

pub(crate) fn rows(numbers: &[f64]) -> Vec<Vec<f64>> {
    numbers.chunks(DIM).map(<[f64]>::to_vec).collect()
}

/// Value and gradients of one model.
pub(crate) fn evaluate(loss: &dyn Loss, parameters: &[Vec<f64>], batch: &Batch, kind: Kind) -> Evaluated {
    let embeddings = embeddings_tensor(batch, kind);
    let parameters: Vec<Tensor> =
        loss.parameters().iter().zip(parameters).map(|(shape, p)| tensor(p, &shape.shape, kind)).collect();
    let value = loss.forward(&parameters, &embeddings, &Tensor::from_slice(&batch.labels));
    assert_eq!(value.size(), [0i64; 0], "one model has one value");
    assert_eq!(value.kind(), kind);
    value.backward();
    Evaluated {
        value: value.double_value(&[]),
        gradient: rows(&numbers(&embeddings.grad())),
        parameter_gradients: parameters.iter().map(|p| numbers(&p.grad())).collect(),
    }
}
