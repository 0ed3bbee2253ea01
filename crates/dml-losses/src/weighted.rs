//! Combinations of losses.

use tch::Tensor;

use crate::{CrossBatchMemory, Loss, ParameterShape};

/// The sum of other losses, each times its weight. What it learns is what they learn, one after the other.
#[derive(Debug)]
pub struct Weighted {
    pub(crate) terms: Vec<(f64, Box<dyn Loss>)>,
}

impl Weighted {
    /// Gives each term its part of the parameters, and sums.
    fn sum(&self, mut parameters: &[Tensor], value: impl Fn(&dyn Loss, &[Tensor]) -> Tensor) -> Tensor {
        let weighted = self.terms.iter().map(|(weight, loss)| {
            let (own, rest) = parameters
                .split_at_checked(loss.parameters().len())
                .expect("weighted takes the parameters of its terms, one after the other");
            parameters = rest;
            value(&**loss, own) * *weight
        });
        weighted.reduce(|sum, term| sum + term).expect("a weighted loss has a term")
    }
}

impl Loss for Weighted {
    fn parameters(&self) -> Vec<ParameterShape> {
        self.terms.iter().flat_map(|(_, loss)| loss.parameters()).collect()
    }

    fn forward(&self, parameters: &[Tensor], embeddings: &Tensor, labels: &Tensor) -> Tensor {
        self.sum(parameters, |loss, own| loss.forward(own, embeddings, labels))
    }

    fn forward_against(
        &self,
        parameters: &[Tensor],
        embeddings: &Tensor,
        labels: &Tensor,
        memory: &CrossBatchMemory,
    ) -> Tensor {
        self.sum(parameters, |loss, own| loss.forward_against(own, embeddings, labels, memory))
    }
}
