//! Losses as data: what stands in a trial file.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{
    Center, Circle, Contrastive, Distance, LiftedStructure, Loss, Mining, MultiSimilarity, NPair, Nca,
    ProxyAnchor, SupCon, Triplet, Weighted,
};

/// A loss and all its settings; nothing has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LossConfig {
    /// See [`Triplet`].
    Triplet {
        /// Above 0, in the units of the distance.
        margin: f64,
        /// Which triplets count.
        mining: Mining,
        /// How far apart two embeddings are.
        distance: Distance,
        /// Whether embeddings are first scaled to length 1.
        normalized: bool,
    },
    /// See [`SupCon`].
    SupCon {
        /// Above 0; 0.1 in the paper.
        temperature: f64,
    },
    /// See [`Center`].
    Center {
        /// Weight of the distance to the centres, 0 or more; 0.003 in the paper.
        lambda: f64,
    },
    /// See [`Contrastive`].
    Contrastive {
        /// Above 0: how far negatives are pushed apart.
        margin: f64,
        /// Whether embeddings are first scaled to length 1.
        normalized: bool,
    },
    /// See [`NPair`].
    NPair {
        /// Weight of the squared length of the embeddings, 0 or more.
        l2_weight: f64,
    },
    /// See [`MultiSimilarity`].
    MultiSimilarity {
        /// Sharpness among positives, above 0; 2 in the paper.
        alpha: f64,
        /// Sharpness among negatives, above 0; 50 in the paper.
        beta: f64,
        /// The similarity from which positives and negatives are told apart, -1 to 1; 1 in the paper.
        lambda: f64,
        /// How far a mined pair may be from violating, 0 or more; 0.1 in the paper.
        epsilon: f64,
    },
    /// See [`LiftedStructure`].
    LiftedStructure {
        /// Above 0; 1 in the paper.
        margin: f64,
        /// Whether embeddings are first scaled to length 1.
        normalized: bool,
    },
    /// See [`Nca`].
    Nca {
        /// Above 0, a squared distance; 1 in the paper.
        temperature: f64,
    },
    /// See [`ProxyAnchor`].
    ProxyAnchor {
        /// Sharpness, above 0; 32 in the paper.
        alpha: f64,
        /// Margin in similarity, 0 or more; 0.1 in the paper.
        delta: f64,
    },
    /// See [`Circle`].
    Circle {
        /// Sharpness, above 0; 80 to 256 in the paper.
        gamma: f64,
        /// Relaxation, 0 to 1; 0.25 or 0.4 in the paper.
        m: f64,
    },
    /// See [`Weighted`].
    Weighted {
        /// One or more; no two may learn parameters of the same name.
        terms: Vec<WeightedTerm>,
    },
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

/// Settings that make no loss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// A number out of its range.
    #[error("{key} of the loss {kind} is {value:?}, but has to be {range}")]
    OutOfRange {
        /// The loss, as in the trial file.
        kind: &'static str,
        /// The setting, as in the trial file.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What would be right.
        range: &'static str,
    },
    /// A combination of nothing.
    #[error("the loss weighted has no terms, but needs one or more")]
    NoTerms,
    /// A combination of two losses whose parameters could not be told apart.
    #[error("two terms of the loss weighted learn {name}, but only one may")]
    SharedParameter {
        /// The parameter.
        name: &'static str,
    },
}

impl LossConfig {
    /// The loss for embeddings of `latent_dim` dimensions and labels in `0..n_classes`, both 1 or more.
    ///
    /// # Errors
    /// A setting out of its range, and a combination without terms or with two terms that learn the same.
    pub fn build(&self, latent_dim: i64, n_classes: i64) -> Result<Box<dyn Loss>, LossError> {
        assert!(latent_dim > 0 && n_classes > 0, "latent_dim and n_classes are 1 or more");
        Ok(match self {
            &Self::Triplet { margin, mining, distance, normalized } => {
                positive("triplet", "margin", margin)?;
                Box::new(Triplet { margin, mining, distance, normalized })
            }
            &Self::SupCon { temperature } => {
                positive("sup_con", "temperature", temperature)?;
                Box::new(SupCon { temperature })
            }
            &Self::Center { lambda } => {
                not_negative("center", "lambda", lambda)?;
                Box::new(Center { lambda, latent_dim, n_classes })
            }
            &Self::Contrastive { margin, normalized } => {
                positive("contrastive", "margin", margin)?;
                Box::new(Contrastive { margin, normalized })
            }
            &Self::NPair { l2_weight } => {
                not_negative("n_pair", "l2_weight", l2_weight)?;
                Box::new(NPair { l2_weight })
            }
            &Self::MultiSimilarity { alpha, beta, lambda, epsilon } => {
                positive("multi_similarity", "alpha", alpha)?;
                positive("multi_similarity", "beta", beta)?;
                check("multi_similarity", "lambda", lambda, lambda.abs() <= 1.0, "between -1 and 1")?;
                not_negative("multi_similarity", "epsilon", epsilon)?;
                Box::new(MultiSimilarity { alpha, beta, lambda, epsilon })
            }
            &Self::LiftedStructure { margin, normalized } => {
                positive("lifted_structure", "margin", margin)?;
                Box::new(LiftedStructure { margin, normalized })
            }
            &Self::Nca { temperature } => {
                positive("nca", "temperature", temperature)?;
                Box::new(Nca { temperature })
            }
            &Self::ProxyAnchor { alpha, delta } => {
                positive("proxy_anchor", "alpha", alpha)?;
                not_negative("proxy_anchor", "delta", delta)?;
                Box::new(ProxyAnchor { alpha, delta, latent_dim, n_classes })
            }
            &Self::Circle { gamma, m } => {
                positive("circle", "gamma", gamma)?;
                check("circle", "m", m, (0.0..=1.0).contains(&m), "between 0 and 1")?;
                Box::new(Circle { gamma, m })
            }
            Self::Weighted { terms } => Box::new(weighted(terms, latent_dim, n_classes)?),
        })
    }
}

fn weighted(terms: &[WeightedTerm], latent_dim: i64, n_classes: i64) -> Result<Weighted, LossError> {
    if terms.is_empty() {
        return Err(LossError::NoTerms);
    }
    let mut names = HashSet::new();
    let mut built = Vec::new();
    for WeightedTerm { weight, loss } in terms {
        not_negative("weighted", "weight", *weight)?;
        let loss = loss.build(latent_dim, n_classes)?;
        if let Some(shared) = loss.parameters().iter().find(|parameter| !names.insert(parameter.name)) {
            return Err(LossError::SharedParameter { name: shared.name });
        }
        built.push((*weight, loss));
    }
    Ok(Weighted { terms: built })
}

/// Losses are taken in f32, where a smaller number is 0 and a larger one infinite.
fn positive(kind: &'static str, key: &'static str, value: f64) -> Result<(), LossError> {
    check(
        kind,
        key,
        value,
        (f32::MIN_POSITIVE..=f32::MAX).contains(&(value as f32)),
        "above 0, from 1.2e-38 to 3.4e38",
    )
}

fn not_negative(kind: &'static str, key: &'static str, value: f64) -> Result<(), LossError> {
    check(kind, key, value, value >= 0.0 && (value as f32).is_finite(), "0 or more, at most 3.4e38")
}

fn check(
    kind: &'static str,
    key: &'static str,
    value: f64,
    holds: bool,
    range: &'static str,
) -> Result<(), LossError> {
    if holds { Ok(()) } else { Err(LossError::OutOfRange { kind, key, value, range }) }
}
