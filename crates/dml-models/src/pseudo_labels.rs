//! Pseudo-labels: a step between two epochs that guesses labels of unlabelled training images from
//! their embeddings, which the metric loss then takes for true ones.

use serde::{Deserialize, Serialize};

use crate::error::{Checks, in_range};

/// The `[pseudo_labels]` of a trial: how labels of unlabelled training images are guessed between
/// epochs. True labels never change, and hidden ones are never looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PseudoLabelsConfig {
    /// They are not.
    #[serde(rename = "none")]
    Off {},
    /// By the nearest of the centres of the labelled images' classes (after Wu et al. 2020).
    SoftCentres {
        /// When, and how many are taken.
        rounds: Rounds,
    },
    /// Along a symmetric graph of nearest neighbours, by Poisson learning (Calder et al. 2020).
    Propagation {
        /// Neighbours of an image in the graph, 1 to 1000.
        neighbours: usize,
        /// When, and how many are taken.
        rounds: Rounds,
    },
    /// By affinities that are propagated along the same graph (Dutta et al. 2021).
    Affinity {
        /// Neighbours of an image in the graph, 1 to 1000.
        neighbours: usize,
        /// Chance that the walk along the graph goes on, at least 0 and below 1.
        gamma: f64,
        /// When, and how many are taken.
        rounds: Rounds,
    },
}

/// Rounds of guessing: after which epochs, and how many images are labelled in each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// The epoch after which labels are guessed first, at least 1.
    pub first: u32,
    /// Epochs between two rounds, at least 1.
    pub every: u32,
    /// Shares of the images that are labelled in the first round and in the last, in [0, 1],
    /// growing evenly between them; within a class the most confident first.
    pub share: [f64; 2],
    /// Whether of each class at most as many are taken as if all classes had equally many images.
    /// Otherwise scores of different classes are ranked together, and with few labels, classes that
    /// have none are swallowed by others.
    pub balanced: bool,
}

impl PseudoLabelsConfig {
    /// When; `None` for never.
    pub fn rounds(&self) -> Option<Rounds> {
        match *self {
            Self::Off {} => None,
            Self::SoftCentres { rounds }
            | Self::Propagation { rounds, .. }
            | Self::Affinity { rounds, .. } => Some(rounds),
        }
    }

    /// Checks every range.
    pub(crate) fn check(&self) -> Checks {
        let mut checks = Vec::new();
        if let Self::Affinity { gamma, .. } = *self {
            let fits = (0.0..1.0).contains(&gamma);
            checks.push(in_range("pseudo_labels.gamma", gamma, fits, "at least 0 and below 1"));
        }
        if let Self::Propagation { neighbours, .. } | Self::Affinity { neighbours, .. } = *self {
            let fits = (1..=1000).contains(&neighbours);
            checks.push(in_range("pseudo_labels.neighbours", neighbours, fits, "1 to 1000"));
        }
        if let Some(Rounds { first, every, share, .. }) = self.rounds() {
            let fits = share.iter().all(|share| (0.0..=1.0).contains(share));
            let share = format!("{share:?}");
            checks.push(in_range("pseudo_labels.rounds.first", first, first >= 1, "at least 1"));
            checks.push(in_range("pseudo_labels.rounds.every", every, every >= 1, "at least 1"));
            checks.push(in_range("pseudo_labels.rounds.share", share, fits, "two numbers in [0, 1]"));
        }
        checks
    }
}

impl Rounds {
    /// The share of a round after `epoch` of `epochs`; `None` where there is no round.
    pub(crate) fn share_after(&self, epoch: u32, epochs: u32) -> Option<f64> {
        let number = |epoch: u32| epoch.checked_sub(self.first).filter(|n| n.is_multiple_of(self.every));
        let this = f64::from(number(epoch).filter(|_| epoch < epochs)?);
        let last = f64::from((epochs - 1 - self.first) / self.every * self.every);
        let part = if last > 0.0 { this / last } else { 1.0 };
        Some(self.share[0] + (self.share[1] - self.share[0]) * part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_grow_evenly_from_the_first_round_to_the_last() {
        let rounds = Rounds { first: 8, every: 2, share: [0.5, 0.9], balanced: true };
        let of = |epoch: u32| rounds.share_after(epoch, 17);
        let expected = [(7, None), (8, Some(0.5)), (9, None), (12, Some(0.7)), (16, Some(0.9)), (17, None)];
        for (epoch, share) in expected {
            assert_eq!(of(epoch).map(|s| (s * 1e9).round() / 1e9), share, "{epoch}");
        }
        assert_eq!(rounds.share_after(8, 9), Some(0.9), "the only round is the last");
        assert_eq!(rounds.share_after(8, 8), None, "after the training no label is needed");
    }
}
