use dml_losses::Nca;

use crate::support::{Batch, Case, mean};

pub(crate) fn cases() -> Vec<Case> {
    [1.0, 0.3]
        .map(|temperature| Case::new(Nca { temperature }, move |batch, _, _| value(temperature, batch)))
        .into()
}

fn value(temperature: f64, batch: &Batch) -> f64 {
    let weight = |i: usize, j: usize| (-batch.distance(i, j, false).powi(2) / temperature).exp();
    let of_anchor = |i: usize| {
        let positive: f64 = batch.positives(i).map(|j| weight(i, j)).sum();
        let negative: f64 = batch.negatives(i).map(|j| weight(i, j)).sum();
        -(positive / (positive + negative)).ln()
    };
    mean(batch.anchors().filter(|&i| batch.positives(i).count() > 0).map(of_anchor))
}
