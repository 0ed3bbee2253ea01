//! How sure a class is that the nearest labelled embedding gives, as a probability.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::error::{EvalError, check_embeddings, check_enough, check_memory, check_width};
use crate::neighbours::{nearest, squared_distance};

/// Of each class, the labelled embedding that is nearest to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestOfClasses {
    /// Squared Euclidean distances, infinite where a class has no labelled embedding. `[m,
    /// n_classes]`
    pub distances: Array2<f64>,
    /// The labelled embedding at that distance. `[m, n_classes]`
    pub rows: Array2<u32>,
}

impl NearestOfClasses {
    /// Looks in `labelled`, whose classes are below `n_classes`, for what is nearest to `queries`.
    ///
    /// # Shapes
    /// `labelled`: `[n, d]`, `classes`: `[n]`, `queries`: `[m, d]`.
    ///
    /// # Errors
    /// Embeddings that are not finite or too large, of different dimensions, no labelled one, not
    /// one class a labelled one, and more memory than a score may take.
    pub fn of(
        labelled: ArrayView2<f32>,
        classes: &[u32],
        n_classes: usize,
        queries: ArrayView2<f32>,
    ) -> Result<Self, EvalError> {
        check_embeddings(labelled, "labelled embeddings")?;
        check_embeddings(queries, "queries")?;
        check_width(labelled.ncols(), queries.ncols())?;
        check_enough(classes.len(), 1, "with a label to compare with")?;
        let (n, n_labels) = (labelled.nrows(), classes.len());
        if n != n_labels {
            return Err(EvalError::OtherLength { n, n_labels, set: "labelled embeddings" });
        }
        let m = queries.nrows();
        check_memory(m.saturating_mul(n_classes).saturating_mul(2), "the nearest of classes", m, n_classes)?;
        let queries = queries.as_standard_layout();
        let mut distances = Array2::from_elem((m, n_classes), f64::INFINITY);
        let mut rows = Array2::zeros((m, n_classes));
        for class in 0..n_classes {
            let of_class: Vec<usize> =
                (0..classes.len()).filter(|&row| classes[row] as usize == class).collect();
            if of_class.is_empty() {
                continue;
            }
            let references = labelled.select(Axis(0), &of_class);
            let found = nearest(references.view(), queries.view(), 1);
            for (query, &place) in found.iter().enumerate() {
                let (a, b) = (references.row(place as usize), queries.row(query));
                let slices = a.as_slice().zip(b.as_slice()).expect("standard layout");
                distances[[query, class]] = squared_distance(slices.0, slices.1);
                rows[[query, class]] = of_class[place as usize] as u32;
            }
        }
        Ok(Self { distances, rows })
    }

    /// The class of the nearest labelled embedding of all, the first of equally near ones. `[m]`
    pub fn classes(&self) -> Vec<u32> {
        self.distances.rows().into_iter().map(smallest).collect()
    }

    /// The probability of each class: proportional to exp(-squared distance / temperature).
    ///
    /// It is the chance of neighbours in neighbourhood components analysis (Goldberger et al. 2004,
    /// equation 2), of the nearest one of each class alone. At an infinite temperature all classes
    /// that have one are as probable. `[m, n_classes]`
    ///
    /// # Panics
    /// When the temperature is not above 0.
    pub fn probabilities(&self, temperature: f64) -> Array2<f64> {
        assert!(temperature > 0.0, "a temperature is above 0, not {temperature}");
        let mut probabilities = self.distances.clone();
        for mut row in probabilities.rows_mut() {
            let softmax = softmax(row.view(), 1.0 / temperature);
            row.iter_mut().zip(softmax).for_each(|(place, p)| *place = p);
        }
        probabilities
    }

    /// The temperature at which probabilities say best what queries of known classes are: the
    /// greatest likelihood (temperature scaling: Guo et al. 2017, "On calibration of modern neural
    /// networks", section 4.2). `None` where nothing can be learned, as for one class alone.
    ///
    /// A query is its class with the chance (n + 1) / (n + 2) for n queries, and the nearest other
    /// with the rest (Platt 1999, "Probabilistic outputs for support vector machines", section
    /// 2.2), so that a few queries which are all right are not taken for certainty. Queries of a
    /// class without a labelled embedding do not count.
    ///
    /// # Shapes
    /// `classes`: `[m]`, each below `n_classes`.
    ///
    /// # Panics
    /// With another number of classes than of queries, and with one that is `n_classes` or more.
    pub fn temperature(&self, classes: &[u32]) -> Option<f64> {
        let (m, n_classes) = self.distances.dim();
        assert_eq!(classes.len(), m, "one class for each query");
        let is_known = classes.iter().all(|&class| (class as usize) < n_classes);
        assert!(is_known, "each class of a query is below {n_classes}, the number of classes");
        let known = |(row, class): &(ArrayView1<f64>, &u32)| row[**class as usize].is_finite();
        let rows: Vec<(ArrayView1<f64>, u32)> = self
            .distances
            .rows()
            .into_iter()
            .zip(classes)
            .filter(known)
            .map(|(row, &class)| (row, class))
            .filter(|(row, _)| row.iter().filter(|d| d.is_finite()).count() > 1)
            .collect();
        let n = rows.len() as f64;
        let truth = (n + 1.0) / (n + 2.0);
        // The derivative of the loss by 1 / temperature, in which the loss is convex.
        let slope = |inverse: f64| -> f64 {
            let of_row = |(row, class): &(ArrayView1<f64>, u32)| {
                let expected: f64 = softmax(row.view(), inverse)
                    .into_iter()
                    .zip(row)
                    .map(|(p, &d)| if p > 0.0 { p * d } else { 0.0 })
                    .sum();
                let own = row[*class as usize];
                let others = row.iter().enumerate().filter(|(other, _)| other != &(*class as usize));
                let other = others.map(|(_, &d)| d).fold(f64::INFINITY, f64::min);
                truth * own + (1.0 - truth) * other - expected
            };
            rows.par_iter().map(of_row).collect::<Vec<_>>().into_iter().sum()
        };
        let apart = rows.iter().flat_map(|(row, _)| row.iter().filter(|d| d.is_finite()));
        let scale = apart.sum::<f64>() / n;
        if scale.is_nan() || scale <= 0.0 {
            return None;
        }
        let (mut low, mut high): (f64, f64) = (1e-9 / scale, 1e9 / scale);
        for _ in 0..200 {
            let middle = (low * high).sqrt();
            *(if slope(middle) < 0.0 { &mut low } else { &mut high }) = middle;
        }
        Some(1.0 / low)
    }
}

