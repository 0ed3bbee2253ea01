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
