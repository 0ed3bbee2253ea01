//! Which rows a step sees. Labelled and unlabelled draws are apart; each depends on (seed, epoch)
//! alone.

use std::collections::BTreeMap;

use dml_data::random::keyed;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::error::{Checks, in_range};

/// The `[sampling]` of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingConfig {
    /// Images in a batch, of each of the labelled and the unlabelled draw.
    pub batch_size: usize,
    /// How labelled batches are drawn. The last uniform batch of a pass has what is left: 65 labels
    /// in batches of 64 are one of 64 and one of 1, in which there is no pair.
    pub labelled: LabelledSampling,
    /// What an epoch of labelled images is.
    pub labelled_epoch: LabelledEpoch,
    /// Embeddings of earlier labelled batches that pairs are also formed with (cross-batch memory,
    /// Wang et al. 2020); 0 for none. An image's own earlier embedding is one of them, and a
    /// positive. A round of pseudo-labels empties the memory.
    pub memory: i64,
}

/// How labelled batches are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LabelledSampling {
    /// A random order of the labelled images, cut into batches.
    Uniform {},
    /// Batches of `batch_size / per_class` random classes with `per_class` images each (fewer where
    /// a class has fewer).
    PerClass {
        /// Images a class, at least 1.
        per_class: usize,
    },
}

/// What an epoch of labelled images is. The paper does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LabelledEpoch {
    /// One pass over the labelled images: 6 labels are 1 step. In an epoch with both terms the
    /// metric loss is there only in the first steps, until the pass is over. With
    /// [`LabelledSampling::PerClass`] it is as many steps, each of them a random draw, so an image
    /// may come more than once or not at all.
    Pass,
    /// As many steps as a pass over all images takes, with the labelled ones cycled.
    Cycle,
}

impl Default for SamplingConfig {
    /// Uniform batches of 64, the labelled ones cycled, without a memory.
    fn default() -> Self {
        let (labelled, labelled_epoch) = (LabelledSampling::Uniform {}, LabelledEpoch::Cycle);
        Self { batch_size: 64, labelled, labelled_epoch, memory: 0 }
    }
}

impl SamplingConfig {
    /// Checks every range.
    pub(crate) fn check(&self) -> Checks {
        let Self { batch_size, memory, .. } = *self;
        let mut checks = vec![
            in_range(
                "sampling.batch_size",
                batch_size,
                (2..=1_000_000).contains(&batch_size),
                "2 to 1000000",
            ),
            in_range("sampling.memory", memory, (0..=1_000_000).contains(&memory), "0 to 1000000"),
        ];
        if let LabelledSampling::PerClass { per_class } = self.labelled {
            let fits = (1..=batch_size).contains(&per_class);
            checks.push(in_range("sampling.labelled.per_class", per_class, fits, "1 to sampling.batch_size"));
        }
        checks
    }
}

/// Guessed labels of one member: rows of the training set, and the class of each.
pub type PseudoLabels = Vec<(usize, i32)>;

/// Row numbers of the training set.
pub(crate) type Rows = Vec<usize>;

/// All rows in a random order: the unlabelled draw of an epoch, to be cut into batches.
pub(crate) fn shuffled(seed: u64, n: usize, epoch: u32) -> Rows {
    let mut rows: Rows = (0..n).collect();
    rows.shuffle(&mut keyed(seed, "batches/unlabelled", u64::from(epoch)));
    rows
}

/// The labelled draw of one member.
#[derive(Debug, Clone)]
pub(crate) struct LabelledBatches {
    seed: u64,
    /// Classes of the rows whose labels are true.
    truth: BTreeMap<usize, i32>,
    /// The same and those of the rows whose labels are guessed.
    classes: BTreeMap<usize, i32>,
    /// Rows of `classes`, apart for each class that has any.
    by_class: Vec<Rows>,
    batch_size: usize,
    sampling: LabelledSampling,
}

impl LabelledBatches {
    /// `rows` keep their labels; `labels` are those of all rows of the training set.
    pub(crate) fn new(seed: u64, rows: &[usize], labels: &[i32], config: &SamplingConfig) -> Self {
        let truth: BTreeMap<usize, i32> = rows.iter().map(|&row| (row, labels[row])).collect();
        let (batch_size, sampling) = (config.batch_size, config.labelled.clone());
        let mut batches =
            Self { seed, truth, classes: BTreeMap::new(), by_class: vec![], batch_size, sampling };
        batches.guess(vec![]);
        batches
    }

    /// Takes guessed classes beside the true ones, which stay, and in place of older guesses.
    pub(crate) fn guess(&mut self, guessed: PseudoLabels) {
        self.classes = guessed.into_iter().collect();
        self.classes.extend(&self.truth);
        let mut by_class: BTreeMap<i32, Rows> = BTreeMap::new();
        for (&row, &class) in &self.classes {
            by_class.entry(class).or_default().push(row);
        }
        self.by_class = by_class.into_values().collect();
    }

    /// How many rows have a label, true or guessed.
    pub(crate) fn len(&self) -> usize {
        self.classes.len()
    }

    /// The class of a labelled row.
    pub(crate) fn label(&self, row: usize) -> i64 {
        i64::from(self.classes[&row])
    }

    /// Rows whose labels are true, with their classes.
    pub(crate) fn true_labels(&self) -> impl Iterator<Item = (usize, i32)> {
        self.truth.iter().map(|(&row, &class)| (row, class))
    }

