//! A stack: M models of one shape in training, each with its own seed, labels, weights and learning
//! rate.

mod build;
mod embed;
mod geometry;
mod pseudo_labels;
mod ways;

use std::collections::BTreeMap;
use std::time::Instant;

use dml_losses::CrossBatchMemory;
use tch::{Device, Tensor};

use crate::adam::Adam;
use crate::batches::LabelledBatches;
use crate::config::TrainConfig;
use crate::model::Model;
use crate::objective::Objective;
use crate::parameters::Parameters;
pub use ways::{LatentGeometry, OverGeodesic, Ways};

/// One model of a stack.
#[derive(Debug)]
pub struct Member {
    /// Everything about its training.
    pub config: TrainConfig,
    /// Its labelled draw.
    pub(crate) labelled: LabelledBatches,
    /// Terms of the loss, one value an epoch.
    pub curves: BTreeMap<String, Vec<Option<f64>>>,
    /// The first epoch with a value that was not finite, and which value it was.
    pub diverged: Option<(u32, String)>,
    /// What its checkpoint had taken when this stack was put there.
    pub(crate) seconds_before: f64,
    /// The epoch of the checkpoint that this stack put it at, or wrote of it last.
    pub(crate) checkpoint: Option<u32>,
}

impl Member {
    /// The labelled rows of its training set with their classes, without those that are guessed.
    pub fn true_labels(&self) -> Vec<(usize, i32)> {
        self.labelled.true_labels().collect()
    }
}

/// M models of one shape, between two epochs of their training.
///
/// Pixels are u8 everywhere, and divided by 255 before a network sees them.
///
/// # Panics
/// What takes a member's number, 0 to M - 1, at a larger one; what takes images or latent points,
/// at rows of another length than the model's.
#[derive(Debug)]
pub struct Stack {
    /// The networks.
    pub model: Model,
    /// All learned tensors.
    pub parameters: Parameters,
    /// The losses.
    pub(crate) objective: Objective,
    /// The models.
    pub members: Vec<Member>,
    /// Epochs done.
    pub epoch: u32,
    /// Where the tensors are.
    pub device: Device,
    pub(crate) adam: Adam,
    pub(crate) memory: Option<CrossBatchMemory>,
    /// Whether labels have been guessed since the last epoch.
    pub(crate) pseudo_labelled: bool,
    /// [`TrainingData::extent`] of what it was made for.
    pub(crate) made_for: String,
    begun: Instant,
}

impl Stack {
    /// A member's share of the seconds since this stack was made, which are divided by its members,
    /// and what it had taken up to its checkpoint.
    pub fn seconds(&self, member: usize) -> f64 {
        self.members[member].seconds_before + self.begun.elapsed().as_secs_f64() / self.members.len() as f64
    }

    /// The parameters of one member, as those of a stack of one.
    pub(crate) fn of_member(&self, member: usize) -> Vec<Tensor> {
        let members = self.members.len();
        assert!(member < members, "there is no member {member} in a stack of {members}: they count from 0");
        self.parameters.tensors.iter().map(|t| t.narrow(0, member as i64, 1)).collect()
    }
}
