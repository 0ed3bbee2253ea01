use std::collections::VecDeque;

use ndarray::Array1;

/// How many steps the curvature is remembered for, as in scikit-learn.
pub(crate) const MEMORY: usize = 10;

/// Minimizes a smooth convex function by L-BFGS (Liu & Nocedal 1989; two-loop recursion as in
/// Nocedal & Wright, Numerical Optimization, algorithm 7.4) with halved steps until the Armijo
/// condition holds.
///
/// Ends when no slope exceeds `tolerance` in size, after `max_steps`, or when rounding leaves no
/// descent; returns where, and whether it is the first of these. `argmin`'s L-BFGS evaluates loss
/// and slope apart, twice the work here, and returns nothing when its line search meets rounding.
pub(crate) fn minimize(
    mut x: Array1<f64>,
    max_steps: usize,
    tolerance: f64,
    loss_and_gradient: impl Fn(&Array1<f64>) -> (f64, Array1<f64>),
) -> (Array1<f64>, bool) {
    let (mut loss, mut gradient) = loss_and_gradient(&x);
    let mut memory: VecDeque<(Array1<f64>, Array1<f64>)> = VecDeque::new();
    let is_flat = |gradient: &Array1<f64>| gradient.iter().all(|slope| slope.abs() <= tolerance);
    for _ in 0..max_steps {
        if is_flat(&gradient) {
            break;
        }
        let direction = direction(&memory, &gradient);
        let slope = gradient.dot(&direction);
        let first = if memory.is_empty() { 1.0 / gradient.dot(&gradient).sqrt().max(1.0) } else { 1.0 };
        let mut trials = (0..40).map(|halvings| {
            let step = first * 0.5_f64.powi(halvings);
            let next = &x + &(&direction * step);
            let (next_loss, next_gradient) = loss_and_gradient(&next);
            (next, next_loss, next_gradient, step)
        });
        let found = trials.find(|(_, next_loss, _, step)| *next_loss <= loss + 1e-4 * step * slope);
        let Some((next, next_loss, next_gradient, _)) = found else { break };
        let (moved, turned) = (&next - &x, &next_gradient - &gradient);
        // Only a pair of positive curvature keeps the metric positive definite.
        if moved.dot(&turned) > f64::EPSILON * turned.dot(&turned) {
            memory.push_back((moved, turned));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        (x, loss, gradient) = (next, next_loss, next_gradient);
    }
    let is_converged = is_flat(&gradient);
    (x, is_converged)
}

/// Minus the gradient times the remembered approximation of the inverse Hessian.
fn direction(memory: &VecDeque<(Array1<f64>, Array1<f64>)>, gradient: &Array1<f64>) -> Array1<f64> {
    let mut q = -gradient;
    let mut weights = Vec::with_capacity(memory.len());
    for (moved, turned) in memory.iter().rev() {
        let weight = moved.dot(&q) / moved.dot(turned);
        q.scaled_add(-weight, turned);
        weights.push(weight);
    }
    if let Some((moved, turned)) = memory.back() {
        q *= moved.dot(turned) / turned.dot(turned);
    }
    for ((moved, turned), weight) in memory.iter().zip(weights.iter().rev()) {
        q.scaled_add(weight - turned.dot(&q) / moved.dot(turned), moved);
    }
    q
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_minimum_of_a_stretched_bowl_is_found() {
        let target = array![3.0, -2.0, 0.5, 10.0];
        let stretch = array![1.0, 100.0, 0.01, 7.0];
        let bowl = |x: &Array1<f64>| {
            let off = x - &target;
            ((&off * &off * &stretch).sum() / 2.0, &off * &stretch)
        };
        let (found, is_converged) = minimize(Array1::zeros(4), 100, 1e-10, bowl);
        assert!(is_converged && (&found - &target).iter().all(|off| off.abs() < 1e-7), "{found}");
        let (_, is_converged) = minimize(Array1::zeros(4), 2, 1e-10, bowl);
        assert!(!is_converged, "two steps do not get there");
    }
}
