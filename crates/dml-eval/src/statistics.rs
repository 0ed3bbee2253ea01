//! Statistics for tables: what a handful of seeds says, and how surely.

use statrs::distribution::{Beta, ContinuousCDF, Normal, StudentsT};

/// An interval on the axis of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation, with n - 1 in the denominator; `None` of fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Student's interval for the mean, two-sided, at a `confidence` in (0, 1) such as 0.95; `None` of
/// fewer than two values.
///
/// # Panics
/// When `confidence` is not in (0, 1).
pub fn t_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    check_confidence(confidence);
    let (mean, error) = (mean(values), standard_error(values)?);
    let half = student(values.len()).inverse_cdf(f64::midpoint(1.0, confidence)) * error;
    Some(Interval { low: mean - half, high: mean + half })
}

/// The interval of Clopper & Pearson 1934 for the chance of a success, of which there were
/// `successes` in `n` trials: exact, so it covers the chance at least as often as `confidence`
/// says.
///
/// # Panics
/// When `confidence` is not in (0, 1), or there are more successes than trials.
pub fn proportion_interval(successes: usize, n: usize, confidence: f64) -> Interval {
    check_confidence(confidence);
    assert!(successes <= n, "{successes} successes cannot come of {n} trials");
    let tail = (1.0 - confidence) / 2.0;
    // By halving: the library's search for a quantile does not end with some millions of trials.
    let quantile = |a: usize, b: usize, p: f64| {
        let beta = Beta::new(a as f64, b as f64).expect("both shapes are positive");
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            *(if beta.cdf(middle) < p { &mut low } else { &mut high }) = middle;
        }
        high
    };
    Interval {
        low: if successes == 0 { 0.0 } else { quantile(successes, n - successes + 1, tail) },
        high: if successes == n { 1.0 } else { quantile(successes + 1, n - successes, 1.0 - tail) },
    }
}

/// By how much the percentiles of a bootstrap over `n` values have to be drawn out, away from the
/// mean, to be as wide as [`t_interval`] where the values are normal: √(n / (n - 1)) · t / z, with
/// the quantiles of Student's and of the normal distribution; 1.22 of 10 values at 0.95. `None` of
/// fewer than two.
///
/// The bootstrap takes the spread of the values for that of their population, and the quantiles of
/// the normal distribution for Student's: of few values both are too small, which Hesterberg 2015
/// ("What Teachers Should Know About the Bootstrap") mends by percentiles farther out. Those of few
/// values are the extreme draws; so here the usual ones are moved.
///
/// # Panics
/// When `confidence` is not in (0, 1).
pub fn percentile_expansion(n: usize, confidence: f64) -> Option<f64> {
    check_confidence(confidence);
    let at = f64::midpoint(1.0, confidence);
    let ratio = || student(n).inverse_cdf(at) / Normal::standard().inverse_cdf(at);
    (n > 1).then(|| (n as f64 / (n - 1) as f64).sqrt() * ratio())
}

/// What paired values say about the difference of two methods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// Mean of a - b.
    pub difference: f64,
    /// Student's interval for the mean difference.
    pub interval: Interval,
    /// Two-sided p value of the paired t test that there is no difference, in [0, 1]; 1 where all
    /// pairs are equal.
    pub p_value: f64,
}

/// Compares two methods seed by seed: `a[i]` and `b[i]` are of the same seed. `None` of fewer than
/// two pairs.
///
/// # Panics
/// When a difference is NaN or infinite, or `confidence` is not in (0, 1).
pub fn paired_difference(a: &[f64], b: &[f64], confidence: f64) -> Option<Paired> {
    assert_eq!(a.len(), b.len(), "every seed must have a value of both methods");
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    if let Some(wrong) = differences.iter().find(|x| !x.is_finite()) {
        panic!("{wrong} is no difference of two methods: leave its pair out");
    }
    let (difference, error) = (mean(&differences), standard_error(&differences)?);
    let p_value = if difference == 0.0 { 1.0 } else { 2.0 * student(a.len()).sf((difference / error).abs()) };
    Some(Paired { difference, interval: t_interval(&differences, confidence)?, p_value })
}

/// Holm's step-down correction (Holm 1979): p values adjusted for being many, in the order they
/// came.
///
/// # Panics
/// When a p value is NaN.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    assert!(
        !p_values.iter().any(|p| p.is_nan()),
        "NaN is no p value: a test that has none counts as one of 1"
    );
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - rank) as f64 * p_values[i]).min(1.0);
        adjusted[i] = largest;
    }
    adjusted
}

