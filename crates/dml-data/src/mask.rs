//! Which training rows keep their label.

use rand::{Rng, seq::SliceRandom};
use serde::{Deserialize, Serialize};

use crate::{DataError, random};

/// How the labelled rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sampling {
    /// Every set of rows is equally likely.
    Uniform,
    /// Each class keeps its share of the rows as closely as whole rows allow.
    Stratified,
    /// Each class keeps as many rows as any other, to one, as long as it has some left.
    Balanced,
    /// Every label that is given is kept: of data that is labelled in part.
    Given,
}

/// The training rows that keep their label; all others count as unlabelled.
///
/// It is but its rows: whatever learns from a mask takes a slice of row ids, and takes yours as
/// well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    rows: Vec<usize>,
}

impl Mask {
    /// Draws `round(percent / 100 * n)` of the n rows that have a label; -1 is none.
    ///
    /// `percent` is out of a hundred, as in the paper's tables: 10.0 is every tenth label, 0.1 is
    /// one in a thousand.
    ///
    /// For one seed and sampling a smaller mask lies inside every larger one: all are prefixes of
    /// one order of the rows. [`Sampling::Stratified`] draws k rows so that each class c with `n_c`
    /// of the n rows gets `k * n_c / n` of them, rounded down or up (see `proportional`); where k
    /// is smaller than the number of classes, larger classes come first and the seed decides
    /// between equal ones. [`Sampling::Balanced`] takes one of each class in turn; the seed decides
    /// which classes come first. [`Sampling::Given`] takes all of them.
    ///
    /// # Errors
    /// When `percent` is not in (0, 100], or not 100 for [`Sampling::Given`]; when it rounds to no
    /// row at all, or no row has a label; or when a label is not below `n_classes`.
    pub fn draw<L: Copy + Into<i32>>(
        labels: &[L],
        n_classes: usize,
        percent: f64,
        sampling: Sampling,
        seed: u64,
    ) -> Result<Mask, DataError> {
        let labels: Vec<i32> = labels.iter().map(|&label| label.into()).collect();
        let mut rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] >= 0).collect();
        let n = rows.len();
        if n == 0 && !labels.is_empty() {
            return Err(DataError::Value(format!(
                "none of {} training rows has a label: one at least is needed (-1 is none)",
                labels.len()
            )));
        }
        check_given(percent, sampling)?;
        if !(percent > 0.0 && percent <= 100.0) {
            return Err(DataError::Value(format!(
                "{percent} percent of the labels cannot be kept: the percentage must be above 0 and at most 100 (every tenth label is 10 percent)"
            )));
        }
        let n_rows = (percent / 100.0 * n as f64).round() as usize;
        if n_rows == 0 {
            return Err(DataError::Value(format!(
                "{percent} percent of {n} labels rounds to none: keep at least one (every tenth label is 10 percent)"
            )));
        }
        if let Some(label) = labels.iter().find(|&&label| label >= n_classes as i32) {
            return Err(DataError::Value(format!(
                "label {label} is not one of {n_classes} classes: labels are 0 to one less than that"
            )));
        }
        rows.shuffle(&mut random::keyed(seed, "mask", 0));
        match sampling {
            Sampling::Uniform => rows.truncate(n_rows),
            Sampling::Stratified => rows = proportional(&rows, &labels, n_classes, n_rows, seed),
            Sampling::Balanced => rows = balanced(&rows, &labels, n_classes, n_rows, seed),
            Sampling::Given => {}
        }
        rows.sort_unstable();
        Ok(Mask { rows })
    }

    /// The rows that keep their label, ascending.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }
}

/// Refuses a percentage that [`Sampling::Given`] would not look at.
fn check_given(percent: f64, sampling: Sampling) -> Result<(), DataError> {
    if sampling == Sampling::Given && percent.to_bits() != 100.0_f64.to_bits() {
        return Err(DataError::Value(format!(
            "{percent} percent of the given labels cannot be kept by the sampling `given`, which keeps all: it must be 100, or the sampling \
             uniform, stratified or balanced"
        )));
    }
    Ok(())
}

