//! A bootstrap over seeds and test images at once.

use std::collections::BTreeMap;

use dml_data::random::keyed;
use dml_eval::statistics::mean;
use rand::Rng as _;
use rayon::prelude::*;

use crate::bootstrap::{self, N_DRAWS};
use crate::evidence::Evidence;

/// What decides which images a trial is scored on, beside the data themselves.
const TEST_SET: [&str; 5] =
    ["data.name", "data.validation", "data.fold.index", "data.fold.of", "evaluation.split"];

/// How much more often a pair's treatment was right about each test image than its control.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ByImage {
    /// What the two are scored on.
    test_set: Vec<Option<String>>,
    /// In [-1, 1], as each side is a mean over its trials.
    differences: Vec<f64>,
}

impl ByImage {
    /// `None` unless the score is an accuracy, and all trials say which images of one test set they
    /// were right about.
    pub(super) fn of(score: &str, treatments: &[&Evidence], controls: &[&Evidence]) -> Option<Self> {
        let readout = score.strip_suffix(".accuracy")?;
        let mut test_sets = treatments.iter().chain(controls).map(|trial| test_set(trial));
        let first = test_sets.next()?;
        let (treated, control) = (shares(treatments, readout)?, shares(controls, readout)?);
        let is_one = treated.len() == control.len() && test_sets.all(|other| other == first);
        let differences = treated.iter().zip(&control).map(|(treated, control)| treated - control).collect();
        is_one.then_some(Self { test_set: first, differences })
    }
}

fn test_set(trial: &Evidence) -> Vec<Option<String>> {
    let keys = TEST_SET.map(|key| trial.leaves.get(key).map(ToString::to_string));
    let data = trial.result.and_then(|result| result.data_sha256.clone());
    keys.into_iter().chain([data]).collect()
}

/// The share of these trials that were right about each image.
fn shares(trials: &[&Evidence], readout: &str) -> Option<Vec<f64>> {
    let hits: Vec<&[bool]> = trials.iter().map(|trial| trial.hits(readout)).collect::<Option<_>>()?;
    let n = hits.first()?.len();
    let share = |image: usize| hits.iter().filter(|of| of[image]).count() as f64 / hits.len() as f64;
    hits.iter().all(|of| of.len() == n).then(|| (0..n).map(share).collect())
}

/// The 95% interval for the mean difference where both seeds and test images could have been
/// others: percentiles of the means of draws of both, as many as there are, with replacement (the
/// pigeonhole bootstrap of Owen 2007). A draw has the same images for all its seeds and both sides,
/// as they have in the sweep. Its percentiles are drawn out by what so few seeds call for, so that
/// of images which are all alike the interval is about that of Student.
///
/// Every image weighs the same. The accuracy of folds is a mean over folds, whose sizes differ by
/// one image, so the middle of the interval may be off from their difference by that little.
///
/// The interval is wide rather than narrow: what a seed makes of a single image counts up to
/// threefold in the variance of a draw.
///
/// Of pairs with their seeds. `None` unless all are of one test set, and there are two seeds or
/// more.
pub(super) fn interval(pairs: &[(&str, &ByImage)]) -> Option<(f64, f64)> {
    let seeds = by_seed(pairs)?;
    let middle = mean(&seeds.iter().map(|seed| mean(seed)).collect::<Vec<_>>());
    bootstrap::interval(draws(&seeds), middle, seeds.len())
}

/// The differences by image of each seed, means over its pairs.
fn by_seed(pairs: &[(&str, &ByImage)]) -> Option<Vec<Vec<f64>>> {
    let (_, first) = pairs.first()?;
    let n = first.differences.len();
    let mut seeds: BTreeMap<&str, Vec<&[f64]>> = BTreeMap::new();
    for (seed, ByImage { test_set, differences }) in pairs {
        if *test_set != first.test_set || differences.len() != n {
            return None;
        }
        seeds.entry(seed).or_default().push(differences);
    }
    let mean_of = |pairs: &Vec<&[f64]>| {
        let at = |image: usize| pairs.iter().map(|pair| pair[image]).sum::<f64>() / pairs.len() as f64;
        (0..n).map(at).collect()
    };
    (n > 0).then(|| seeds.values().map(mean_of).collect())
}

