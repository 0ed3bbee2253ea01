//! What all bootstraps of a report have in common.

/// Draws of a bootstrap.
pub(crate) const N_DRAWS: usize = 2000;

/// The 95% percentile interval of what was drawn (Efron 1981); `None` of nothing.
pub(crate) fn percentile_interval(mut drawn: Vec<f64>) -> Option<(f64, f64)> {
    drawn.sort_by(f64::total_cmp);
    let at = |quantile: f64| drawn[(quantile * (drawn.len() - 1) as f64).round() as usize];
    (!drawn.is_empty()).then(|| (at(0.025), at(0.975)))
}
