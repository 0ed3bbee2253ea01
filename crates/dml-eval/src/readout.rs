//! Read-outs: classifiers with scikit-learn's defaults and semantics, to say what can be read from
//! an embedding.

mod geodesic_neighbours;
mod logistic_regression;
mod mlp;
mod nearest_neighbours;
mod propagation;
mod random_forest;

use std::fmt::Debug;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_embeddings, check_enough, check_labelled, check_width};
use crate::label::{Classes, Label};

pub use geodesic_neighbours::{GeodesicNeighbours, Lengths, Ways, euclidean};
pub use logistic_regression::LogisticRegression;
pub use mlp::Mlp;
pub use nearest_neighbours::NearestNeighbours;
pub use propagation::Propagation;
pub use random_forest::RandomForest;

/// What a classifier learns from: embeddings with the ids of their classes.
#[derive(Debug, Clone, Copy)]
pub struct Fit<'a> {
    /// Finite. `[n, d]`
    pub embeddings: ArrayView2<'a, f32>,
    /// Below `n_classes`, each of which has an embedding. `[n]`
    pub classes: &'a [u32],
    /// At least 2.
    pub n_classes: usize,
}

/// Learns classes from labelled embeddings and tells those of others.
pub trait Classifier<L: Label = u8>: Debug + Sync {
    /// The class id of every query; the same for the same input on any number of threads.
    ///
    /// # Shapes
    /// `queries`: `[m, d]`, finite; returns `[m]`.
    ///
    /// # Errors
    /// A setting out of range, or weights that diverge.
    fn predict(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<Vec<u32>, EvalError>;

    /// The same, and whether the fit has converged: `false` of [`LogisticRegression`] that ended
    /// before its slopes were flat, after as many iterations as it may take or where rounding shows
    /// no way down, so that its classes may not be those of its definition. Of all others it is
    /// `true`.
    ///
    /// # Shapes
    /// As [`predict`](Self::predict).
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    fn predict_and_tell(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<(Vec<u32>, bool), EvalError> {
        Ok((self.predict(fit, queries)?, true))
    }

    /// The predicted label of every query: [`predict`](Self::predict) on checked input, from labels
    /// to class ids and back. A single class is predicted without it.
    ///
    /// # Shapes
    /// `embeddings`: `[n, d]`, `labels`: `[n]`, `queries`: `[m, d]`, returns `[m]`.
    ///
    /// # Errors
    /// Embeddings or queries that are not finite or too large, of different dimensions, or none at
    /// all; labels that are negative or not one an embedding; and those of `predict`.
    fn fit_predict(
        &self,
        embeddings: ArrayView2<f32>,
        labels: &[L],
        queries: ArrayView2<f32>,
    ) -> Result<Vec<L>, EvalError> {
        Ok(self.fit_and_tell(embeddings, labels, queries)?.0)
    }

    /// The same, and whether the fit has converged, as
    /// [`predict_and_tell`](Self::predict_and_tell) says.
    ///
    /// # Shapes
    /// As [`fit_predict`](Self::fit_predict).
    ///
    /// # Errors
    /// Those of [`fit_predict`](Self::fit_predict).
    fn fit_and_tell(
        &self,
        embeddings: ArrayView2<f32>,
        labels: &[L],
        queries: ArrayView2<f32>,
    ) -> Result<(Vec<L>, bool), EvalError> {
        check_labelled(embeddings, labels, 0..labels.len(), "training set")?;
        check_enough(labels.len(), 1, "to fit a classifier")?;
        check_embeddings(queries, "queries")?;
        check_width(embeddings.ncols(), queries.ncols())?;
        let Classes { distinct, ids } = Classes::of(labels);
        if let [only] = distinct[..] {
            return Ok((vec![only; queries.nrows()], true));
        }
        let fit = Fit { embeddings: embeddings.view(), classes: &ids, n_classes: distinct.len() };
        let (predicted, is_converged) = self.predict_and_tell(fit, queries)?;
        Ok((predicted.into_iter().map(|id| distinct[id as usize]).collect(), is_converged))
    }
}

/// The read-outs by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Readout {
    /// [`NearestNeighbours`], the five nearest, scikit-learn's default.
    Knn,
    /// [`NearestNeighbours`], the nearest alone; of few labels per class, five neighbours are most.
    Nearest,
    /// [`RandomForest`]
    RandomForest,
    /// [`Mlp`]
    Mlp,
    /// [`LogisticRegression`]
    Linear,
    /// [`Propagation`] on a graph of ten neighbours.
    Propagation,
    /// [`GeodesicNeighbours`], the five nearest along a graph of ten neighbours.
    GeodesicKnn,
}

impl Readout {
    /// Every read-out.
    pub const ALL: [Self; 7] = [
        Self::Knn,
        Self::Nearest,
        Self::RandomForest,
        Self::Mlp,
        Self::Linear,
        Self::Propagation,
        Self::GeodesicKnn,
    ];

    /// The name in scores and in files, such as `random_forest`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Knn => "knn",
            Self::Nearest => "nearest",
            Self::RandomForest => "random_forest",
            Self::Mlp => "mlp",
            Self::Linear => "linear",
            Self::Propagation => "propagation",
            Self::GeodesicKnn => "geodesic_knn",
        }
    }

    /// The classifier, with scikit-learn's defaults but for the number of neighbours of `Nearest`;
    /// `seed` draws trees, weights and batches.
    pub fn classifier<L: Label>(self, seed: u64) -> Box<dyn Classifier<L>> {
        match self {
            Self::Knn => Box::new(NearestNeighbours { k: 5 }),
            Self::Nearest => Box::new(NearestNeighbours { k: 1 }),
            Self::RandomForest => Box::new(RandomForest { n_trees: 100, seed }),
            Self::Mlp => Box::new(Mlp { seed }),
            Self::Linear => Box::new(LogisticRegression {}),
            Self::Propagation => Box::new(Propagation { neighbours: 10 }),
            Self::GeodesicKnn => Box::new(GeodesicNeighbours::default()),
        }
    }
}

/// The position of the largest score, the first of equal ones.
fn argmax(scores: &[f32]) -> u32 {
    let better = |best, (i, &score): (usize, &f32)| if score > scores[best] { i } else { best };
    scores.iter().enumerate().fold(0, better) as u32
}
