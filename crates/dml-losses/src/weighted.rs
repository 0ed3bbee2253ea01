//! Combinations of losses.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Checks, check, not_negative};
use crate::loss::{Batch, Distances, Loss};
use crate::{LossConfig, LossError, ParameterShape, Triplet};

/// The sum of other losses, each times its weight. What it learns is what they learn, one after the
/// other.
///
/// Against a memory: `LossConfig::from(weighted).forward_against(..)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// One or more; no two may learn parameters of the same name.
    pub terms: Vec<WeightedTerm>,
}

/// A loss within a combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedTerm {
    /// What the loss is multiplied with, 0 or more.
    pub weight: f64,
    /// The loss.
    pub loss: LossConfig,
}

impl Default for Weighted {
    /// The default triplet loss as the only term, with weight 1: no combination is the usual one.
    fn default() -> Self {
        Self { terms: vec![WeightedTerm { weight: 1.0, loss: Triplet::default().into() }] }
    }
}

impl Loss for Weighted {
    fn checks(&self) -> Checks {
        let mut checks = vec![check(!self.terms.is_empty(), LossError::NoTerms)];
        let mut names = HashSet::new();
        for WeightedTerm { weight, loss } in &self.terms {
            checks.push(not_negative("weighted", "weight", *weight));
            checks.extend(loss.as_loss().checks());
            let shared = learned_by(loss).into_iter().find(|name| !names.insert(*name));
            checks.push(shared.map_or(Ok(()), |name| Err(LossError::SharedParameter { name })));
        }
        checks
    }

    fn parameters(&self, dim: i64, n_classes: i64) -> Vec<ParameterShape> {
        self.terms.iter().flat_map(|term| term.loss.parameters(dim, n_classes)).collect()
    }

    fn value(&self, mut parameters: &[Tensor], batch: &Batch) -> Tensor {
        let terms = self.terms.iter().map(|WeightedTerm { weight, loss }| {
            let (own, rest) = parameters
                .split_at_checked(learned_by(loss).len())
                .expect("weighted takes the parameters of its terms, one after the other");
            parameters = rest;
            loss.as_loss().value(own, batch) * *weight
        });
        terms.reduce(|sum, term| sum + term).expect("a weighted loss has a term")
    }

    fn distances(&self) -> Distances {
        let of_terms = self.terms.iter().map(|term| term.loss.as_loss().distances());
        of_terms.min().unwrap_or(Distances::Unused)
    }

    fn of_distances(&self, distances: &Tensor, labels: &Tensor) -> Option<Tensor> {
        let term = |term: &WeightedTerm| Some(term.loss.of_distances(distances, labels)? * term.weight);
        let terms: Option<Vec<Tensor>> = self.terms.iter().map(term).collect();
        terms?.into_iter().reduce(|sum, term| sum + term)
    }
}

/// The names of what a loss learns, which are the same for all sizes.
fn learned_by(loss: &LossConfig) -> Vec<&'static str> {
    loss.parameters(1, 1).iter().map(|parameter| parameter.name).collect()
}
