//! Values that cannot be, and how they are found.

use std::fmt::Display;

/// A value that cannot be, with what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number out of its range.
    #[error("{key} = {value} is out of range; it must be {range}")]
    Range {
        /// Dotted key in the trial file.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        range: &'static str,
    },
    /// Settings that do not go together, or not with the data.
    #[error("{0}")]
    Conflict(String),
    /// The loss refuses its settings.
    #[error(transparent)]
    Loss(#[from] dml_losses::LossError),
    /// The prior refuses its settings.
    #[error(transparent)]
    Prior(#[from] dml_priors::PriorError),
}

impl ConfigError {
    /// Settings that do not go together, in a sentence.
    pub(crate) fn conflict(sentence: impl Into<String>) -> Self {
        Self::Conflict(sentence.into())
    }
}

/// What became of each check of a section, so that all that is wrong is said at once.
pub(crate) type Checks = Vec<Result<(), ConfigError>>;

/// Refuses settings that do not go together.
pub(crate) fn refuse(conflicts: bool, sentence: impl Into<String>) -> Result<(), ConfigError> {
    if conflicts { Err(ConfigError::conflict(sentence)) } else { Ok(()) }
}

/// Refuses the value of a key that does not fit its range.
pub(crate) fn in_range(
    key: &'static str,
    value: impl Display,
    fits: bool,
    range: &'static str,
) -> Result<(), ConfigError> {
    if fits { Ok(()) } else { Err(ConfigError::Range { key, value: value.to_string(), range }) }
}

/// A weight of a term of the loss. Terms are weighed in f32, where a larger number is infinite.
pub(crate) fn is_weight(key: &'static str, value: f64) -> Result<(), ConfigError> {
    let fits = value >= 0.0 && (value as f32).is_finite();
    in_range(key, format_args!("{value:?}"), fits, "0 or more, at most 3.4e38")
}
