//! What all bootstraps of a report have in common.

use dml_eval::statistics::percentile_expansion;

use crate::estimate::CONFIDENCE;

/// Draws of a bootstrap.
pub(crate) const N_DRAWS: usize = 2000;

/// The 95% interval round `middle`, which is the value of all `n_seeds`, by values of draws of the
/// seeds with replacement: their percentiles (Efron 1981), drawn out by what so few seeds call for
/// ([`percentile_expansion`]). `None` of nothing, and of fewer than two seeds.
pub(crate) fn interval(mut drawn: Vec<f64>, middle: f64, n_seeds: usize) -> Option<(f64, f64)> {
    let expansion = percentile_expansion(n_seeds, CONFIDENCE)?;
    drawn.sort_by(f64::total_cmp);
    let last = drawn.len().checked_sub(1)?;
    let at = |quantile: f64| drawn[(quantile * last as f64).round() as usize];
    let (low, high) = (at(0.025), at(0.975));
    let out = |end: f64| middle + expansion * (end - middle);
    // Draws whose middle is elsewhere may have all percentiles on one side of it.
    Some((low.min(out(low)), high.max(out(high))))
}
