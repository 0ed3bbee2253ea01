use ndarray::{ArrayView2, Axis, concatenate};

use super::{Classifier, Fit};
use crate::error::EvalError;
use crate::label::Label;
use crate::propagation::Poisson;

/// Labels spread along a graph of neighbours ([`Poisson`]) that joins what is fitted with what is
/// asked: all queries together say what each of them is, so one alone may get another class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Propagation {
    /// Neighbours of a row in the graph, at least 1.
    pub neighbours: usize,
}

impl<L: Label> Classifier<L> for Propagation {
    fn predict(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<Vec<u32>, EvalError> {
        let all = concatenate(Axis(0), &[fit.embeddings.view(), queries.view()]).expect("the same dimension");
        let labelled: Vec<(usize, u32)> = fit.classes.iter().copied().enumerate().collect();
        let guesses = Poisson { neighbours: self.neighbours }.guess(all.view(), &labelled)?;
        Ok(guesses.classes[fit.classes.len()..].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::{Embedded, Evaluation, Protocol, Readout};

    #[test]
    fn labels_reach_along_the_queries_what_is_nearer_to_another_label() {
        // Two lines of 80, 12 apart: one has its label at the left end, the other at the right.
        let line = |n: usize| {
            let at = |row: usize| [(row / 2) as f32, 12.0 * (row % 2) as f32];
            (Array2::from_shape_fn((n, 2), |(row, d)| at(row)[d]), (0..n).map(|row| (row % 2) as i32))
        };
        let (embeddings, labels) = line(160);
        let labels: Vec<i32> = labels.collect();
        let ends = embeddings.select(Axis(0), &[0, 159]);
        let evaluation = Evaluation {
            train: Embedded { embeddings: ends.view(), labels: &[0, 1] },
            labelled: &[0, 1],
            test: Embedded { embeddings: embeddings.view(), labels: &labels },
            seed: 0,
        };
        let accuracy = |readout: Readout| {
            let scores = evaluation.readouts(Protocol::Labelled, &[readout]).unwrap();
            scores[&format!("labelled.{}.accuracy", readout.name())]
        };
        assert!(accuracy(Readout::Nearest) < 0.6, "half of each line is nearer to the other's label");
        assert!((accuracy(Readout::Propagation) - 1.0).abs() < 1e-12);
    }
}
