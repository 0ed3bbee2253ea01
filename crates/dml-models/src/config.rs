//! All of a training as data. No field has a default: a trial file is the record of the run. Each
//! section stands beside the code that it is about.

use dml_losses::LossConfig;
use dml_priors::PriorConfig;
use serde::{Deserialize, Serialize};

use crate::adam::TrainingConfig;
use crate::batches::{LabelledEpoch, SamplingConfig};
use crate::distance::DistanceConfig;
use crate::error::{Checks, ConfigError, refuse};
use crate::instance::InstanceConfig;
use crate::kl::KlConfig;
use crate::model::{Length, ModelConfig};
use crate::pseudo_labels::PseudoLabelsConfig;
use crate::reconstruction::ReconstructionConfig;
use crate::routine::{RoutineConfig, Terms};
use crate::schedule::Schedule;
use crate::system::System;
use crate::views::ViewsConfig;

/// All of a trial that is about the model and its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Seed of every draw.
    pub seed: u64,
    /// The model.
    pub model: ModelConfig,
    /// The metric loss.
    pub loss: LossConfig,
    /// The reconstruction loss.
    pub reconstruction: ReconstructionConfig,
    /// The prior.
    pub prior: PriorConfig,
    /// The KL term.
    pub kl: KlConfig,
    /// The routine.
    pub routine: RoutineConfig,
    /// The batches.
    pub sampling: SamplingConfig,
    /// The optimiser.
    pub training: TrainingConfig,
    /// What training makes of an image before it looks at it.
    pub views: ViewsConfig,
    /// The instance term.
    pub instance: InstanceConfig,
    /// The labels that are guessed.
    pub pseudo_labels: PseudoLabelsConfig,
    /// What the metric loss takes for a distance.
    pub distance: DistanceConfig,
}

impl TrainConfig {
    /// Checks every range and combination, also of parts that the system does not use.
    ///
    /// # Errors
    /// The first of [`Self::mistakes`].
    pub fn check(&self) -> Result<(), ConfigError> {
        self.mistakes().into_iter().next().map_or(Ok(()), Err)
    }

    /// All ranges and combinations that are wrong: each a sentence that names the key and what
    /// would be right.
    pub fn mistakes(&self) -> Vec<ConfigError> {
        let of_sections = [
            self.model.check(),
            self.kl.check(),
            self.sampling.check(),
            self.training.check(),
            self.routine.check(self.training.epochs),
            self.views.check(),
            self.instance.check(),
            self.pseudo_labels.check(),
            self.distance.check(),
            self.reconstruction.check(),
            self.loss.mistakes().into_iter().map(|mistake| Err(mistake.into())).collect(),
            self.prior.settings().mistakes().into_iter().map(|mistake| Err(mistake.into())).collect(),
            self.check_combinations(),
        ];
        of_sections.into_iter().flatten().filter_map(Result::err).collect()
    }

    /// What sections say of each other.
    fn check_combinations(&self) -> Checks {
        let system = self.model.system;
        let has_instance_term = self.instance.weight > 0.0;
        let staged = self.routine.first_stage().is_some();
        let fitted = self.prior.settings().fitted_components().is_some();
        vec![
            refuse(
                has_instance_term && self.views == ViewsConfig::default(),
                "the instance term is of two views of an image: set a range of [views] above 0, or instance.weight = 0",
            ),
            refuse(
                !system.is_baseline()
                    && self.terms() == Terms::default()
                    && self.reconstruction.weight == 0.0,
                "reconstruction.weight = 0 leaves nothing to train: give it or instance.weight a value above 0",
            ),
            refuse(
                self.pseudo_labels.rounds().is_some() && !system.has_metric_loss(),
                "pseudo_labels are for systems with a metric loss: set pseudo_labels = { kind = \"none\" }",
            ),
            refuse(
                self.pseudo_labels.rounds().is_some_and(|rounds| rounds.first >= self.training.epochs),
                "pseudo_labels.rounds.first is no epoch before the last, so no label would be guessed: set it below training.epochs, or pseudo_labels = { kind = \"none\" }",
            ),
            self.check_distance(),
            refuse(
                matches!(self.routine, RoutineConfig::JointShare { .. })
                    && self.sampling.labelled_epoch == LabelledEpoch::Pass,
                "sampling.labelled_epoch = \"pass\" and the routine \"joint_share\" would count the share of labelled images twice, by steps and by weight: set labelled_epoch to \"cycle\", or routine.kind to \"joint_gamma\"",
            ),
            refuse(
                staged && system != System::MetricVae,
                "the routine \"staged\" is for model.system = \"metric_vae\" only",
            ),
            refuse(
                system.has_posterior() && staged != fitted,
                "the prior \"mixture\" and the routine \"staged\" go together: the first stage's embeddings are what it is fitted on",
            ),
        ]
    }

