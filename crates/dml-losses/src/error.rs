//! What is wrong with settings.

use std::ops::RangeInclusive;

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

/// What became of the check of each setting.
pub(crate) type Checks = Vec<Result<(), LossError>>;

/// Losses are taken in f32, where a smaller number is 0 and a larger one infinite.
pub(crate) fn positive(kind: &'static str, key: &'static str, value: f64) -> Result<(), LossError> {
    let fits = (f32::MIN_POSITIVE..=f32::MAX).contains(&(value as f32));
    check(fits, LossError::OutOfRange { kind, key, value, range: "above 0, from 1.2e-38 to 3.4e38" })
}

pub(crate) fn not_negative(kind: &'static str, key: &'static str, value: f64) -> Result<(), LossError> {
    let fits = value >= 0.0 && (value as f32).is_finite();
    check(fits, LossError::OutOfRange { kind, key, value, range: "0 or more, at most 3.4e38" })
}

pub(crate) fn within(
    kind: &'static str,
    key: &'static str,
    value: f64,
    (allowed, range): (RangeInclusive<f64>, &'static str),
) -> Result<(), LossError> {
    check(allowed.contains(&value), LossError::OutOfRange { kind, key, value, range })
}

pub(crate) fn check(holds: bool, error: LossError) -> Result<(), LossError> {
    if holds { Ok(()) } else { Err(error) }
}
