//! A mean over seeds with its interval.

use std::f64::consts::FRAC_PI_2;

use serde::Serialize;

/// A mean with its 95% t interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Mean.
    pub mean: f64,
    /// Half of the interval's width; `None` for one value.
    pub half_width: Option<f64>,
    /// Number of values.
    pub n: usize,
}

impl Estimate {
    /// Of values, one a seed; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n as f64 - 1.0);
        let half_width = (n > 1).then(|| t_975(n - 1) * (variance / n as f64).sqrt());
        (n > 0).then_some(Self { mean, half_width, n })
    }

    /// The interval; a point for one value.
    pub fn interval(&self) -> (f64, f64) {
        let half = self.half_width.unwrap_or(0.0);
        (self.mean - half, self.mean + half)
    }

    /// Whether both have intervals and these share a point.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ((low, high), (other_low, other_high)) = (self.interval(), other.interval());
        self.half_width.is_some() && other.half_width.is_some() && low <= other_high && other_low <= high
    }
}

/// Two-sided p of the t test that the mean of the values is 0; `None` for fewer than two.
pub(crate) fn p_value(values: &[f64]) -> Option<f64> {
    let estimate = Estimate::of(values)?;
    let standard_error = estimate.half_width? / t_975(values.len() - 1);
    let t = if estimate.mean == 0.0 { 0.0 } else { (estimate.mean / standard_error).abs() };
    let df = values.len() - 1;
    Some(1.0 - angle_integral(df, (t / (df as f64).sqrt()).atan()) / angle_integral(df, FRAC_PI_2))
}

/// Holm's (1979) adjusted p values, in the order given.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least: f64 = 0.0;
    for (rank, &place) in order.iter().enumerate() {
        least = least.max((p[place] * (p.len() - rank) as f64).min(1.0));
        adjusted[place] = least;
    }
    adjusted
}

/// 0.975 quantile of Student's t; stands in until `dml_eval::statistics` is there.
fn t_975(df: usize) -> f64 {
    let total = angle_integral(df, FRAC_PI_2);
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if angle_integral(df, middle) / total < 0.95 { low = middle } else { high = middle }
    }
    (df as f64).sqrt() * low.tan()
}

fn angle_integral(df: usize, to: f64) -> f64 {
    let h = to / 2000.0;
    (0..2000).map(|i| ((f64::from(i) + 0.5) * h).cos().powi(df as i32 - 1) * h).sum::<f64>()
}
