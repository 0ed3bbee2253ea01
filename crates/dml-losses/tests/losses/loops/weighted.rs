use dml_losses::{Weighted, WeightedTerm};

use super::{center, contrastive, proxy_anchor, sup_con};
use crate::support::{Case, DIM, N_CLASSES};

pub(crate) fn cases() -> Vec<Case> {
    let any = |cases: fn() -> Vec<Case>| cases().remove(0);
    let inner = weighted(vec![(1.5, any(proxy_anchor::cases)), (0.25, any(contrastive::cases))]);
    vec![
        weighted(vec![(0.5, center::case(0.1)), (2.0, sup_con::case(0.5))]),
        // A term of no weight, which takes its parameters all the same, and a combination within.
        weighted(vec![(0.0, center::case(0.1)), (2.0, inner), (0.5, sup_con::case(0.5))]),
    ]
}

fn weighted(terms: Vec<(f64, Case)>) -> Case {
    let config = |(weight, case): &(f64, Case)| WeightedTerm { weight: *weight, loss: case.config.clone() };
    let config = Weighted { terms: terms.iter().map(config).collect() };
    let n_parameters: Vec<_> =
        terms.iter().map(|(_, case)| case.config.parameters(DIM as i64, N_CLASSES).len()).collect();
    Case::new(config, move |batch, mut p, fixed| {
        let mut sum = 0.0;
        for ((weight, case), n) in terms.iter().zip(&n_parameters) {
            sum += weight * (case.oracle)(batch, &p[..*n], fixed);
            p = &p[*n..];
        }
        sum
    })
}
