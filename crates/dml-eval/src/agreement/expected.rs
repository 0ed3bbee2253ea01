use std::collections::BTreeMap;

/// A probability below this share of the mode's adds nothing to a sum in f64, nor does all of the tail behind it.
const NEGLIGIBLE: f64 = 1e-30;

/// Exact expected mutual information, in nats, of two labelings with these class sizes, over all permutations
/// (Vinh, Epps & Bailey 2010, equation 24).
///
/// A cell depends on the two sizes only, so equal sizes are taken once: labelings with many small classes are cheap.
pub(super) fn expected_mutual_information(a: &[u64], b: &[u64]) -> f64 {
    let n = a.iter().sum::<u64>() as f64;
    let (a, b) = (multiplicities(a), multiplicities(b));
    let cell = |(size_a, times_a): (f64, f64)| {
        let row = |&(size_b, times_b): &(f64, f64)| times_a * times_b * expected_cell(size_a, size_b, n);
        b.iter().map(row).sum::<f64>()
    };
    a.iter().copied().map(cell).sum()
}

/// Each distinct size with the number of classes that have it.
fn multiplicities(sizes: &[u64]) -> Vec<(f64, f64)> {
    let mut times = BTreeMap::new();
    for &size in sizes {
        *times.entry(size).or_insert(0_u64) += 1;
    }
    times.into_iter().map(|(size, times)| (size as f64, times as f64)).collect()
}

/// E\[k/n ln(n k / (a b))\], where k is hypergeometric: the overlap of a random a-subset and b-subset of n points.
///
/// Probabilities grow from the mode outwards by their ratio and are normalized by their own sum. That needs no
/// factorials, loses no digits to differences of large logarithms, and stops where the tail is negligible.
fn expected_cell(a: f64, b: f64, n: f64) -> f64 {
    let information = |k: f64| if k == 0.0 { 0.0 } else { k / n * (n * k / (a * b)).ln() };
    let mode = ((a + 1.0) * (b + 1.0) / (n + 2.0)).floor();
    let (mut total, mut sum) = (1.0, information(mode));
    let (mut k, mut p) = (mode, 1.0);
    while p > NEGLIGIBLE {
        p *= (a - k) * (b - k) / ((k + 1.0) * (n - a - b + k + 1.0));
        k += 1.0;
        total += p;
        sum += p * information(k);
    }
    (k, p) = (mode, 1.0);
    while p > NEGLIGIBLE && k > 0.0 {
        p *= k * (n - a - b + k) / ((a - k + 1.0) * (b - k + 1.0));
        k -= 1.0;
        total += p;
        sum += p * information(k);
    }
    sum / total
}
