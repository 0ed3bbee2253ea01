/// A probability below this share of the mode's adds nothing to a sum in f64, nor does all of the
/// tail behind it.
const NEGLIGIBLE: f64 = 1e-30;

/// Exact expected mutual information, in nats, of two labelings with these class sizes, over all
/// permutations (Vinh, Epps & Bailey 2010, equation 24).
///
/// A cell depends on the two sizes only, so each pair of sizes is worked out once and counts as
/// often as it occurs. There are at most sqrt(2 n) sizes, however many classes there are.
///
/// Logarithms of factorials cancel here: at 1,000 points some 1e-12 of rounding remain, which show
/// where the score is nearly nothing, such as singletons against classes. So that scores agree with
/// scikit-learn's even there, every factorial is taken as it takes it: those of margins as SciPy
/// has them, those of differences as the C library.
pub(super) fn expected_mutual_information(a: &[u32], b: &[u32]) -> f64 {
    let n = a.iter().map(|&size| size as usize).sum();
    let margins = (0..=n).map(ln_factorial_scipy).collect();
    let differences = (0..=n).map(ln_factorial_c).collect();
    let logs = (0..=n).map(|k| (k as f64).ln()).collect();
    let table = Table { n, margins, differences, logs };
    let (a, b) = (occurrences(a), occurrences(b));
    let mut sum = 0.0;
    for &(size_a, n_a) in &a {
        for &(size_b, n_b) in &b {
            sum += n_a * n_b * table.expected_cell(size_a, size_b);
        }
    }
    sum
}

/// Every size with how often it occurs.
fn occurrences(sizes: &[u32]) -> Vec<(usize, f64)> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    sizes.chunk_by(|x, y| x == y).map(|equal| (equal[0] as usize, equal.len() as f64)).collect()
}

/// Logarithms of 0! to n!, rounded in two ways, and of 0 to n.
#[derive(Debug)]
struct Table {
    n: usize,
    margins: Vec<f64>,
    differences: Vec<f64>,
    logs: Vec<f64>,
}

impl Table {
    /// E\[k/n ln(n k / (a b))\], where k is hypergeometric: the overlap of a random a-subset and
    /// b-subset of n points; summed from the mode outwards, as far as it counts.
    fn expected_cell(&self, a: usize, b: usize) -> f64 {
        let (n, f, g) = (self.n, &self.margins, &self.differences);
        let sizes = f[a] + f[b] + f[n - a] + f[n - b];
        let probability = |k: usize| (sizes - (f[k] + f[n]) - g[a - k] - g[b - k] - g[n + k - a - b]).exp();
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

/// ln k! with the roundings of SciPy's `gammaln`, which is that of Cephes (Moshier 1989): the
/// logarithm of the product below 12!, Stirling's series from there on.
fn ln_factorial_scipy(k: usize) -> f64 {
    if k < 12 {
        return ln_product(k);
    }
    let x = k as f64 + 1.0;
    let half_ln_tau = 0.918_938_533_204_672_8;
    let series: &[f64] = if x >= 1000.0 {
        &[7.936_507_936_507_937e-4, -2.777_777_777_777_778e-3, 0.083_333_333_333_333_33]
    } else {
        &[
            8.116_141_674_705_085e-4,
            -5.950_619_042_843_014e-4,
            7.936_503_404_577_169e-4,
            -2.777_777_777_300_997e-3,
            8.333_333_333_333_319e-2,
        ]
    };
    (x - 0.5) * x.ln() - x + half_ln_tau + polynomial(series, 1.0 / (x * x)) / x
}

/// ln k! with the roundings of the `lgamma` of Sun's, and so of most C libraries (1993).
fn ln_factorial_c(k: usize) -> f64 {
    if k < 7 {
        return ln_product(k);
    }
    let x = k as f64 + 1.0;
    let series = [
        -1.630_929_340_965_752_7e-3,
        8.363_399_189_962_821e-4,
        -5.951_875_574_503_4e-4,
        7.936_505_586_430_196e-4,
        -2.777_777_777_287_755_4e-3,
        8.333_333_333_333_297e-2,
    ];
    let z = 1.0 / x;
    (x - 0.5) * (x.ln() - 1.0) + (0.418_938_533_204_672_7 + z * polynomial(&series, z * z))
}

fn ln_product(k: usize) -> f64 {
    (1..=k).fold(1.0, |product, factor| product * factor as f64).ln()
}

/// By Horner's rule, the highest power first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sizes_count_as_often_as_they_occur() {
        let (a, b) = ([3_u32, 1, 3, 1, 1, 1, 2], [1_u32, 4, 1, 4, 2]);
        let mut cell_by_cell = 0.0;
        for size_a in a {
            for size_b in b {
                let ln_factorial = |k: u32| (1..=k).map(|i| f64::from(i).ln()).sum::<f64>();
                for k in (size_a + size_b).saturating_sub(12).max(1)..=size_a.min(size_b) {
                    let chance =
                        [size_a, size_b, 12 - size_a, 12 - size_b].map(ln_factorial).iter().sum::<f64>()
                            - [k, size_a - k, size_b - k, 12 + k - size_a - size_b, 12]
                                .map(ln_factorial)
                                .iter()
                                .sum::<f64>();
                    let information = (12.0 * f64::from(k) / f64::from(size_a * size_b)).ln();
                    cell_by_cell += chance.exp() * f64::from(k) / 12.0 * information;
                }
            }
        }
        // 35 sums of a few logarithms below 20.
        assert!((expected_mutual_information(&a, &b) - cell_by_cell).abs() < 1e-13);
    }

    #[test]
    fn factorials_of_both_kinds_are_sums_of_logarithms() {
        let mut sum = 0.0;
        for k in 0..3000 {
            sum += (k.max(1) as f64).ln();
            // A sum of 3000 logarithms is itself only good to some 1e-13 of its size.
            let near = |found: f64| (found - sum).abs() <= 1e-12 * sum.max(1.0);
            assert!(near(ln_factorial_scipy(k)) && near(ln_factorial_c(k)), "{k}!");
        }
    }
}