    /// What a distance along the decoder goes together with.
    fn check_distance(&self) -> Result<(), ConfigError> {
        if self.distance.pull_back().is_none() {
            return Ok(());
        }
        let system = self.model.system;
        let complaint = if !system.has_metric_loss() || !system.has_decoder() {
            "is for systems with a metric loss and a decoder: set model.system to \"dml_autoencoder\" or \"metric_vae\", or distance = { kind = \"euclidean\" }"
        } else if !self.loss.is_of_distances() {
            "needs a loss of distances: set loss.kind to \"triplet\", \"contrastive\", \"lifted_structure\" or \"nca\", with normalized = false where it has that"
        } else if self.sampling.memory > 0 {
            "has no decoded ways to earlier batches: set sampling.memory = 0"
        } else if self.reconstruction.weight == 0.0 {
            "is measured by the decoder, which nothing trains where reconstruction.weight = 0: set it above 0"
        } else if self.routine.first_stage().is_some() {
            "is measured by the decoder, which the first stage of the routine \"staged\" does not train: set routine.kind to \"joint_gamma\", and prior.kind to one that is not fitted"
        } else if self.model.length == Length::Unit {
            "goes straight through the latent space, where embeddings of length 1 never lie: set model.length = \"free\""
        } else {
            return Ok(());
        };
        Err(ConfigError::conflict(format!("distance = {{ kind = \"pull_back\" }} {complaint}")))
    }

    /// The terms of this training's loss: none for a baseline.
    pub(crate) fn terms(&self) -> Terms {
        let system = self.model.system;
        let reconstructs = system.has_decoder() && self.reconstruction.weight > 0.0;
        let has_instance_term = !system.is_baseline() && self.instance.weight > 0.0;
        let unsupervised = reconstructs || system.has_posterior() || has_instance_term;
        Terms { supervised: system.has_metric_loss(), unsupervised }
    }

    /// Whether a step between epochs looks at embeddings: it fits a mixture or guesses labels by
    /// them. Where none does, [`ModelConfig::embedding`] has no part in the training.
    pub fn looks_at_embeddings(&self) -> bool {
        self.routine.first_stage().is_some() || self.pseudo_labels.rounds().is_some()
    }

    /// Whether two models can be members of one stack: they may differ in seed, labels, learning
    /// rate, alpha, gamma and beta. A model with a cross-batch memory is not stacked: members with
    /// few labels are padded, and padding would take places of their memories. Alone, a model's
    /// batches go there without padding. Where the rate changes over an epoch, its steps must be
    /// those of a model alone: a pass over the labelled images is not stacked, as members have
    /// passes of other lengths, and neither are batches that alternate with alpha = 0, whose epoch
    /// may end before its last step, with those of another alpha.
    pub fn stacks_with(&self, other: &Self) -> bool {
        let rate_is_own = self.training.schedule != Schedule::Constant
            && (self.sampling.labelled_epoch == LabelledEpoch::Pass
                || self.routine.ends_early() != other.routine.ends_early());
        let shared = |config: &Self| {
            let mut config = Self { seed: 0, routine: config.routine.without_weight(), ..config.clone() };
            (config.training.learning_rate, config.kl.beta) = (0.0, 0.0);
            config
        };
        self.sampling.memory == 0 && !rate_is_own && shared(self) == shared(other)
    }
}

#[cfg(test)]
mod tests {
    use dml_priors::Mixture;

    use super::*;
    use crate::made::{along_a_graph, trial};
    use crate::routine::Rule;

    #[test]
    fn a_distance_along_a_decoder_that_is_not_trained_is_refused() {
        let fine = TrainConfig { distance: along_a_graph(), ..trial() };
        fine.check().unwrap();
        let refused = |config: &TrainConfig| config.check().unwrap_err().to_string();
        let mut untrained = fine.clone();
        untrained.reconstruction.weight = 0.0;
        assert_eq!(
            refused(&untrained),
            "distance = { kind = \"pull_back\" } is measured by the decoder, which nothing trains where reconstruction.weight = 0: set it above 0"
        );
        let prior = PriorConfig::Mixture(Mixture { components: 2 });
        let routine = RoutineConfig::Staged { dml_epochs: 1, gamma: 1.0 };
        let mut staged = TrainConfig { prior, routine, ..fine };
        staged.model.system = System::MetricVae;
        assert_eq!(
            refused(&staged),
            "distance = { kind = \"pull_back\" } is measured by the decoder, which the first stage of the routine \"staged\" does not train: set routine.kind to \"joint_gamma\", and prior.kind to one that is not fitted"
        );
        staged.distance = DistanceConfig::Euclidean {};
        staged.check().unwrap();
    }

    #[test]
    fn the_share_of_labelled_images_is_not_counted_twice() {
        let mut config = TrainConfig { routine: RoutineConfig::JointShare { gamma: 2.0 }, ..trial() };
        config.check().unwrap();
        config.sampling.labelled_epoch = LabelledEpoch::Pass;
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "sampling.labelled_epoch = \"pass\" and the routine \"joint_share\" would count the share of labelled images twice, by steps and by weight: set labelled_epoch to \"cycle\", or routine.kind to \"joint_gamma\""
        );
        config.routine = RoutineConfig::JointGamma { gamma: 2.0 };
        config.check().unwrap();
    }

    #[test]
    fn a_rate_that_moves_is_not_shared_by_epochs_that_end_early_and_whole_ones() {
        let of = |schedule, alpha| {
            let routine = RoutineConfig::AlternateBatches { rule: Rule::Mixed, alpha };
            let mut config = TrainConfig { routine, ..trial() };
            config.training.schedule = schedule;
            config
        };
        let [early, whole, other] = [0.0, 0.5, 0.8].map(|alpha| of(Schedule::OneCycle, alpha));
        assert!(early.stacks_with(&early) && whole.stacks_with(&other));
        assert!(!early.stacks_with(&whole) && !whole.stacks_with(&early));
        let [early, whole] = [0.0, 0.5].map(|alpha| of(Schedule::Constant, alpha));
        assert!(early.stacks_with(&whole));
    }
}
