//! Folds of the labelled images, for cross-validation.

use std::collections::{HashMap, HashSet};

use ndarray::{Array2, ArrayView1};
use rand::seq::SliceRandom;

use crate::{DataError, Dataset, random};

impl Dataset {
    /// Moves one of `of` folds of the labelled training rows into [`Dataset::validation`], in the
    /// place of what is there, for cross-validation. Each labelled row is in one fold, rows of the
    /// same pixels in the same one, and each class is spread over the folds as evenly as that
    /// allows. One fold alone holds nothing out.
    ///
    /// Which rows are in a fold depends on the labels, and on which rows have the same pixels. Both
    /// splits keep the order of the file.
    ///
    /// # Errors
    /// When there is no such fold, or when there are more folds than different labelled images.
    pub fn hold_out_fold(mut self, index: usize, of: usize) -> Result<Dataset, DataError> {
        let mut order = self.train.labelled_rows();
        if index >= of {
            return Err(DataError::Value(format!(
                "fold {index} of {of} cannot be held out: folds are 0 to one less than that"
            )));
        }
        if of == 1 {
            return Ok(self);
        }
        let first = first_equals(&self.train.images);
        let n = different(&order, &first);
        if of > n {
            let (name, with_a_label) = (&self.name, order.len());
            let differ = if n == with_a_label { "" } else { " of different images" };
            return Err(DataError::Value(format!(
                "{name} cannot be split into {of} folds, as it has {n} rows{differ} with a label"
            )));
        }
        order.shuffle(&mut random::keyed(0, "folds", 0));
        order.sort_by_key(|&row| self.train.labels[row]);
        // What is tested by a model that has seen a copy of it says nothing of others.
        let mut folds: HashMap<usize, usize> = HashMap::new();
        for &row in &order {
            let next = folds.len() % of;
            folds.entry(first[row]).or_insert(next);
        }
        order.retain(|row| folds[&first[*row]] == index);
        order.sort_unstable();
        self.hold_out(&order);
        Ok(self)
    }

    /// How many different images the labelled training rows have: so many folds there can be.
    pub fn n_labelled_images(&self) -> usize {
        different(&self.train.labelled_rows(), &first_equals(&self.train.images))
    }
}

/// Of each row the first one that has the same pixels, which may be itself. `[n, pixels]` to `[n]`
pub fn first_equals(images: &Array2<u8>) -> Vec<usize> {
    let mut first: HashMap<ArrayView1<u8>, usize> = HashMap::new();
    images.rows().into_iter().enumerate().map(|(row, pixels)| *first.entry(pixels).or_insert(row)).collect()
}

/// How many of some rows differ, by the first one that each is equal to.
fn different(rows: &[usize], first: &[usize]) -> usize {
    rows.iter().map(|&row| first[row]).collect::<HashSet<usize>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_counts;
    use crate::dataset::tests::numbered;

    #[test]
    fn folds_share_out_the_labelled_rows_and_every_class() {
        let mut dataset = numbered(50);
        for (row, label) in dataset.train.labels.iter_mut().enumerate() {
            *label = if row < 23 { (row % 3) as i32 } else { -1 };
        }
        let mut rows = Vec::new();
        for index in 0..4 {
            let held = dataset.clone().hold_out_fold(index, 4).unwrap();
            let fold = held.validation.unwrap();
            assert_eq!(fold.labels.len() + held.train.labels.len(), 50);
            assert_eq!(held.train.labels.iter().filter(|&&label| label < 0).count(), 27);
            // Of 8, 8 and 7 rows.
            assert!(class_counts(&fold, 3).iter().all(|n| (1..=2).contains(n)), "{:?}", fold.labels);
            rows.extend(fold.images.column(1).to_vec());
        }
        rows.sort_unstable();
        assert_eq!(rows, (0..23).collect::<Vec<u8>>());
        assert_eq!(dataset.clone().hold_out_fold(0, 1).unwrap(), dataset);
        let own = Dataset { validation: dataset.test.clone(), ..dataset.clone() };
        assert_eq!(own.hold_out_fold(1, 4).unwrap(), dataset.clone().hold_out_fold(1, 4).unwrap());
        let sentence = |index, of| dataset.clone().hold_out_fold(index, of).unwrap_err().to_string();
        assert_eq!(sentence(4, 4), "fold 4 of 4 cannot be held out: folds are 0 to one less than that");
        assert_eq!(sentence(0, 24), "numbered cannot be split into 24 folds, as it has 23 rows with a label");
    }

    #[test]
    fn copies_of_an_image_are_in_one_fold() {
        // Each image is there twice, a half of them also under a second label.
        let mut dataset = numbered(40);
        dataset.train.images = Array2::from_shape_fn((40, 2), |(row, _)| (row % 20) as u8);
        dataset.train.labels = (0..40).map(|row| if row < 30 { row % 2 } else { (row + 1) % 2 }).collect();
        assert_eq!(dataset.n_labelled_images(), 20);
        let mut held = Vec::new();
        for index in 0..3 {
            let of_fold = dataset.clone().hold_out_fold(index, 3).unwrap();
            let [train, fold] = [of_fold.train, of_fold.validation.unwrap()]
                .map(|split| split.images.column(0).iter().copied().collect::<HashSet<u8>>());
            assert!(train.is_disjoint(&fold) && (6..=7).contains(&fold.len()), "{fold:?}");
            held.extend(fold);
        }
        held.sort_unstable();
        assert_eq!(held, (0..20).collect::<Vec<u8>>());
        let sentence = dataset.hold_out_fold(0, 21).unwrap_err().to_string();
        assert_eq!(
            sentence,
            "numbered cannot be split into 21 folds, as it has 20 rows of different images with a label"
        );
    }

    #[test]
    fn folds_of_different_images_are_those_of_their_places() {
        let mut dataset = numbered(23);
        dataset.train.labels = (0..23).map(|row| row % 3).collect();
        let mut order = dataset.train.labelled_rows();
        order.shuffle(&mut random::keyed(0, "folds", 0));
        order.sort_by_key(|&row| dataset.train.labels[row]);
        for index in 0..4 {
            let mut expected: Vec<u8> = order.iter().skip(index).step_by(4).map(|&row| row as u8).collect();
            expected.sort_unstable();
            let fold = dataset.clone().hold_out_fold(index, 4).unwrap().validation.unwrap();
            assert_eq!(fold.images.column(0).to_vec(), expected);
        }
    }
}
