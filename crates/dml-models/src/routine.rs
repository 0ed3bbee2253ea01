//! A routine says, for every step, how much each term counts.

use serde::{Deserialize, Serialize};

use crate::error::{Checks, in_range, is_weight};

/// The `[routine]` of a trial: when which term counts how much. Systems with one term, `L_S` or
/// `L_U`, have it in every step, with factor 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RoutineConfig {
    /// Phases alternate from epoch to epoch.
    AlternateEpochs {
        /// What a phase contains.
        rule: Rule,
        /// Balance in [0, 1]; 1 switches the metric loss off.
        alpha: f64,
    },
    /// Phases alternate from step to step, within the number of steps that a pass over all images
    /// takes; under [`Rule::Pure`] an epoch therefore sees a half of them without labels.
    AlternateBatches {
        /// What a phase contains.
        rule: Rule,
        /// Balance in [0, 1]; 1 switches the metric loss off.
        alpha: f64,
    },
    /// (1 - alpha) `L_S` + alpha `L_U` in every step.
    JointAlpha {
        /// Balance in [0, 1].
        alpha: f64,
    },
    /// `L_U` + gamma `L_S` in every step.
    JointGamma {
        /// Weight of the metric loss, at least 0.
        gamma: f64,
    },
    /// `L_U` + gamma s `L_S` in every step, s being the share of the training images that have a
    /// label, true or guessed. It is gamma times the mean over all images of a metric loss that is
    /// 0 for those without a label, so that few labels do not outweigh what all images teach.
    JointShare {
        /// Weight of the metric loss where every image has a label, at least 0.
        gamma: f64,
    },
    /// First DML alone; then a Gaussian mixture fitted on the embeddings becomes the prior, and the
    /// rest is joint with gamma. Needs the prior `mixture`.
    Staged {
        /// Epochs of the first stage, at least 1 and fewer than all.
        dml_epochs: u32,
        /// Weight of the metric loss in the second stage, at least 0.
        gamma: f64,
    },
}

/// What a supervised and an unsupervised phase contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// Odd: (1 - alpha) `L_S` + alpha `L_U`; even: alpha `L_U` (the thesis's rule).
    Mixed,
    /// Odd: (1 - alpha) `L_S`; even: alpha `L_U` (the other reading of the paper).
    Pure,
}

impl RoutineConfig {
    /// Checks every range, of a training of so many epochs.
    pub(crate) fn check(&self, epochs: u32) -> Checks {
        match *self {
            Self::AlternateEpochs { alpha, .. }
            | Self::AlternateBatches { alpha, .. }
            | Self::JointAlpha { alpha } => {
                vec![in_range("routine.alpha", alpha, (0.0..=1.0).contains(&alpha), "in [0, 1]")]
            }
            Self::JointGamma { gamma } | Self::JointShare { gamma } => {
                vec![is_weight("routine.gamma", gamma)]
            }
            Self::Staged { dml_epochs, gamma } => {
                let fits = (1..epochs).contains(&dml_epochs);
                let range = "at least 1 and below training.epochs";
                vec![
                    is_weight("routine.gamma", gamma),
                    in_range("routine.dml_epochs", dml_epochs, fits, range),
                ]
            }
        }
    }

    /// Epochs of a first stage, after which a mixture is fitted on the embeddings; `None` where
    /// there is only one stage.
    pub(crate) fn first_stage(&self) -> Option<u32> {
        match *self {
            Self::Staged { dml_epochs, .. } => Some(dml_epochs),
            _ => None,
        }
    }

    /// Whether the last step of an epoch may have no term, so that the epoch ends before it: where
    /// batches alternate, every other one has none at alpha = 0.
    pub(crate) fn ends_early(&self) -> bool {
        matches!(*self, Self::AlternateBatches { alpha, .. } if alpha == 0.0)
    }

    /// The same with its weight at 0: what members of a stack share.
    pub(crate) fn without_weight(&self) -> Self {
        let mut routine = self.clone();
        match &mut routine {
            Self::AlternateEpochs { alpha: weight, .. }
            | Self::AlternateBatches { alpha: weight, .. }
            | Self::JointAlpha { alpha: weight }
            | Self::JointGamma { gamma: weight }
            | Self::JointShare { gamma: weight }
            | Self::Staged { gamma: weight, .. } => *weight = 0.0,
        }
        routine
    }
}

/// Which of the two terms a model's loss has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The metric loss `L_S`.
    pub(crate) supervised: bool,
    /// The unsupervised loss `L_U`: a reconstruction, a KL or an instance term.
    pub(crate) unsupervised: bool,
}

/// Weights of the two terms in a step's loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Factors {
    /// Of the metric loss `L_S`.
    pub(crate) supervised: f64,
    /// Of the unsupervised loss `L_U`.
    pub(crate) unsupervised: f64,
}

/// The weights in a step: a pure function of the epoch (counted from 1), the step in it (counted
/// from 0) and the share of the images that have a label.
///
/// A model with one of the two terms gets (1, 0) or (0, 1) whatever the routine. At `alpha = 1` the
/// others get exactly (0, 1) too under every mixed or joint rule, so a DML autoencoder is then the
/// plain autoencoder.
pub(crate) fn factors(
    routine: &RoutineConfig,
    terms: Terms,
    (epoch, step): (u32, usize),
    share: f64,
) -> Factors {
    let (supervised, unsupervised) = match terms {
        Terms { supervised: true, unsupervised: true } => balance(routine, epoch, step, share),
        Terms { supervised, unsupervised } => (f64::from(supervised), f64::from(unsupervised)),
    };
    Factors { supervised, unsupervised }
}

fn balance(routine: &RoutineConfig, epoch: u32, step: usize, share: f64) -> (f64, f64) {
    match *routine {
        RoutineConfig::AlternateEpochs { rule, alpha } => phase(rule, alpha, epoch % 2 == 1),
        RoutineConfig::AlternateBatches { rule, alpha } => phase(rule, alpha, step.is_multiple_of(2)),
        RoutineConfig::JointAlpha { alpha } => (1.0 - alpha, alpha),
        RoutineConfig::JointGamma { gamma } => (gamma, 1.0),
        RoutineConfig::JointShare { gamma } => (gamma * share, 1.0),
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
    use crate::system::System;

    fn at(routine: &RoutineConfig, system: System, epoch: u32, step: usize) -> (f64, f64) {
        let unsupervised = system.has_decoder() || system.has_posterior();
        let terms = Terms { supervised: system.has_metric_loss(), unsupervised };
        let f = factors(routine, terms, (epoch, step), 0.25);
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
            let share = RoutineConfig::JointShare { gamma: 2.0 };
            assert_eq!(at(&share, System::MetricVae, epoch, step), (0.5, 1.0), "a quarter has a label");
            assert_eq!(at(&share, System::Dml, epoch, step), (1.0, 0.0));
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