fn check_confidence(confidence: f64) {
    assert!(
        confidence > 0.0 && confidence < 1.0,
        "a confidence lies between 0 and 1, such as 0.95, and is not {confidence}"
    );
}

fn standard_error(values: &[f64]) -> Option<f64> {
    Some(standard_deviation(values)? / (values.len() as f64).sqrt())
}

/// Student's distribution for the mean of `n` values, at least two.
fn student(n: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, (n - 1) as f64).expect("at least one degree of freedom")
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 5] = [0.91, 0.93, 0.90, 0.95, 0.92];
    const B: [f64; 5] = [0.90, 0.91, 0.90, 0.91, 0.92];

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    /// The expected numbers are SciPy's `stats.t.interval` and `stats.ttest_rel`.
    #[test]
    fn mean_deviation_t_interval_and_paired_test_are_those_of_scipy() {
        near(mean(&A), 0.922);
        near(standard_deviation(&A).unwrap(), 0.019_235_384_061_671_322);
        let interval = t_interval(&A, 0.95).unwrap();
        near(interval.low, 0.898_116_116_119_000_2);
        near(interval.high, 0.945_883_883_880_999_9);
        let paired = paired_difference(&A, &B, 0.95).unwrap();
        near(paired.p_value, 0.134_701_935_318_967_01);
        near(paired.interval.low, -0.006_777_012_673_671_328);
        near(paired.interval.high, 0.034_777_012_673_671_31);
    }

    #[test]
    fn one_value_has_no_spread_and_equal_pairs_no_difference() {
        assert_eq!(standard_deviation(&A[..1]), None);
        assert_eq!(t_interval(&[], 0.95), None);
        let same = paired_difference(&A, &A, 0.95).unwrap();
        near(same.p_value, 1.0);
        near(same.interval.high - same.interval.low, 0.0);
        near(paired_difference(&[2.0, 3.0], &[1.0, 2.0], 0.95).unwrap().p_value, 0.0);
    }

    /// The expected numbers are SciPy's `stats.binomtest(k, n).proportion_ci(c, "exact")`.
    #[test]
    fn the_interval_of_a_proportion_is_that_of_scipy() {
        let expected = [
            (26, 30, 0.95, 0.692_781_649_723_873_2, 0.962_446_503_661_662_8),
            (0, 6, 0.95, 0.0, 0.459_258_126_439_900_44),
            (6, 6, 0.9, 0.606_962_231_002_917_2, 1.0),
            (950, 1000, 0.99, 0.929_495_624_798_542_2, 0.966_073_337_289_779_7),
            (0, 8_000_000, 0.95, 0.0, 4.611_098_254_530_736_7e-7),
        ];
        for (successes, n, confidence, low, high) in expected {
            let interval = proportion_interval(successes, n, confidence);
            near(interval.low, low);
            near(interval.high, high);
        }
    }

    /// The quantiles are those of printed tables: t of 4 and of 9 degrees of freedom, and z.
    #[test]
    fn percentiles_of_few_values_are_drawn_out_to_the_width_of_students_interval() {
        for (n, t) in [(5, 2.776_445_105), (10, 2.262_157_163)] {
            let expected = (n as f64 / (n - 1) as f64).sqrt() * t / 1.959_963_985;
            let found = percentile_expansion(n, 0.95).unwrap();
            assert!((found - expected).abs() < 1e-8, "{found} is not {expected}");
        }
        assert!((percentile_expansion(100_000, 0.95).unwrap() - 1.0).abs() < 2e-5);
        assert_eq!(percentile_expansion(1, 0.95), None);
    }

    #[test]
    fn holm_multiplies_the_smallest_most_and_keeps_the_order() {
        // Worked by hand: 0.01 · 4, 0.03 · 3 for both 0.03 and 0.04 · 2, which may not fall below
        // it, 0.2 · 1.
        for (found, expected) in holm(&[0.04, 0.01, 0.03, 0.2]).iter().zip([0.09, 0.04, 0.09, 0.2]) {
            near(*found, expected);
        }
        near(holm(&[0.9, 0.8])[0], 1.0);
    }

    #[test]
    #[should_panic(expected = "a confidence lies between 0 and 1, such as 0.95, and is not 95")]
    fn a_confidence_in_percent_is_refused() {
        t_interval(&A, 95.0);
    }

    #[test]
    #[should_panic(expected = "NaN is no difference of two methods: leave its pair out")]
    fn a_pair_without_a_value_is_refused() {
        paired_difference(&[1.0, f64::NAN], &[1.0, 2.0], 0.95);
    }

    #[test]
    #[should_panic(expected = "NaN is no p value")]
    fn a_p_value_that_is_nan_is_refused() {
        holm(&[0.01, f64::NAN]);
    }
}
