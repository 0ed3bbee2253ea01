//! A mean over seeds with its interval.

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

/// 0.975 quantile of Student's t; stands in until `dml_eval::statistics` is there.
fn t_975(df: usize) -> f64 {
    let density = |angle: f64| angle.cos().powi(df as i32 - 1);
    let integral = |to: f64| {
        let steps = 2000;
        let h = to / f64::from(steps);
        (0..steps).map(|i| density((f64::from(i) + 0.5) * h) * h).sum::<f64>()
    };
    let total = integral(std::f64::consts::FRAC_PI_2);
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if integral(middle) / total < 0.95 { low = middle } else { high = middle }
    }
    (df as f64).sqrt() * low.tan()
}
