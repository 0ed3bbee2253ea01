//! How the learning rate moves over a training.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate moves from the first step to the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// From 1/25 of it up to it in the first 30% of the training, then down to 0, each along half a
    /// cosine (Smith & Topin 2019, "Super-convergence", with the numbers of PyTorch's
    /// `OneCycleLR`, which ends at 1/250,000; Adam's betas stay).
    OneCycle,
}

impl Schedule {
    /// The factor of the learning rate at a part of the training in [0, 1].
    pub(crate) fn factor(self, part: f64) -> f64 {
        const RISE: f64 = 0.3;
        let cosine = |from: f64, to: f64, part: f64| to + (from - to) * f64::midpoint(1.0, (PI * part).cos());
        match self {
            Self::Constant => 1.0,
            Self::OneCycle if part < RISE => cosine(1.0 / 25.0, 1.0, part / RISE),
            Self::OneCycle => cosine(1.0, 0.0, (part - RISE) / (1.0 - RISE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_rises_to_the_rate_and_falls_to_nothing() {
        let close = |part: f64, expected: f64| {
            let factor = Schedule::OneCycle.factor(part);
            assert!((factor - expected).abs() < 1e-12, "{factor} at {part}, not {expected}");
        };
        close(0.0, 0.04);
        close(0.15, 0.52); // half way up
        close(0.3, 1.0);
        close(0.65, 0.5); // half way down
        close(1.0, 0.0);
        assert!([0.0, 0.3, 1.0].iter().all(|&part| (Schedule::Constant.factor(part) - 1.0).abs() < 1e-15));
    }
}
