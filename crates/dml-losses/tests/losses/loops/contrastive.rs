use dml_losses::Contrastive;

use crate::support::{Batch, Case, mean};

pub(crate) fn cases() -> Vec<Case> {
    let case = |(margin, normalized)| {
        Case::new(Contrastive { margin, normalized }, move |batch, _, _| value(margin, normalized, batch))
    };
    [(1.2, false), (0.6, true)].map(case).into()
}

fn value(margin: f64, normalized: bool, batch: &Batch) -> f64 {
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    for i in batch.anchors() {
        for p in batch.positives(i) {
            positive.push(batch.distance(i, p, normalized).powi(2) / 2.0);
        }
        for n in batch.negatives(i) {
            negative.push((margin - batch.distance(i, n, normalized)).max(0.0).powi(2) / 2.0);
        }
    }
    let active = |values: Vec<f64>| mean(values.into_iter().filter(|&v| v > 0.0));
    active(positive) + active(negative)
}
