//! Gauss-Legendre quadrature.

use std::f64::consts::PI;

/// Nodes and weights of the `n`-point Gauss-Legendre rule on [0, 1]: exact for polynomials up to
/// degree 2n − 1.
///
/// The nodes are the roots of the Legendre polynomial P of degree n, found by Newton's method from
/// Francesco Tricomi's guesses cos(π (i + 3/4) / (n + 1/2)); the weights on [−1, 1] are 2 / ((1 −
/// x²) P'(x)²).
pub(crate) fn gauss_legendre(n: usize) -> (Vec<f64>, Vec<f64>) {
    (0..n)
        .map(|i| {
            let mut x = (PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..6 {
                let (value, derivative) = legendre(n, x);
                slope = derivative;
                x -= value / derivative;
            }
            ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .unzip()
}

/// P(x) of degree `n` and its derivative, by the three-term recurrence.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut previous, mut current) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (previous, current) = (current, ((2.0 * k - 1.0) * x * current - (k - 1.0) * previous) / k);
    }
    (current, n as f64 * (x * current - previous) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::gauss_legendre;

    #[test]
    fn a_rule_of_n_nodes_integrates_powers_up_to_2n_minus_1() {
        for n in [2, 5, 32] {
            let (nodes, weights) = gauss_legendre(n);
            for power in 0..2 * n as i32 {
                let integral: f64 = nodes.iter().zip(&weights).map(|(x, w)| w * x.powi(power)).sum();
                let relative = integral * f64::from(power + 1) - 1.0;
                assert!(relative.abs() <= 1e-13, "{n} nodes, power {power}: off by {relative}");
            }
        }
    }
}
