use ndarray::ArrayView2;

/// Why embeddings could not be scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A coordinate is NaN or infinite.
    #[error("embedding {row} has a coordinate that is not finite; every coordinate must be a finite number")]
    NotFinite {
        /// The first such row.
        row: usize,
    },
    /// Embeddings have dimension 0.
    #[error("embeddings have no coordinates; they need one at least")]
    NoCoordinates,
    /// There are too few points for what was asked.
    #[error("{n} points are too few {purpose}, which needs at least {least}")]
    TooFew {
        /// How many there are.
        n: usize,
        /// How many it takes.
        least: usize,
        /// What for.
        purpose: &'static str,
    },
    /// Weights grew beyond all bounds.
    #[error("the read-out {readout} diverged; embeddings must be scaled to the order of 1")]
    Diverged {
        /// Name of the read-out.
        readout: &'static str,
    },
    /// Nobody has another of its class to find.
    #[error("none of {n} points shares its class with another, which retrieval needs")]
    NoPair {
        /// How many points there are.
        n: usize,
    },
    /// A row id of the mask lies beyond the training set.
    #[error("labelled row {row} does not exist; the training set has {n} rows")]
    NoSuchRow {
        /// The id.
        row: usize,
        /// Rows of the training set.
        n: usize,
    },
}

/// Refuses dimension 0, and NaN and infinity, naming the first row that has one.
pub(crate) fn check_finite(embeddings: ArrayView2<f32>) -> Result<(), EvalError> {
    if embeddings.ncols() == 0 {
        return Err(EvalError::NoCoordinates);
    }
    match embeddings.rows().into_iter().position(|row| !row.iter().all(|x| x.is_finite())) {
        Some(row) => Err(EvalError::NotFinite { row }),
        None => Ok(()),
    }
}

/// Refuses fewer than `least` points.
pub(crate) fn check_enough(n: usize, least: usize, purpose: &'static str) -> Result<(), EvalError> {
    if n < least { Err(EvalError::TooFew { n, least, purpose }) } else { Ok(()) }
}
