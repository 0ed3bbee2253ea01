use super::graph::{Graph, Operator};

/// The residual at which the solution is good, as a part of the right side.
const TOLERANCE: f64 = 1e-10;

/// Far more steps than graphs of neighbours take, which is some hundreds; what they have reached is
/// the solution then, to fewer digits.
const MOST_STEPS: usize = 10_000;

/// Solves a system of the graph by conjugate gradients, preconditioned by the degrees (Hestenes &
/// Stiefel 1952; Saad 2003, algorithm 9.1). Sums are taken in one order, so the solution does not
/// depend on threads. A singular system has to be consistent.
pub(super) fn solve(graph: &Graph, operator: Operator, right: &[f64]) -> Vec<f64> {
    let n = right.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let precondition = |r: &[f64], z: &mut [f64]| {
        for ((z, r), degree) in z.iter_mut().zip(r).zip(graph.degrees()) {
            *z = r / degree;
        }
    };
    let (mut x, mut r, mut z, mut product) = (vec![0.0; n], right.to_vec(), vec![0.0; n], vec![0.0; n]);
    precondition(&r, &mut z);
    let mut direction = z.clone();
    let mut old = dot(&r, &z);
    let enough = TOLERANCE * dot(right, right).sqrt();
    for _ in 0..MOST_STEPS {
        if dot(&r, &r).sqrt() <= enough {
            break;
        }
        graph.times(operator, &direction, &mut product);
        let step = old / dot(&direction, &product);
        for i in 0..n {
            x[i] += step * direction[i];
            r[i] -= step * product[i];
        }
        precondition(&r, &mut z);
        let new = dot(&r, &z);
        let keep = new / old;
        for (direction, z) in direction.iter_mut().zip(&z) {
            *direction = z + keep * *direction;
        }
        old = new;
    }
    x
}
