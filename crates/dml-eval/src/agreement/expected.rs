use crate::label::Classes;

/// A probability below this share of the mode's adds nothing to a sum in f64, nor does all of the tail behind it.
const NEGLIGIBLE: f64 = 1e-30;

/// Exact expected mutual information, in nats, of two labelings with these class sizes, over all permutations
/// (Vinh, Epps & Bailey 2010, equation 24).
///
/// A cell depends on the two sizes only, so it is worked out once for equal sizes; it is added as often as it occurs,
/// in scikit-learn's order.
///
/// Logarithms of factorials cancel here: at 1,000 points some 1e-12 of rounding remain, which show where the score is
/// nearly nothing, such as singletons against classes. So that scores agree with scikit-learn's even there, every
/// factorial is taken as it takes it: those of margins as SciPy has them, those of differences as the C library.
pub(super) fn expected_mutual_information(a: &[u32], b: &[u32]) -> f64 {
    let n = a.iter().map(|&size| size as usize).sum();
    let margins = (0..=n).map(ln_factorial_scipy).collect();
    let differences = (0..=n).map(ln_factorial_c).collect();
    let logs = (0..=n).map(|k| (k as f64).ln()).collect();
    let table = Table { n, margins, differences, logs };
    let (a, b) = (Classes::of(a), Classes::of(b));
    let row = |&size_a: &u32| b.distinct.iter().map(move |&size_b| (size_a as usize, size_b as usize));
    let cells: Vec<f64> = a.distinct.iter().flat_map(row).map(|(a, b)| table.expected_cell(a, b)).collect();
    let mut sum = 0.0;
    for &row in &a.ids {
        let cells = &cells[row as usize * b.n()..][..b.n()];
        for &column in &b.ids {
            sum += cells[column as usize];
        }
    }
    sum
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
    /// E\[k/n ln(n k / (a b))\], where k is hypergeometric: the overlap of a random a-subset and b-subset of n
    /// points; summed from the mode outwards, as far as it counts.
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

/// ln k! with the roundings of SciPy's `gammaln`, which is that of Cephes (Moshier 1989): the logarithm of the product
/// below 12!, Stirling's series from there on.
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
