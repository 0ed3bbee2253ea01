//! Images with labels, as arrays.

use std::fmt;

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

/// `1 x 28 x 28`: channels, rows and columns.
impl fmt::Display for ImageShape {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{} x {} x {}", self.channels, self.height, self.width)
    }
}

/// Images and their labels, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Pixels 0 to 255, one image a row, within it channel first, then height, then width. `[n,
    /// pixels]`
    pub images: Array2<u8>,
    /// Places of classes in [`Dataset::classes`], -1 where there is no label. `[n]`
    pub labels: Vec<i32>,
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

    /// The rows that have a label, ascending.
    pub fn labelled_rows(&self) -> Vec<usize> {
        (0..self.labels.len()).filter(|&row| self.labels[row] >= 0).collect()
    }
}

/// A data set in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name in the manifest, or the stem of its file.
    pub name: String,
    /// Which release, where there are several.
    pub release: Option<String>,
    /// The SHA-256 of its file, where it was given by path: that alone tells which data set it is.
    pub sha256: Option<String>,
    /// What one row of images is, in every split.
    pub shape: ImageShape,
    /// What a model learns from.
    pub train: Split,
    /// What decisions are made on, where the set has one or some was held out.
    pub validation: Option<Split>,
    /// What scores are measured on, where the set has it.
    pub test: Option<Split>,
    /// The number that each class has in the file, ascending: all that a label of any split names.
    pub classes: Vec<u16>,
}

impl Dataset {
    /// A data set of splits whose labels are the numbers of their file, which become places in
    /// [`Dataset::classes`].
    pub(crate) fn numbered(
        shape: ImageShape,
        train: Split,
        validation: Option<Split>,
        test: Option<Split>,
    ) -> Dataset {
        let (name, release, sha256, classes) = (String::new(), None, None, Vec::new());
        let mut dataset = Dataset { name, release, sha256, shape, train, validation, test, classes };
        let mut numbers: Vec<i32> = dataset.splits().flat_map(|split| split.labels.clone()).collect();
        numbers.retain(|&number| number >= 0);
        numbers.sort_unstable();
        numbers.dedup();
        let Dataset { train, validation, test, .. } = &mut dataset;
        for split in [Some(train), validation.as_mut(), test.as_mut()].into_iter().flatten() {
            for label in &mut split.labels {
                *label = numbers.binary_search(label).map_or(-1, |place| place as i32);
            }
        }
        dataset.classes = numbers.into_iter().map(|number| number as u16).collect();
        dataset
    }

    /// How many classes there are.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// The number that a label's class has in the file; -1 for none.
    ///
    /// # Panics
    /// When the label is none of this data set's.
    pub fn class_number(&self, label: i32) -> i64 {
        usize::try_from(label).map_or(-1, |place| self.classes[place].into())
    }

    /// All splits there are: training, validation, test.
    fn splits(&self) -> impl Iterator<Item = &Split> {
        [Some(&self.train), self.validation.as_ref(), self.test.as_ref()].into_iter().flatten()
    }

    /// Moves `rows` random training rows into [`Dataset::validation`], where the set has none of
    /// its own.
    ///
    /// A set that has a validation split keeps it: `rows` and `seed` are then ignored, so one
    /// setting serves all sets. `rows` of 0 changes nothing. Only rows with a label are held out,
    /// as others cannot be scored. They depend on `seed` and on which rows have one, and both
    /// splits keep the order of the file.
    ///
    /// # Errors
    /// When not at least one labelled training row would be left.
    pub fn hold_out_validation(mut self, rows: usize, seed: u64) -> Result<Dataset, DataError> {
        if rows == 0 || self.validation.is_some() {
            return Ok(self);
        }
        let mut order = self.train.labelled_rows();
        let (n, all) = (order.len(), self.train.labels.len());
        if rows >= n {
            let with_a_label = if n == all { "" } else { " that have a label" };
            return Err(DataError::Value(format!(
                "{rows} validation rows cannot be held out of {}'s {n} training rows{with_a_label}: hold out fewer than {n}",
                self.name
            )));
        }
        order.shuffle(&mut random::keyed(seed, "validation", 0));
        order.truncate(rows);
        order.sort_unstable();
        self.hold_out(&order);
        Ok(self)
    }

