use std::collections::BTreeMap;

use libm::lgamma;

/// A probability below this share of the mode's adds nothing to a sum in f64, nor does all of the tail behind it.
const NEGLIGIBLE: f64 = 1e-30;

/// Exact expected mutual information, in nats, of two labelings with these class sizes, over all permutations
/// (Vinh, Epps & Bailey 2010, equation 24).
///
/// A cell depends on the two sizes only, so equal sizes are taken once: labelings with many small classes are cheap.
/// The order of additions is scikit-learn's, because the logarithms of factorials cancel: at 10,000 points some
/// 1e-12 of rounding remain, which decide where the score is a quotient of nearly nothing by little.
pub(super) fn expected_mutual_information(a: &[u64], b: &[u64]) -> f64 {
    let n = a.iter().sum::<u64>() as usize;
    let factorials = (0..=n).map(|k| lgamma(k as f64 + 1.0)).collect();
    let logs = (0..=n).map(|k| (k as f64).ln()).collect();
    let table = Table { n, factorials, logs };
    let (a, b) = (multiplicities(a), multiplicities(b));
    let cell = |(size_a, times_a): (usize, f64)| {
        let row = |&(size_b, times_b): &(usize, f64)| times_a * times_b * table.expected_cell(size_a, size_b);
        b.iter().map(row).sum::<f64>()
    };
    a.iter().copied().map(cell).sum()
}

/// Each distinct size with the number of classes that have it.
fn multiplicities(sizes: &[u64]) -> Vec<(usize, f64)> {
    let mut times = BTreeMap::new();
    for &size in sizes {
        *times.entry(size).or_insert(0_u64) += 1;
    }
    times.into_iter().map(|(size, times)| (size as usize, times as f64)).collect()
}

/// Logarithms of 0! to n! and of 0 to n.
#[derive(Debug)]
struct Table {
    n: usize,
    factorials: Vec<f64>,
    logs: Vec<f64>,
}

impl Table {
    /// E\[k/n ln(n k / (a b))\], where k is hypergeometric: the overlap of a random a-subset and b-subset of n
    /// points; summed from the mode outwards, as far as it counts.
    fn expected_cell(&self, a: usize, b: usize) -> f64 {
        let (n, f) = (self.n, &self.factorials);
        let sizes = f[a] + f[b] + f[n - a] + f[n - b];
        let probability = |k: usize| (sizes - (f[k] + f[n]) - f[a - k] - f[b - k] - f[n + k - a - b]).exp();
        let information =
            |k: usize| k as f64 / n as f64 * (self.logs[n] + self.logs[k] - self.logs[a] - self.logs[b]);
        let (first, last) = ((a + b).saturating_sub(n).max(1), a.min(b));
        let mode = ((a + 1) * (b + 1) / (n + 2)).clamp(first, last);
        let least = probability(mode) * NEGLIGIBLE;
        let terms = |k| (probability(k), information(k));
        let counts = |&(p, _): &(f64, f64)| p > least;
        let below = (first..mode).rev().map(terms).take_while(counts);
        let above = (mode..=last).map(terms).take_while(counts);
        below.chain(above).map(|(p, information)| information * p).sum()
    }
}
