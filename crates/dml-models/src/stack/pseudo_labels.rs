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
    /// a member that has diverged. Where a row has a true label, that one stays. A cross-batch
    /// memory forgets its rows, as their labels are those of before.
    ///
    /// # Panics
    /// With another number of lists than of members. A row that is not in the training set panics
    /// in the next epoch.
    pub fn set_pseudo_labels(&mut self, guessed: Vec<Option<PseudoLabels>>) {
        assert_eq!(guessed.len(), self.members.len(), "one list for each member");
        for (member, guessed) in self.members.iter_mut().zip(guessed) {
            member.labelled.guess(guessed.unwrap_or_default());
        }
        // A row that has another label now would be a negative of its own earlier embedding.
        if let Some(memory) = &mut self.memory {
            let _ = memory.labels.fill_(-1);
        }
        self.pseudo_labelled = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrainConfig;
    use crate::made;
    use crate::pseudo_labels::{PseudoLabelsConfig, Rounds};

    /// Labels in the memory.
    fn remembered(stack: &Stack) -> Vec<i64> {
        let memory = stack.memory.as_ref().expect("sampling.memory is above 0");
        Vec::try_from(memory.labels.view([-1])).unwrap()
    }

    /// Trains up to an epoch. What is guessed of a row is another class in each round.
    fn train(stack: &mut Stack, until: u32) {
        while stack.epoch < until {
            if stack.pseudo_labels_due().is_some() {
                assert!(remembered(stack).iter().all(|&label| label >= 0));
                let class = i32::from(stack.epoch > 1);
                stack.set_pseudo_labels(vec![Some((4..40).map(|row| (row, class)).collect())]);
                assert_eq!(remembered(stack), [-1; 6]);
            }
            stack.train_epoch(&made::data()).unwrap();
        }
    }

    #[test]
    fn a_round_of_guessing_empties_the_memory_and_a_resume_stays_exact() {
        let rounds = Rounds { first: 1, every: 2, share: [0.3, 0.3], balanced: true };
        let pseudo_labels = PseudoLabelsConfig::SoftCentres { rounds };
        let mut config = TrainConfig { pseudo_labels, ..made::trial() };
        config.sampling.memory = 6;
        let fresh = || made::stack(vec![config.clone()]);
        let mut whole = fresh();
        train(&mut whole, 4);
        // Rounds are after epochs 1 and 3.
        for epoch in 1..=3 {
            let folder = tempfile::tempdir().unwrap();
            let (mut first, mut second) = (fresh(), fresh());
            train(&mut first, epoch);
            first.save_checkpoint(0, folder.path()).unwrap();
            second.load_checkpoint(0, folder.path(), epoch).unwrap();
            train(&mut second, 4);
            for (a, b) in whole.parameters.tensors.iter().zip(&second.parameters.tensors) {
                assert!(a.equal(b), "resumed after epoch {epoch}");
            }
        }
    }
}