    /// Makes the validation split of some training rows, ascending.
    pub(crate) fn hold_out(&mut self, rows: &[usize]) {
        let all = 0..self.train.labels.len();
        let kept: Vec<usize> = all.filter(|row| rows.binary_search(row).is_err()).collect();
        self.validation = Some(self.train.select(rows));
        self.train = self.train.select(&kept);
    }
}

/// How many images of each class a split has; those without a label count for none. `[n_classes]`
///
/// # Panics
/// When a label is not below `n_classes`.
pub fn class_counts(split: &Split, n_classes: usize) -> Vec<usize> {
    let mut counts = vec![0; n_classes];
    for class in split.labels.iter().filter_map(|&label| usize::try_from(label).ok()) {
        counts[class] += 1;
    }
    counts
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn numbered(n: usize) -> Dataset {
        let split = Split {
            images: Array2::from_shape_fn((n, 2), |(i, _)| i as u8),
            labels: (0..n).map(|i| i as i32).collect(),
        };
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        Dataset { name: "numbered".to_owned(), ..Dataset::numbered(shape, split.clone(), None, Some(split)) }
    }

    #[test]
    fn held_out_rows_leave_the_training_set_with_their_labels() {
        let dataset = numbered(50).hold_out_validation(20, 3).unwrap();
        let validation = dataset.validation.unwrap();
        assert_eq!((dataset.train.labels.len(), validation.labels.len()), (30, 20));
        for split in [&dataset.train, &validation] {
            assert!(split.labels.is_sorted());
            assert_eq!(split.images.column(1).mapv(i32::from).to_vec(), split.labels);
        }
        assert_ne!(validation.labels, (0..20).collect::<Vec<i32>>());
        let mut all = [dataset.train.labels, validation.labels].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<i32>>());
    }

    #[test]
    fn only_rows_with_a_label_are_held_out() {
        let mut dataset = numbered(50);
        for label in dataset.train.labels.iter_mut().step_by(2) {
            *label = -1;
        }
        let sentence = dataset.clone().hold_out_validation(25, 3).unwrap_err().to_string();
        assert_eq!(
            sentence,
            "25 validation rows cannot be held out of numbered's 25 training rows that have a label: hold out fewer than 25"
        );
        let dataset = dataset.hold_out_validation(20, 3).unwrap();
        assert!(dataset.validation.unwrap().labels.iter().all(|&label| label % 2 == 1));
        assert_eq!((dataset.train.labels.len(), dataset.train.labelled_rows().len()), (30, 5));
    }

    #[test]
    fn classes_keep_the_numbers_of_the_file_and_rows_without_a_label_stay_without() {
        let split =
            |labels: &[i32]| Split { images: Array2::zeros((labels.len(), 1)), labels: labels.to_vec() };
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let (train, test) = (split(&[65_535, -1, 7]), split(&[300, 7]));
        let dataset = Dataset::numbered(shape, train, Some(split(&[-1])), Some(test));
        assert_eq!((dataset.classes.as_slice(), dataset.n_classes()), (&[7, 300, 65_535][..], 3));
        assert_eq!(dataset.train.labels, [2, -1, 0]);
        assert_eq!(
            (dataset.train.labelled_rows(), dataset.test.as_ref().unwrap().labels.clone()),
            (vec![0, 2], vec![1, 0])
        );
        assert_eq!([2, -1].map(|label| dataset.class_number(label)), [65_535, -1]);
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
        let split = Split { images: Array2::zeros((4, 1)), labels: vec![2, 0, -1, 2] };
        assert_eq!(class_counts(&split, 4), [1, 0, 2, 0]);
    }
}
