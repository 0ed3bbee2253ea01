//! A mean over seeds with its interval.

use dml_eval::statistics::{mean, paired_difference, t_interval};

/// Of all intervals.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// Wider than the interval of values that are equal but for the rounding of a difference, narrower
/// than any step of a score.
const ROUNDING: f64 = 1e-9;

/// What no interval of a report covers, but one that says so.
pub(crate) const SCOPE: &str = "Intervals are over seeds alone: all seeds share one test set, and what another would give they do not cover.";

/// A mean with its 95% t interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    /// Mean.
    pub(crate) mean: f64,
    /// Half of the interval's width; `None` for one value.
    pub(crate) half_width: Option<f64>,
    /// Number of values.
    pub(crate) n: usize,
}

impl Estimate {
    /// Of values, one a seed; `None` without any.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let half_width = t_interval(values, CONFIDENCE).map(|interval| (interval.high - interval.low) / 2.0);
        (!values.is_empty()).then(|| Self { mean: mean(values), half_width, n: values.len() })
    }

    /// The interval; a point for one value.
    pub(crate) fn interval(&self) -> (f64, f64) {
        let half = self.half_width.unwrap_or(0.0);
        (self.mean - half, self.mean + half)
    }

    /// Whether the values differ by more than rounding. Those that do not are copies of one: the
    /// seed has no part in them, and there is no telling what another cause would do.
    pub(crate) fn varies(&self) -> bool {
        self.half_width.is_some_and(|half| half > ROUNDING)
    }

    /// Whether both have intervals and these share a point.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let ((low, high), (other_low, other_high)) = (self.interval(), other.interval());
        self.half_width.is_some() && other.half_width.is_some() && low <= other_high && other_low <= high
    }
}

/// Two-sided p of the t test that the mean of paired differences is 0; `None` for fewer than two.
pub(crate) fn p_value(differences: &[f64]) -> Option<f64> {
    paired_difference(differences, &vec![0.0; differences.len()], CONFIDENCE).map(|paired| paired.p_value)
}
