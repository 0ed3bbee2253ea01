use ndarray::ArrayView2;

use crate::label::Label;

/// The largest coordinate that is scored. Up to here squared distances, and sums of them, fit an
/// `f32` in any dimension that memory can hold.
pub const LARGEST_COORDINATE: f32 = 1e15;

/// How much memory one score may take, in GiB: beyond that, it is no score rather than the end of
/// all others.
const MOST_GIB: usize = 8;

/// Why embeddings could not be scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A coordinate is NaN or infinite.
    #[error(
        "embedding {row} of the {set} has a coordinate that is not finite; every coordinate must be a finite number"
    )]
    NotFinite {
        /// The first such row.
        row: usize,
        /// Whose row, such as `test set`.
        set: &'static str,
    },
    /// The square of a coordinate might not fit an `f32`.
    #[error(
        "embedding {row} of the {set} has a coordinate beyond {LARGEST_COORDINATE:e}, whose squared distances would overflow; embeddings must be scaled to the order of 1"
    )]
    TooLarge {
        /// The first such row.
        row: usize,
        /// Whose row, such as `test set`.
        set: &'static str,
    },
    /// Rows lie nearer to each other than an `f32` of their size can tell.
    #[error(
        "scores are computed in f32, to which rounding moves {n_blurred} of {n} rows looked at by up to {largest}, more than a tenth of the way \
         to their nearest row, even where each column's mean is subtracted; bring the columns to the order of 1, and subtract what groups of \
         rows have in common"
    )]
    Blurred {
        /// How many rows that is so of.
        n_blurred: usize,
        /// Of how many.
        n: usize,
        /// How far rounding moves a row and its nearest row together, at most.
        largest: String,
    },
    /// Embeddings have dimension 0.
    #[error("embeddings have no coordinates; they need one at least")]
    NoCoordinates,
    /// Two sets of embeddings that must lie in one space do not.
    #[error("embeddings to fit on have {fit} coordinates and those to ask about {ask}; both need the same")]
    OtherWidth {
        /// Coordinates of what a model is fitted on.
        fit: usize,
        /// Coordinates of what it is asked about.
        ask: usize,
    },
    /// There is not one label an embedding.
    #[error("the {set} has {n} embeddings and {n_labels} labels; it needs one label an embedding")]
    OtherLength {
        /// How many embeddings.
        n: usize,
        /// How many labels.
        n_labels: usize,
        /// What they are of, such as `test set`.
        set: &'static str,
    },
    /// A label is negative, which elsewhere says that there is none.
    #[error(
        "label {row} of the {set} is {label}; a label is 0 or more, and a row without one must not be among those that are fitted on or scored"
    )]
    Negative {
        /// The first such row.
        row: usize,
        /// Whose row, such as `test set`.
        set: &'static str,
        /// The label.
        label: String,
    },
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
    /// None of what there must be at least one of.
    #[error("{what} is 0; it must be at least 1")]
    Zero {
        /// Name of the number, such as `n_trees`.
        what: &'static str,
    },
    /// A number that its method gives no meaning to.
    #[error("{what} is {value}; it must be {right}")]
    OutOfRange {
        /// Name of the number, such as `gamma`.
        what: &'static str,
        /// What it is.
        value: String,
        /// What would be right, such as `at least 0 and below 1`.
        right: &'static str,
    },
    /// Weights grew beyond all bounds.
    #[error("the read-out {readout} diverged; embeddings must be scaled to the order of 1")]
    Diverged {
        /// Name of the read-out.
        readout: &'static str,
    },
    /// A table of points and classes that memory may not hold.
    #[error(
        "{what} of {n} points and {n_classes} classes takes {gib} GiB, and {MOST_GIB} GiB are the most; fewer points or classes would do"
    )]
    TooMuchMemory {
        /// What takes it, such as `the Gaussian mixture`.
        what: &'static str,
        /// How many points there are.
        n: usize,
        /// How many classes there are.
        n_classes: usize,
        /// How much it would take.
        gib: usize,
    },
    /// No row has another of its class to find.
    #[error("none of {n} points shares its class with another, which retrieval needs")]
    NoPair {
        /// How many points there are.
        n: usize,
    },
    /// A row that is said to have a label lies beyond the set.
    #[error("labelled row {row} does not exist; the training set has {n} rows")]
    NoSuchRow {
        /// The id.
        row: usize,
        /// Rows of the training set.
        n: usize,
    },
}

/// Refuses dimension 0, and NaN, infinity and what is too large in one of `rows`, naming the first
/// that has one.
pub(crate) fn check_rows(
    embeddings: ArrayView2<f32>,
    mut rows: impl Iterator<Item = usize>,
    set: &'static str,
) -> Result<(), EvalError> {
    if embeddings.ncols() == 0 {
        return Err(EvalError::NoCoordinates);
    }
    // Written so that NaN is among them.
    let is_bad = |&row: &usize| !embeddings.row(row).iter().all(|x| x.abs() <= LARGEST_COORDINATE);
    match rows.find(is_bad) {
        Some(row) if embeddings.row(row).iter().all(|x| x.is_finite()) => {
            Err(EvalError::TooLarge { row, set })
        }
        Some(row) => Err(EvalError::NotFinite { row, set }),
        None => Ok(()),
    }
}

/// [`check_rows`] of all rows.
pub(crate) fn check_embeddings(embeddings: ArrayView2<f32>, set: &'static str) -> Result<(), EvalError> {
    check_rows(embeddings, 0..embeddings.nrows(), set)
}

/// [`check_rows`] of embeddings with a label each, none of `rows` with a negative one.
pub(crate) fn check_labelled<L: Label>(
    embeddings: ArrayView2<f32>,
    labels: &[L],
    mut rows: impl Iterator<Item = usize> + Clone,
    set: &'static str,
) -> Result<(), EvalError> {
    let (n, n_labels) = (embeddings.nrows(), labels.len());
    if n != n_labels {
        return Err(EvalError::OtherLength { n, n_labels, set });
    }
    check_rows(embeddings, rows.clone(), set)?;
    match rows.find(|&row| labels[row].try_into().is_err()) {
        Some(row) => Err(EvalError::Negative { row, set, label: format!("{:?}", labels[row]) }),
        None => Ok(()),
    }
}

/// Refuses embeddings of two dimensions.
pub(crate) fn check_width(fit: usize, ask: usize) -> Result<(), EvalError> {
    if fit == ask { Ok(()) } else { Err(EvalError::OtherWidth { fit, ask }) }
}

/// Refuses fewer than `least` points.
pub(crate) fn check_enough(n: usize, least: usize, purpose: &'static str) -> Result<(), EvalError> {
    if n < least { Err(EvalError::TooFew { n, least, purpose }) } else { Ok(()) }
}

/// Refuses 0.
pub(crate) fn check_positive(number: usize, what: &'static str) -> Result<(), EvalError> {
    if number == 0 { Err(EvalError::Zero { what }) } else { Ok(()) }
}

/// Refuses what would take `n_numbers` numbers in f64, if they are too many.
pub(crate) fn check_memory(
    n_numbers: usize,
    what: &'static str,
    n: usize,
    n_classes: usize,
) -> Result<(), EvalError> {
    let gib = n_numbers.saturating_mul(8).div_ceil(1 << 30);
    if gib <= MOST_GIB { Ok(()) } else { Err(EvalError::TooMuchMemory { what, n, n_classes, gib }) }
}
