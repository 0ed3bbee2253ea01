use dml_losses::{LossConfig, WeightedTerm};

use super::{center, sup_con};
use crate::support::Case;

pub(crate) fn cases() -> Vec<Case> {
    let terms = [(0.5, center::case(0.1)), (2.0, sup_con::case(0.5))];
    let config = |(weight, case): &(f64, Case)| WeightedTerm { weight: *weight, loss: case.config.clone() };
    let terms_config = terms.iter().map(config).collect();
    let value = move |batch: &_, p: &[_], fixed: &_| {
        let n_of_center = 3;
        terms[0].0 * (terms[0].1.oracle)(batch, &p[..n_of_center], fixed)
            + terms[1].0 * (terms[1].1.oracle)(batch, &p[n_of_center..], fixed)
    };
    vec![Case::new(LossConfig::Weighted { terms: terms_config }, value)]
}
