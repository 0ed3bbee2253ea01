//! All of a training as data. No field has a default: a trial file is the record of the run. Each section stands beside the code that it
//! is about.

use dml_losses::LossConfig;
use dml_priors::PriorConfig;
use serde::{Deserialize, Serialize};

use crate::adam::TrainingConfig;
use crate::batches::SamplingConfig;
use crate::error::ConfigError;
use crate::kl::KlConfig;
use crate::model::ModelConfig;
use crate::reconstruction::ReconstructionConfig;
use crate::routine::RoutineConfig;
use crate::system::System;

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
}

impl TrainConfig {
    /// Checks every range and combination, also of parts that the system does not use.
    ///
    /// # Errors
    /// One sentence that names the key and what would be right.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.model.check()?;
        self.kl.check()?;
        self.sampling.check()?;
        self.training.check()?;
        self.routine.check(self.training.epochs)?;
        self.loss.check()?;
        let prior = self.prior.settings();
        prior.check()?;
        let staged = self.routine.first_stage().is_some();
        if staged && self.model.system != System::MetricVae {
            return Err(ConfigError::conflict(
                "the routine \"staged\" is for model.system = \"metric_vae\" only",
            ));
        }
        if self.model.system.has_posterior() && staged != prior.fitted_components().is_some() {
            return Err(ConfigError::conflict(
                "the prior \"mixture\" and the routine \"staged\" go together: the first stage's embeddings are what it is fitted on",
            ));
        }
        Ok(())
    }

    /// Whether two models can be members of one stack: they may differ in seed, labels, learning rate, alpha, gamma and beta.
    /// A model with a cross-batch memory is not stacked: members with few labels are padded, and padding would take places of their
    /// memories. Alone, a model's batches go there without padding.
    pub fn stacks_with(&self, other: &Self) -> bool {
        let shared = |config: &Self| {
            let mut config = Self { seed: 0, routine: config.routine.without_weight(), ..config.clone() };
            (config.training.learning_rate, config.kl.beta) = (0.0, 0.0);
            config
        };
        self.sampling.memory == 0 && shared(self) == shared(other)
    }
}