    /// Rows whose labels are guessed, with their classes.
    pub(crate) fn guesses(&self) -> impl Iterator<Item = (usize, i32)> {
        let guessed = self.classes.iter().filter(|(row, _)| !self.truth.contains_key(row));
        guessed.map(|(&row, &class)| (row, class))
    }

    /// Batches that one pass over the labelled rows takes.
    fn steps_in_a_pass(&self) -> usize {
        self.len().div_ceil(self.batch_size)
    }

    /// Batches of an epoch in which a pass over all images takes `steps_of_all` steps.
    pub(crate) fn epoch(&self, epoch: u32, labelled_epoch: LabelledEpoch, steps_of_all: usize) -> Vec<Rows> {
        let steps = match labelled_epoch {
            LabelledEpoch::Pass => self.steps_in_a_pass(),
            LabelledEpoch::Cycle => steps_of_all,
        };
        match self.sampling {
            LabelledSampling::Uniform {} => self.uniform(epoch, steps),
            LabelledSampling::PerClass { per_class } => self.per_class(epoch, steps, per_class),
        }
    }

    fn uniform(&self, epoch: u32, steps: usize) -> Vec<Rows> {
        let mut batches = Vec::with_capacity(steps);
        let mut random = keyed(self.seed, "batches/labelled", u64::from(epoch));
        let mut order: Rows = self.classes.keys().copied().collect();
        while batches.len() < steps {
            order.shuffle(&mut random);
            batches.extend(order.chunks(self.batch_size).take(steps - batches.len()).map(<[usize]>::to_vec));
        }
        batches
    }

    fn per_class(&self, epoch: u32, steps: usize, per_class: usize) -> Vec<Rows> {
        let mut random = keyed(self.seed, "batches/labelled", u64::from(epoch));
        let classes = (self.batch_size / per_class).max(1);
        let mut batches = Vec::with_capacity(steps);
        for _ in 0..steps {
            let chosen = self.by_class.choose_multiple(&mut random, classes).collect::<Vec<_>>();
            let mut batch = Rows::new();
            for rows in chosen {
                batch.extend(rows.choose_multiple(&mut random, per_class));
            }
            batches.push(batch);
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(n: usize, labelled: LabelledSampling) -> LabelledBatches {
        let labels: Vec<i32> = (0..n as i32).map(|i| i % 10).collect();
        let rows: Vec<usize> = (0..n).collect();
        let config =
            SamplingConfig { batch_size: 64, labelled, labelled_epoch: LabelledEpoch::Pass, memory: 0 };
        LabelledBatches::new(7, &rows, &labels, &config)
    }

    #[test]
    fn a_pass_sees_each_labelled_row_once() {
        let batches = batches(150, LabelledSampling::Uniform {}).epoch(1, LabelledEpoch::Pass, 938);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 22]);
        let mut rows: Rows = batches.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..150).collect::<Rows>());
    }

    #[test]
    fn a_cycle_has_as_many_steps_as_a_pass_over_all_images() {
        let batches = batches(6, LabelledSampling::Uniform {}).epoch(1, LabelledEpoch::Cycle, 938);
        assert_eq!(batches.len(), 938);
        assert!(batches.iter().all(|b| b.len() == 6));
    }

    #[test]
    fn epochs_differ_and_are_the_same_again() {
        let b = batches(150, LabelledSampling::Uniform {});
        assert_ne!(b.epoch(1, LabelledEpoch::Pass, 3), b.epoch(2, LabelledEpoch::Pass, 3));
        assert_eq!(b.epoch(2, LabelledEpoch::Pass, 3), b.epoch(2, LabelledEpoch::Pass, 3));
        assert_ne!(shuffled(1, 100, 1), shuffled(1, 100, 2));
    }

    #[test]
    fn the_unlabelled_draw_holds_each_row_once() {
        let mut rows = shuffled(7, 150, 1);
        rows.sort_unstable();
        assert_eq!(rows, (0..150).collect::<Rows>());
    }

    #[test]
    fn labelled_and_unlabelled_draws_are_keyed_apart() {
        // Of the same rows, seed and epoch: one shuffle with one key would give one order.
        let labelled = batches(150, LabelledSampling::Uniform {}).epoch(1, LabelledEpoch::Pass, 3).concat();
        let unlabelled = shuffled(7, 150, 1);
        let same = labelled.iter().zip(&unlabelled).filter(|(a, b)| a == b).count();
        assert!(same < 10, "{same} of 150 places agree, where chance gives 1");
    }

    #[test]
    fn per_class_batches_hold_the_same_number_of_each_of_their_classes() {
        let b = batches(500, LabelledSampling::PerClass { per_class: 16 });
        for batch in b.epoch(3, LabelledEpoch::Cycle, 20) {
            let mut counts = [0; 10];
            for row in batch {
                counts[row % 10] += 1;
            }
            assert_eq!(counts.iter().filter(|&&c| c == 16).count(), 4);
            assert_eq!(counts.iter().filter(|&&c| c == 0).count(), 6);
        }
    }

    #[test]
    fn per_class_batches_take_what_a_small_class_has() {
        let b = batches(20, LabelledSampling::PerClass { per_class: 8 });
        for batch in b.epoch(1, LabelledEpoch::Pass, 0) {
            assert_eq!(batch.len(), 16, "8 classes of 2 rows each");
        }
    }
}
