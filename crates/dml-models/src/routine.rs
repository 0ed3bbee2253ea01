//! A routine says, for every step, how much each term counts.

use crate::config::{RoutineConfig, Rule, System};

/// Weights of the two terms in a step's loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Factors {
    /// Of the metric loss `L_S`.
    pub(crate) supervised: f64,
    /// Of the unsupervised loss `L_U`.
    pub(crate) unsupervised: f64,
}

/// The weights in a step: a pure function of the epoch (counted from 1) and the step in it (counted from 0).
///
/// Systems with one term get (1, 0) or (0, 1) whatever the routine. At `alpha = 1` the others get exactly (0, 1) too under every
/// mixed or joint rule, so a DML autoencoder is then the plain autoencoder.
pub(crate) fn factors(routine: &RoutineConfig, system: System, epoch: u32, step: usize) -> Factors {
    let (supervised, unsupervised) =
        match (system.has_metric_loss(), system.has_posterior() || system.has_decoder()) {
            (true, true) => balance(routine, epoch, step),
            (metric, other) => (f64::from(metric), f64::from(other)),
        };
    Factors { supervised, unsupervised }
}

fn balance(routine: &RoutineConfig, epoch: u32, step: usize) -> (f64, f64) {
    match *routine {
        RoutineConfig::AlternateEpochs { rule, alpha } => phase(rule, alpha, epoch % 2 == 1),
        RoutineConfig::AlternateBatches { rule, alpha } => phase(rule, alpha, step.is_multiple_of(2)),
        RoutineConfig::JointAlpha { alpha } => (1.0 - alpha, alpha),
        RoutineConfig::JointGamma { gamma } => (gamma, 1.0),
        RoutineConfig::Staged { dml_epochs, gamma } => {
            if epoch <= dml_epochs {
                (1.0, 0.0)
            } else {
                (gamma, 1.0)
            }
        }
    }
}

fn phase(rule: Rule, alpha: f64, supervised: bool) -> (f64, f64) {
    match (rule, supervised) {
        (Rule::Mixed, true) => (1.0 - alpha, alpha),
        (Rule::Pure, true) => (1.0 - alpha, 0.0),
        (_, false) => (0.0, alpha),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(routine: &RoutineConfig, system: System, epoch: u32, step: usize) -> (f64, f64) {
        let f = factors(routine, system, epoch, step);
        (f.supervised, f.unsupervised)
    }

    #[test]
    fn odd_epochs_are_supervised_and_even_ones_are_not() {
        let mixed = RoutineConfig::AlternateEpochs { rule: Rule::Mixed, alpha: 0.25 };
        assert_eq!(at(&mixed, System::DmlAutoencoder, 1, 5), (0.75, 0.25));
        assert_eq!(at(&mixed, System::DmlAutoencoder, 2, 5), (0.0, 0.25));
        let pure = RoutineConfig::AlternateEpochs { rule: Rule::Pure, alpha: 0.25 };
        assert_eq!(at(&pure, System::MetricVae, 3, 0), (0.75, 0.0));
        assert_eq!(at(&pure, System::MetricVae, 4, 0), (0.0, 0.25));
    }

    #[test]
    fn batches_alternate_within_an_epoch() {
        for epoch in [1, 2] {
            let pure = RoutineConfig::AlternateBatches { rule: Rule::Pure, alpha: 0.25 };
            assert_eq!(at(&pure, System::MetricVae, epoch, 0), (0.75, 0.0));
            assert_eq!(at(&pure, System::MetricVae, epoch, 3), (0.0, 0.25));
            let mixed = RoutineConfig::AlternateBatches { rule: Rule::Mixed, alpha: 0.25 };
            assert_eq!(at(&mixed, System::DmlPrior, epoch, 2), (0.75, 0.25));
            assert_eq!(at(&mixed, System::DmlPrior, epoch, 1), (0.0, 0.25));
        }
    }

    #[test]
    fn joint_routines_are_the_same_in_every_step() {
        for (epoch, step) in [(1, 0), (1, 1), (2, 0), (2, 1)] {
            let alpha = RoutineConfig::JointAlpha { alpha: 0.25 };
            assert_eq!(at(&alpha, System::DmlAutoencoder, epoch, step), (0.75, 0.25));
            let gamma = RoutineConfig::JointGamma { gamma: 300.0 };
            assert_eq!(at(&gamma, System::MetricVae, epoch, step), (300.0, 1.0));
        }
    }

    #[test]
    fn systems_with_one_term_ignore_the_routine() {
        let routine = RoutineConfig::AlternateEpochs { rule: Rule::Pure, alpha: 0.25 };
        for epoch in 1..4 {
            assert_eq!(at(&routine, System::Dml, epoch, 0), (1.0, 0.0));
            assert_eq!(at(&routine, System::Vae, epoch, 0), (0.0, 1.0));
        }
    }

    #[test]
    fn alpha_one_is_the_plain_autoencoder() {
        for epoch in 1..4 {
            let mixed = RoutineConfig::AlternateEpochs { rule: Rule::Mixed, alpha: 1.0 };
            assert_eq!(
                at(&mixed, System::DmlAutoencoder, epoch, 0),
                at(&mixed, System::Autoencoder, epoch, 0)
            );
            let joint = RoutineConfig::JointAlpha { alpha: 1.0 };
            assert_eq!(at(&joint, System::DmlAutoencoder, epoch, 0), (0.0, 1.0));
        }
    }

    #[test]
    fn the_staged_routine_is_dml_first() {
        let staged = RoutineConfig::Staged { dml_epochs: 2, gamma: 5.0 };
        assert_eq!(at(&staged, System::MetricVae, 2, 0), (1.0, 0.0));
        assert_eq!(at(&staged, System::MetricVae, 3, 0), (5.0, 1.0));
    }
}
