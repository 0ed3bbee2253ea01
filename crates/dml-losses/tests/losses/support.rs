//! Batches as plain numbers, the arithmetic of the for-loops, and losses evaluated on them.

use std::fmt;

use dml_losses::{CrossBatchMemory, LossConfig};
use tch::{Kind, Tensor};

pub(crate) const DIM: usize = 3;
pub(crate) const N_CLASSES: i64 = 4;

/// A batch, and behind it the rows of a memory.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) embeddings: Vec<Vec<f64>>,
    pub(crate) labels: Vec<i64>,
    /// The first rows are the batch, the others the memory.
    pub(crate) n_rows: usize,
}

/// Learned parameters as rows of numbers.
pub(crate) type Parameters = [Vec<Vec<f64>>];

/// The value as a for-loop has it. What the gradient takes for constant is read from the last
/// batch.
type Oracle = Box<dyn Fn(&Batch, &Parameters, &Batch) -> f64>;

/// A loss and its for-loop.
pub(crate) struct Case {
    pub(crate) config: LossConfig,
    pub(crate) oracle: Oracle,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl Case {
    pub(crate) fn new(
        config: impl Into<LossConfig>,
        oracle: impl Fn(&Batch, &Parameters, &Batch) -> f64 + 'static,
    ) -> Self {
        Self { config: config.into(), oracle: Box::new(oracle) }
    }
}

impl Batch {
    /// Reproducible numbers in (-1, 1) under the given labels.
    pub(crate) fn new(seed: usize, labels: &[i64]) -> Self {
        let row = |i: usize| (0..DIM).map(|k| number(1000 * seed + DIM * i + k)).collect();
        Self {
            embeddings: (0..labels.len()).map(row).collect(),
            labels: labels.to_vec(),
            n_rows: labels.len(),
        }
    }

    pub(crate) fn anchors(&self) -> impl Iterator<Item = usize> {
        (0..self.n_rows).filter(|&i| self.labels[i] >= 0)
    }

    pub(crate) fn positives(&self, i: usize) -> impl Iterator<Item = usize> {
        (0..self.labels.len()).filter(move |&j| j != i && self.labels[j] == self.labels[i])
    }

    pub(crate) fn negatives(&self, i: usize) -> impl Iterator<Item = usize> {
        (0..self.labels.len()).filter(move |&j| self.labels[j] >= 0 && self.labels[j] != self.labels[i])
    }

    pub(crate) fn distance(&self, i: usize, j: usize, normalized: bool) -> f64 {
        let (a, b) = (&self.embeddings[i], &self.embeddings[j]);
        let (of_a, of_b) = if normalized { (dot(a, a).sqrt(), dot(b, b).sqrt()) } else { (1.0, 1.0) };
        a.iter().zip(b).map(|(x, y)| (x / of_a - y / of_b).powi(2)).sum::<f64>().sqrt()
    }
}

/// One of the reproducible numbers in (-1, 1), the same in f32 as in f64.
pub(crate) fn number(index: usize) -> f64 {
    f64::from((2.0 * (((index + 1) as f64 * 12.9898).sin() * 43_758.545_3).rem_euclid(1.0) - 1.0) as f32)
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(crate) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum()
}

pub(crate) fn log_sum_exp(values: &[f64]) -> f64 {
    values.iter().map(|v| v.exp()).sum::<f64>().ln()
}

/// Zero where there is nothing.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Reproducible parameters for a loss.
pub(crate) fn parameters(loss: &LossConfig, seed: usize) -> Vec<Vec<Vec<f64>>> {
    parameters_for(DIM as i64, loss, seed)
}

/// The same for embeddings of `dim` dimensions.
pub(crate) fn parameters_for(dim: i64, loss: &LossConfig, seed: usize) -> Vec<Vec<Vec<f64>>> {
    let row = |offset: usize, n: usize| (0..n).map(|k| number(offset + k)).collect();
    let shapes = loss.parameters(dim, N_CLASSES);
    let of_shape = |(i, p): (usize, &dml_losses::ParameterShape)| {
        let width = p.shape.get(1).map_or(1, |&w| w as usize);
        (0..p.shape[0] as usize).map(|r| row(1000 * seed + 100 * (i + 7) + width * r, width)).collect()
    };
    shapes.iter().enumerate().map(of_shape).collect()
}

pub(crate) fn tensor(numbers: &[f64], shape: &[i64], kind: Kind) -> Tensor {
    Tensor::from_slice(numbers).reshape(shape).to_kind(kind)
}

pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).expect("a tensor of numbers")
}

