//! Read-outs: classifiers with scikit-learn's defaults and semantics, to say what can be read from an embedding.

mod logistic_regression;
mod mlp;
mod nearest_neighbours;
mod random_forest;

use std::fmt::Debug;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_enough, check_finite};
use crate::label::{Classes, Label};

pub use logistic_regression::LogisticRegression;
pub use mlp::Mlp;
pub use nearest_neighbours::NearestNeighbours;
pub use random_forest::RandomForest;

/// Learns classes from labelled embeddings and tells those of others.
pub trait Classifier<L = u8>: Debug + Sync {
    /// The predicted label of every query; the same for the same input on any number of threads.
    ///
    /// # Shapes
    /// `embeddings`: `[n, d]`, `labels`: `[n]`, `queries`: `[m, d]`, returns `[m]`.
    ///
    /// # Errors
    /// Embeddings or queries that are not finite, no embeddings at all, or weights that diverge. A single class is no error: it is
    /// predicted.
    fn fit_predict(
        &self,
        embeddings: ArrayView2<f32>,
        labels: &[L],
        queries: ArrayView2<f32>,
    ) -> Result<Vec<L>, EvalError>;
}

/// The read-outs by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
}

impl Readout {
    /// Every read-out.
    pub const ALL: [Self; 5] = [Self::Knn, Self::Nearest, Self::RandomForest, Self::Mlp, Self::Linear];

    /// The name in scores and in files, such as `random_forest`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Knn => "knn",
            Self::Nearest => "nearest",
            Self::RandomForest => "random_forest",
            Self::Mlp => "mlp",
            Self::Linear => "linear",
        }
    }

    /// The classifier, with scikit-learn's defaults but for the number of neighbours of `Nearest`; `seed` draws trees, weights and batches.
    pub fn classifier<L: Label>(self, seed: u64) -> Box<dyn Classifier<L>> {
        match self {
            Self::Knn => Box::new(NearestNeighbours { k: 5 }),
            Self::Nearest => Box::new(NearestNeighbours { k: 1 }),
            Self::RandomForest => Box::new(RandomForest { n_trees: 100, seed }),
            Self::Mlp => Box::new(Mlp { seed }),
            Self::Linear => Box::new(LogisticRegression {}),
        }
    }
}

/// What a classifier learns from once labels are class ids below `n_classes`.
#[derive(Debug, Clone, Copy)]
struct Fit<'a> {
    embeddings: ArrayView2<'a, f32>, // [n, d]
    classes: &'a [u32],              // [n]
    n_classes: usize,                // at least 2
}

/// Checks the input, answers a single class at once, and translates labels to class ids and back.
fn on_classes<L: Label>(
    embeddings: ArrayView2<f32>,
    labels: &[L],
    queries: ArrayView2<f32>,
    predict: impl FnOnce(Fit) -> Result<Vec<u32>, EvalError>,
) -> Result<Vec<L>, EvalError> {
    assert_eq!(embeddings.nrows(), labels.len(), "every embedding must have a label");
    assert_eq!(embeddings.ncols(), queries.ncols(), "embeddings and queries must have one dimension");
    check_enough(labels.len(), 1, "to fit a classifier")?;
    check_finite(embeddings)?;
    check_finite(queries)?;
    let Classes { distinct, ids } = Classes::of(labels);
    if let [only] = distinct[..] {
        return Ok(vec![only; queries.nrows()]);
    }
    let predicted =
        predict(Fit { embeddings: embeddings.reborrow(), classes: &ids, n_classes: distinct.len() })?;
    Ok(predicted.into_iter().map(|id| distinct[id as usize]).collect())
}

/// The position of the largest score, the first of equal ones.
fn argmax(scores: &[f32]) -> u32 {
    let better = |best, (i, &score): (usize, &f32)| if score > scores[best] { i } else { best };
    scores.iter().enumerate().fold(0, better) as u32
}
