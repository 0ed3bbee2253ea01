//! Turns of phrase that all comparisons share.

use crate::estimate::Estimate;

/// `below 0.0001`, or four digits.
pub(super) fn p_text(p: f64) -> String {
    if p < 0.0001 { "below 0.0001".to_string() } else { format!("{p:.4}") }
}

/// `14 comparisons`
pub(super) fn plan_words(comparisons: usize) -> String {
    format!("{comparisons} comparison{}", if comparisons == 1 { "" } else { "s" })
}

/// `95% interval -0.0010 to +0.0030, 10 seeds`
pub(super) fn by_seed_words(estimate: &Estimate) -> String {
    let (low, high) = estimate.interval();
    match estimate.n {
        1 => "one seed, so without an interval".to_string(),
        n => format!("95% interval of the difference {low:+.4} to {high:+.4}, {n} seeds"),
    }
}