/// The first `n_rows` of an order of the rows in which every prefix of length k holds, for every
/// class c, `k * n_c / n` rows rounded down or up.
///
/// This is the chairman assignment problem. Tijdeman (1980) solves it with a deviation of at most
/// `1 - 1 / (2C - 2)` for C classes: of the classes that are due, `k * n_c / n - x_c >= 1 / (2C -
/// 2)` with `x_c` rows drawn so far, take the one that would be overdue first, at `(x_c + 1 - 1 /
/// (2C - 2)) * n / n_c`. Everything is multiplied out to stay in whole numbers. Within a class,
/// rows keep the order of `shuffled`; between equal deadlines the seed decides.
fn proportional(
    shuffled: &[usize],
    labels: &[i32],
    n_classes: usize,
    n_rows: usize,
    seed: u64,
) -> Vec<usize> {
    let mut members = vec![Vec::new(); n_classes];
    for &row in shuffled {
        members[labels[row] as usize].push(row);
    }
    members.retain(|rows| !rows.is_empty());
    let n = shuffled.len() as u128;
    let slack = (2 * members.len() as u128).saturating_sub(2).max(1);
    let size = |class: usize| members[class].len() as u128;
    let mut drawn = vec![0_u128; members.len()];
    let mut generator = random::keyed(seed, "mask ties", 0);
    let mut rows = Vec::with_capacity(n_rows);
    for k in 1..=n_rows as u128 {
        let rank: Vec<u32> = drawn.iter().map(|_| generator.r#gen()).collect();
        let deadline = |class: usize| drawn[class] * slack + slack - 1; // over size(class)
        let next = (0..members.len())
            .filter(|&class| k * size(class) * slack >= (drawn[class] * slack + 1) * n)
            .min_by(|&a, &b| {
                (deadline(a) * size(b)).cmp(&(deadline(b) * size(a))).then(rank[a].cmp(&rank[b]))
            })
            .expect("some class is due at every step (Tijdeman 1980)");
        rows.push(members[next][drawn[next] as usize]);
        drawn[next] += 1;
    }
    rows
}

/// The first `n_rows` of an order of the rows that takes one of each class in turn, while it has
/// any. Within a class, rows keep the order of `shuffled`.
fn balanced(shuffled: &[usize], labels: &[i32], n_classes: usize, n_rows: usize, seed: u64) -> Vec<usize> {
    let mut members = vec![Vec::new(); n_classes];
    for &row in shuffled {
        members[labels[row] as usize].push(row);
    }
    members.shuffle(&mut random::keyed(seed, "mask turns", 0));
    let largest = members.iter().map(Vec::len).max().unwrap_or(0);
    let turn = |round: usize| members.iter().filter_map(move |of_class| of_class.get(round)).copied();
    (0..largest).flat_map(turn).take(n_rows).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DRAWN: [Sampling; 3] = [Sampling::Uniform, Sampling::Stratified, Sampling::Balanced];

    /// MNIST's 60,000 labels by class, as a stand-in for the labels themselves.
    fn mnist_like() -> Vec<u8> {
        let counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
        (0..10_u8).flat_map(|class| std::iter::repeat_n(class, counts[usize::from(class)])).collect()
    }

    #[test]
    fn the_papers_percentages_of_mnist_are_exact() {
        let labels = mnist_like();
        for sampling in DRAWN {
            for (percent, expected) in [(0.01, 6), (0.1, 60), (10.0, 6_000), (100.0, 60_000)] {
                let mask = Mask::draw(&labels, 10, percent, sampling, 5).unwrap();
                assert_eq!(mask.rows().len(), expected);
            }
        }
    }

    #[test]
    fn of_balanced_labels_each_class_has_as_many_while_it_has_some() {
        let of_class = |labels: &[u8], percent: f64, seed: u64| {
            let mask = Mask::draw(labels, 10, percent, Sampling::Balanced, seed).unwrap();
            let mut counts = [0_usize; 10];
            for &row in mask.rows() {
                counts[usize::from(labels[row])] += 1;
            }
            counts
        };
        // A hundred labels of MNIST are ten of each class, of whatever size the class is.
        assert_eq!(of_class(&mnist_like(), 100.0 / 600.0, 3), [10; 10]);
        // Six are of six classes, which the seed decides.
        let six = [0, 1, 2].map(|seed| of_class(&mnist_like(), 0.01, seed));
        assert!(six.iter().all(|counts| counts.iter().filter(|&&n| n == 1).count() == 6), "{six:?}");
        assert!(six[0] != six[1] || six[1] != six[2]);
        // Classes of 1 and 2 rows are soon over, and the others take the rest.
        let uneven: Vec<u8> =
            (0..40).map(|row| [0, 1, 1].get(row).copied().unwrap_or(2 + (row % 2) as u8)).collect();
        let counts = of_class(&uneven, 50.0, 1);
        assert_eq!((counts[0], counts[1], counts[2] + counts[3]), (1, 2, 17));
        assert!(counts[2].abs_diff(counts[3]) <= 1, "{counts:?}");
    }

    #[test]
    fn equal_classes_get_equal_numbers() {
        let labels: Vec<u8> = (0..1000).map(|row| (row % 10) as u8).collect();
        let mask = Mask::draw(&labels, 10, 6.0, Sampling::Stratified, 1).unwrap();
        for class in 0..10 {
            assert_eq!(mask.rows().iter().filter(|&&row| labels[row] == class).count(), 6);
        }
        let classes = |seed| -> Vec<u8> {
            let mask = Mask::draw(&labels, 10, 0.5, Sampling::Stratified, seed).unwrap();
            let mut classes: Vec<u8> = mask.rows().iter().map(|&row| labels[row]).collect();
            classes.sort_unstable();
            classes
        };
        assert!((1..9).any(|seed| classes(seed) != classes(0)), "the seed decides which classes come first");
    }

    #[test]
    fn a_percentage_out_of_range_is_named() {
        for percent in [0.0, -1.0, 100.1, f64::NAN, f64::INFINITY] {
            let error = Mask::draw(&[0; 10], 1, percent, Sampling::Uniform, 0).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{percent} percent")), "{error}");
        }
        let error = Mask::draw(&[0; 10], 1, 4.9, Sampling::Uniform, 0).unwrap_err().to_string();
        assert_eq!(
            error,
            "4.9 percent of 10 labels rounds to none: keep at least one (every tenth label is 10 percent)"
        );
        assert!(Mask::draw(&[0_u8; 0], 1, 50.0, Sampling::Stratified, 0).is_err());
        assert!(Mask::draw(&[0, 3], 3, 50.0, Sampling::Stratified, 0).is_err());
    }

    #[test]
    fn of_data_that_is_labelled_in_part_only_given_labels_are_drawn_or_all_are_kept() {
        let labels: Vec<i32> = (0..300).map(|row| if row % 3 == 0 { row % 2 } else { -1 }).collect();
        let draw = |percent, sampling| Mask::draw(&labels, 2, percent, sampling, 8);
        for sampling in DRAWN {
            let mask = draw(10.0, sampling).unwrap();
            assert_eq!(mask.rows().len(), 10);
            assert!(mask.rows().iter().all(|row| row % 3 == 0));
        }
        let given: Vec<usize> = (0..300).step_by(3).collect();
        assert_eq!(draw(100.0, Sampling::Given).unwrap().rows(), given);
        assert_eq!(
            draw(20.0, Sampling::Given).unwrap_err().to_string(),
            "20 percent of the given labels cannot be kept by the sampling `given`, which keeps all: it must be 100, or the sampling \
             uniform, stratified or balanced"
        );
        assert_eq!(
            Mask::draw(&[-1; 4], 0, 100.0, Sampling::Given, 0).unwrap_err().to_string(),
            "none of 4 training rows has a label: one at least is needed (-1 is none)"
        );
    }

    #[test]
    fn uniform_draws_every_row_equally_often() {
        let mut hits = [0; 10];
        for seed in 0..2000 {
            for &row in Mask::draw(&[0; 10], 1, 30.0, Sampling::Uniform, seed).unwrap().rows() {
                hits[row] += 1;
            }
        }
        // 2000 draws of 3 in 10: 600 each, standard deviation 20.5; five of them.
        assert!(hits.iter().all(|&n| (497..=703).contains(&n)), "{hits:?}");
    }

    fn labels() -> impl Strategy<Value = Vec<u8>> {
        // Squaring makes the classes uneven, some of them empty.
        prop::collection::vec((0..8_u8).prop_map(|x| x * x / 5), 1..400)
    }

    proptest! {
        #[test]
        fn a_mask_is_sorted_exact_and_nested(
            labels in labels(), seed: u64, small in 0.5..100.0, large in 0.5..100.0, which in 0_usize..3,
        ) {
            let (small, large) = if small <= large { (small, large) } else { (large, small) };
            let sampling = DRAWN[which];
            let count = |percent: f64| (percent / 100.0 * labels.len() as f64).round() as usize;
            prop_assume!(count(small) > 0);
            let inner = Mask::draw(&labels, 10, small, sampling, seed).unwrap();
            let outer = Mask::draw(&labels, 10, large, sampling, seed).unwrap();
            prop_assert_eq!(inner.rows().len(), count(small));
            prop_assert_eq!(outer.rows().len(), count(large));
            prop_assert!(outer.rows().windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(inner.rows().iter().all(|row| outer.rows().binary_search(row).is_ok()));
        }

        #[test]
        fn stratified_counts_are_the_exact_share_rounded_down_or_up(labels in labels(), seed: u64, percent in 0.5..100.0) {
            let Ok(mask) = Mask::draw(&labels, 10, percent, Sampling::Stratified, seed) else { return Ok(()) };
            for class in 0..10 {
                let count = |rows: &mut dyn Iterator<Item = usize>| rows.filter(|&row| labels[row] == class).count();
                let drawn = count(&mut mask.rows().iter().copied());
                let share = mask.rows().len() * count(&mut (0..labels.len()));
                prop_assert!(drawn >= share / labels.len());
                prop_assert!(drawn <= share.div_ceil(labels.len()));
            }
        }
    }
}