/// Means of draws of the rows, one a seed, and of the columns, one an image.
fn draws(seeds: &[Vec<f64>]) -> Vec<f64> {
    let (n_seeds, n_images) = (seeds.len(), seeds[0].len());
    let draw = |index: usize| {
        let mut random = keyed(0, "seeds and test images", index as u64);
        let mut sums = vec![0.0; n_images];
        for _ in 0..n_seeds {
            let seed = &seeds[random.gen_range(0..n_seeds)];
            sums.iter_mut().zip(seed).for_each(|(sum, difference)| *sum += difference);
        }
        let total: f64 = (0..n_images).map(|_| sums[random.gen_range(0..n_images)]).sum();
        total / (n_seeds * n_images) as f64
    };
    (0..N_DRAWS).into_par_iter().map(draw).collect()
}

#[cfg(test)]
mod tests {
    use dml_eval::statistics::{percentile_expansion, standard_deviation, t_interval};

    use super::*;
    use crate::estimate::CONFIDENCE;

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}, within {tolerance}");
    }

    /// The mean of the powers of the distances from the mean.
    fn moment(values: &[f64], power: i32) -> f64 {
        let middle = mean(values);
        mean(&values.iter().map(|x| (x - middle).powi(power)).collect::<Vec<_>>())
    }

    /// The variance of a draw's mean. How often two rows of R are drawn has the mean product
    /// 1 - 1 / R, and 1 more where they are the same row; so have columns; the two are independent.
    fn variance(x: &[Vec<f64>]) -> f64 {
        let (rows, columns) = (x.len(), x[0].len());
        let (r, c) = (rows as f64, columns as f64);
        let (of_rows, of_columns) = (1.0 - 1.0 / r, 1.0 - 1.0 / c);
        let column = |j: usize| x.iter().map(|row| row[j]).sum::<f64>() / r;
        let whole = mean(&x.concat()).powi(2);
        let by_row: f64 = x.iter().map(|row| (mean(row) / r).powi(2)).sum();
        let by_column: f64 = (0..columns).map(|j| (column(j) / c).powi(2)).sum();
        let by_cell: f64 = x.concat().iter().map(|x| (x / (r * c)).powi(2)).sum();
        of_rows * of_columns * whole + of_columns * by_row + of_rows * by_column + by_cell - whole
    }

    #[test]
    fn draws_have_the_mean_and_the_variance_of_all_draws_there_are() {
        let x = [vec![1.0, 0.0, -1.0], vec![0.0, 1.0, 0.5]];
        // Two of two rows and three of three columns: 4 times 27, each as likely.
        let rows = [[0, 0], [0, 1], [1, 0], [1, 1]];
        let columns = (0..27).map(|i| [i % 3, i / 3 % 3, i / 9]);
        let of = |rows: [usize; 2], columns: [usize; 3]| {
            rows.iter().flat_map(|&row| columns.map(|column| x[row][column])).sum::<f64>() / 6.0
        };
        let all: Vec<f64> = columns.flat_map(|columns| rows.map(|rows| of(rows, columns))).collect();
        assert_eq!(all.len(), 108);
        near(mean(&all), 0.25, 1e-15);
        near(moment(&all, 2), variance(&x), 1e-15);
        let (drawn, n) = (draws(&x), N_DRAWS as f64);
        // Four standard errors of a mean and of a variance.
        let square = variance(&x).powi(2);
        near(mean(&drawn), 0.25, 4.0 * (variance(&x) / n).sqrt());
        near(moment(&drawn, 2), variance(&x), 4.0 * ((moment(&all, 4) - square) / n).sqrt());
        assert!(drawn.iter().all(|mean| all.iter().any(|other| (mean - other).abs() < 1e-12)));
    }

    fn of(differences: &[f64]) -> ByImage {
        ByImage { test_set: vec![Some("mnist".into())], differences: differences.into() }
    }

    /// Of one pair a seed.
    fn interval_of(seeds: &[ByImage]) -> (f64, f64) {
        let names: Vec<String> = (0..seeds.len()).map(|seed| seed.to_string()).collect();
        interval(&names.iter().map(String::as_str).zip(seeds).collect::<Vec<_>>()).unwrap()
    }

    /// As many draws have their 2.5% percentile within so many standard deviations of a normal mean
    /// of its place: √(0.025 · 0.975 / draws) over the density there, three times.
    fn noise() -> f64 {
        3.0 * (0.025 * 0.975 / N_DRAWS as f64).sqrt() / 0.0584
    }

    #[test]
    fn of_images_that_are_alike_the_interval_is_that_of_seeds() {
        // Of two seeds a draw has the first twice, or the second twice, once in four each.
        let two = interval_of(&[of(&[0.1; 5]), of(&[0.3; 5])]);
        let reach = 0.1 * percentile_expansion(2, CONFIDENCE).unwrap();
        near(two.0, 0.2 - reach, 1e-12);
        near(two.1, 0.2 + reach, 1e-12);
        // The quantiles of a normal distribution, which are drawn like one.
        let seeds = [-1.64, -1.04, -0.67, -0.39, -0.13, 0.13, 0.39, 0.67, 1.04, 1.64];
        let found = interval_of(&seeds.map(|x| of(&[x; 7])));
        let student = t_interval(&seeds, CONFIDENCE).unwrap();
        let tolerance = noise() * student.high / 1.96;
        near(found.0, student.low, tolerance);
        near(found.1, student.high, tolerance);
    }

    #[test]
    fn of_seeds_that_are_alike_the_interval_is_that_of_a_share_of_images() {
        let image = |i: usize| if i < 120 { 1.0 } else { 0.0 };
        let seed: Vec<f64> = (0..400).map(image).collect();
        // The standard deviation of a binomial share, and a half of the step between two shares.
        let deviation = (0.3_f64 * 0.7 / 400.0).sqrt();
        let expansion = percentile_expansion(3, CONFIDENCE).unwrap();
        let tolerance = expansion * (noise() * deviation + 0.5 / 400.0);
        let (low, high) = interval_of(&[of(&seed), of(&seed), of(&seed)]);
        near(low, 0.3 - expansion * 1.96 * deviation, tolerance);
        near(high, 0.3 + expansion * 1.96 * deviation, tolerance);
        let drawn = standard_deviation(&draws(&[seed.clone(), seed.clone(), seed])).unwrap();
        near(drawn, deviation, 4.0 * deviation / (2.0 * N_DRAWS as f64).sqrt());
    }

    #[test]
    fn pairs_of_a_seed_are_averaged_and_those_of_other_test_sets_give_nothing() {
        let [a, b, c] = [[1.0, 0.0], [0.0, 1.0], [0.5, 1.0]].map(|differences| of(&differences));
        let pairs = [("0", &a), ("1", &b), ("0", &c)];
        assert_eq!(by_seed(&pairs), Some(vec![vec![0.75, 0.5], vec![0.0, 1.0]]));
        let (low, high) = interval(&pairs).unwrap();
        assert!(low < 0.5625 && 0.5625 < high, "{low} {high}");
        let elsewhere = ByImage { test_set: vec![None], ..b.clone() };
        for other in [elsewhere, of(&[0.0; 3]), of(&[])] {
            assert_eq!(interval(&[("0", &a), ("1", &other)]), None, "{other:?}");
        }
        assert_eq!(interval(&pairs[..1]), None, "one seed");
        assert_eq!(interval(&[("0", &of(&[])), ("1", &of(&[]))]), None, "no image");
        assert_eq!(interval(&[]), None);
    }
}
