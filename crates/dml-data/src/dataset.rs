//! Images with labels, as arrays.

use ndarray::{Array2, Axis};
use rand::seq::SliceRandom;

use crate::{DataError, random};

/// What one row of [`Split::images`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl ImageShape {
    /// Values of one image: `channels * height * width`.
    pub fn pixels(&self) -> usize {
        self.channels * self.height * self.width
    }
}

/// Images and their labels, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Pixels 0 to 255, one image a row, within it channel first, then height, then width. `[n,
    /// pixels]`
    pub images: Array2<u8>,
    /// Classes from 0. `[n]`
    pub labels: Vec<u8>,
}

impl Split {
    /// The rows `rows`, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Split {
        Split {
            images: self.images.select(Axis(0), rows),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
        }
    }
}

/// A data set in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name in the manifest, or the stem of its file.
    pub name: String,
    /// Which release, where there are several.
    pub release: Option<String>,
    /// What one row of images is, in every split.
    pub shape: ImageShape,
    /// What a model learns from.
    pub train: Split,
    /// What decisions are made on, where the set has one or some was held out.
    pub validation: Option<Split>,
    /// What scores are measured on.
    pub test: Split,
    /// Classes: the largest label of any split, plus one.
    pub n_classes: usize,
}

impl Dataset {
    /// Moves `rows` random training rows into [`Dataset::validation`], where the set has none of
    /// its own.
    ///
    /// A set that has a validation split keeps it: `rows` and `seed` are then ignored, so one
    /// setting serves all sets. `rows` of 0 changes nothing. The rows depend on `seed` and the
    /// number of training rows only, and both splits keep the order of the file.
    ///
    /// # Errors
    /// When not at least one training row would be left.
    pub fn hold_out_validation(mut self, rows: usize, seed: u64) -> Result<Dataset, DataError> {
        if rows == 0 || self.validation.is_some() {
            return Ok(self);
        }
        let n = self.train.labels.len();
        if rows >= n {
            return Err(DataError::Value(format!(
                "{rows} validation rows cannot be held out of {}'s {n} training rows: hold out fewer than {n}",
                self.name
            )));
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut random::keyed(seed, "validation", 0));
        let (held_out, kept) = order.split_at_mut(rows);
        held_out.sort_unstable();
        kept.sort_unstable();
        self.validation = Some(self.train.select(held_out));
        self.train = self.train.select(kept);
        Ok(self)
    }
}

/// How many images of each class a split has. `[n_classes]`
///
/// # Panics
/// When a label is not below `n_classes`.
pub fn class_counts(split: &Split, n_classes: usize) -> Vec<usize> {
    let mut counts = vec![0; n_classes];
    for &label in &split.labels {
        counts[usize::from(label)] += 1;
    }
    counts
}

/// Classes of some splits: the largest label plus one.
pub(crate) fn n_classes<'a>(splits: impl IntoIterator<Item = &'a Split>) -> usize {
    splits.into_iter().flat_map(|split| &split.labels).max().map_or(0, |&label| usize::from(label) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(n: usize) -> Dataset {
        let split = Split {
            images: Array2::from_shape_fn((n, 2), |(i, _)| i as u8),
            labels: (0..n).map(|i| i as u8).collect(),
        };
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let n_classes = n_classes([&split]);
        let name = "numbered".to_owned();
        Dataset { name, release: None, shape, test: split.clone(), train: split, validation: None, n_classes }
    }

    #[test]
    fn held_out_rows_leave_the_training_set_with_their_labels() {
        let dataset = numbered(50).hold_out_validation(20, 3).unwrap();
        let validation = dataset.validation.unwrap();
        assert_eq!((dataset.train.labels.len(), validation.labels.len()), (30, 20));
        for split in [&dataset.train, &validation] {
            assert!(split.labels.is_sorted());
            assert_eq!(split.images.column(1).to_vec(), split.labels);
        }
        assert_ne!(validation.labels, (0..20).collect::<Vec<u8>>());
        let mut all = [dataset.train.labels, validation.labels].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<u8>>());
    }

    #[test]
    fn holding_out_nothing_or_from_a_set_with_validation_changes_nothing() {
        let dataset = numbered(9);
        assert_eq!(dataset.clone().hold_out_validation(0, 1).unwrap(), dataset);
        let held = dataset.hold_out_validation(4, 1).unwrap();
        assert_eq!(held.clone().hold_out_validation(100, 2).unwrap(), held);
    }

    #[test]
    fn holding_out_every_row_is_an_error_that_names_both_numbers() {
        let error = numbered(9).hold_out_validation(9, 1).unwrap_err().to_string();
        assert_eq!(
            error,
            "9 validation rows cannot be held out of numbered's 9 training rows: hold out fewer than 9"
        );
    }

    #[test]
    fn counts_are_per_class() {
        let split = Split { images: Array2::zeros((4, 1)), labels: vec![2, 0, 2, 2] };
        assert_eq!(class_counts(&split, 4), [1, 0, 3, 0]);
    }
}