/// Embeddings and labels of the batch, and the memory behind it.
pub(crate) fn tensors(batch: &Batch, kind: Kind) -> (Tensor, Tensor, CrossBatchMemory) {
    let (n, n_rows) = (batch.labels.len() as i64, batch.n_rows as i64);
    let dim = batch.embeddings.first().map_or(DIM, Vec::len) as i64;
    let embeddings = tensor(&batch.embeddings.concat(), &[n, dim], kind);
    let labels = Tensor::from_slice(&batch.labels);
    let memory = CrossBatchMemory {
        embeddings: embeddings.narrow(0, n_rows, n - n_rows),
        labels: labels.narrow(0, n_rows, n - n_rows),
        next: 0,
    };
    (embeddings.narrow(0, 0, n_rows), labels.narrow(0, 0, n_rows), memory)
}

/// A bias has one number a row, and one dimension.
pub(crate) fn parameter_tensors(parameters: &Parameters, kind: Kind) -> Vec<Tensor> {
    let shape = |rows: &[Vec<f64>]| match rows[0].len() {
        1 => vec![rows.len() as i64],
        width => vec![rows.len() as i64, width as i64],
    };
    parameters.iter().map(|rows| tensor(&rows.concat(), &shape(rows), kind)).collect()
}

/// A value and its gradients, in f64.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evaluated {
    pub(crate) value: f64,
    /// Of the embeddings of the batch, row by row, then of the parameters.
    pub(crate) gradients: Vec<Vec<f64>>,
}

/// The loss against the memory, where that has rows.
pub(crate) fn forward(
    loss: &LossConfig,
    parameters: &[Tensor],
    (embeddings, labels, memory): &(Tensor, Tensor, CrossBatchMemory),
) -> Tensor {
    if memory.labels.size().last() == Some(&0) {
        loss.forward(parameters, embeddings, labels)
    } else {
        loss.forward_against(parameters, embeddings, labels, memory)
    }
}

/// The loss of one model, against a memory where the batch has one.
pub(crate) fn evaluate(loss: &LossConfig, parameters: &Parameters, batch: &Batch, kind: Kind) -> Evaluated {
    let (embeddings, labels, memory) = tensors(batch, kind);
    let embeddings = embeddings.set_requires_grad(true);
    let parameters: Vec<Tensor> =
        parameter_tensors(parameters, kind).into_iter().map(|p| p.set_requires_grad(true)).collect();
    let value = forward(loss, &parameters, &(embeddings.shallow_clone(), labels, memory));
    assert_eq!(
        (value.size(), value.kind()),
        (vec![], kind),
        "one model has one value, of the embeddings' kind"
    );
    value.backward();
    Evaluated {
        value: value.double_value(&[]),
        gradients: [&embeddings].into_iter().chain(&parameters).map(|t| numbers(&t.grad())).collect(),
    }
}

/// Differences relative to the largest expected number.
pub(crate) fn assert_close(got: &[f64], expected: &[f64], tolerance: f64, what: &dyn fmt::Debug) {
    assert_eq!(got.len(), expected.len(), "{what:?}");
    let scale = expected.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    for (a, b) in got.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance * scale, "{a} is not {b} within {tolerance} of {scale}: {what:?}");
    }
}
