//! The step between two epochs that takes guessed labels.

use super::Stack;
use crate::batches::PseudoLabels;

impl Stack {
    /// The share of the training images that have to be labelled now, before the next epoch, by the
    /// embeddings of each member; `None` where no round is due. [`Stack::set_pseudo_labels`] takes
    /// the labels.
    pub fn pseudo_labels_due(&self) -> Option<f64> {
        let config = &self.members[0].config;
        let rounds = config.pseudo_labels.rounds().filter(|_| !self.pseudo_labelled)?;
        rounds.share_after(self.epoch, config.training.epochs)
    }

    /// Gives the members their pseudo-labels until the next round; one list for each, or `None` for
    /// a member that has diverged. Where a row has a true label, that one stays.
    ///
    /// # Panics
    /// With another number of lists than of members. A row that is not in the training set panics
    /// in the next epoch.
    pub fn set_pseudo_labels(&mut self, guessed: Vec<Option<PseudoLabels>>) {
        assert_eq!(guessed.len(), self.members.len(), "one list for each member");
        for (member, guessed) in self.members.iter_mut().zip(guessed) {
            member.labelled.guess(guessed.unwrap_or_default());
        }
        self.pseudo_labelled = true;
    }
}