fn smallest(row: ArrayView1<f64>) -> u32 {
    let nearer = |best: usize, (i, &d): (usize, &f64)| if d < row[best] { i } else { best };
    row.iter().enumerate().fold(0, nearer) as u32
}

fn softmax(distances: ArrayView1<f64>, inverse: f64) -> Vec<f64> {
    let nearest = distances.iter().copied().fold(f64::INFINITY, f64::min);
    let weight = |&d: &f64| if d.is_finite() { (-(d - nearest) * inverse).exp() } else { 0.0 };
    let weights: Vec<f64> = distances.iter().map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use ndarray::array;

    use super::*;
    use crate::random::generator;
    use rand::Rng;

    #[test]
    fn the_nearest_of_each_class_is_found_and_a_class_without_one_is_out_of_reach() {
        let labelled = array![[0.0_f32, 0.0], [4.0, 0.0], [0.0, 1.0]];
        let queries = array![[0.0_f32, 0.8], [3.0, 0.0]];
        let found = NearestOfClasses::of(labelled.view(), &[0, 2, 0], 3, queries.view()).unwrap();
        assert_eq!(found.rows, array![[2, 0, 1], [0, 0, 1]]);
        let expected = [[0.04, f64::INFINITY, 16.64], [9.0, f64::INFINITY, 1.0]];
        for (distance, expected) in found.distances.iter().zip(expected.as_flattened()) {
            assert_eq!(distance.is_finite(), expected.is_finite());
            assert!(!expected.is_finite() || (distance - expected).abs() < 1e-6);
        }
        assert_eq!(found.classes(), [0, 2]);
        let p = found.probabilities(8.0);
        let by_hand = 1.0 / (1.0 + f64::exp(-1.0));
        assert!((p[[1, 2]] - by_hand).abs() < 1e-12 && p[[1, 1]] == 0.0);
        assert_eq!(found.probabilities(f64::INFINITY), array![[0.5, 0.0, 0.5], [0.5, 0.0, 0.5]]);
        assert!(p.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));
    }

    #[test]
    fn the_temperature_that_classes_were_drawn_at_is_found_again() {
        let mut random = generator(3, "temperature");
        let distances = Array2::from_shape_fn((20_000, 4), |_| random.r#gen::<f64>());
        let rows = Array2::zeros((20_000, 4));
        let found = NearestOfClasses { distances, rows };
        let drawn: Vec<u32> = found
            .probabilities(0.2)
            .rows()
            .into_iter()
            .map(|row| {
                let mut left: f64 = random.r#gen();
                let past = |p: &f64| {
                    left -= p;
                    left < 0.0
                };
                row.iter().position(past).unwrap_or(3) as u32
            })
            .collect();
        let temperature = found.temperature(&drawn).unwrap();
        assert!((temperature - 0.2).abs() < 0.01, "{temperature}");
    }

    #[test]
    fn a_few_that_are_all_right_are_no_certainty() {
        let found =
            NearestOfClasses { distances: array![[0.1, 0.9], [0.9, 0.1]], rows: Array2::zeros((2, 2)) };
        let temperature = found.temperature(&[0, 1]).unwrap();
        // Both are right by 0.8, with a chance of 3 in 4: 0.8 / T = log 3.
        assert!((temperature - 0.8 / 3.0_f64.ln()).abs() < 1e-9, "{temperature}");
        let one = NearestOfClasses { distances: array![[0.1, f64::INFINITY]], rows: Array2::zeros((1, 2)) };
        assert_eq!((one.temperature(&[0]), one.temperature(&[1])), (None, None));
    }

    #[test]
    fn classes_that_are_not_one_a_query_or_not_there_and_a_temperature_of_0_are_refused() {
        let found =
            NearestOfClasses { distances: array![[0.1, 0.9], [0.9, 0.1]], rows: Array2::zeros((2, 2)) };
        for classes in [&[0][..], &[0, 1, 0], &[0, 2]] {
            let temperature = catch_unwind(AssertUnwindSafe(|| found.temperature(classes)));
            assert!(temperature.is_err(), "{classes:?}");
        }
        for temperature in [0.0, -1.0, f64::NAN] {
            let probabilities = catch_unwind(AssertUnwindSafe(|| found.probabilities(temperature)));
            assert!(probabilities.is_err(), "{temperature}");
        }
    }
}
