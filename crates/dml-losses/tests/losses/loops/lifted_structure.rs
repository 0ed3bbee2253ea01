use dml_losses::LiftedStructure;

use crate::support::{Batch, Case, mean};

pub(crate) fn cases() -> Vec<Case> {
    let case = |(margin, normalized)| {
        let config = LiftedStructure { margin, normalized };
        Case::new(config, move |batch, _, _| value(margin, normalized, batch))
    };
    [(1.0, false), (0.5, true)].map(case).into()
}

fn value(margin: f64, normalized: bool, batch: &Batch) -> f64 {
    let mut values = Vec::new();
    for i in batch.anchors() {
        for p in batch.positives(i) {
            let mut sum = 0.0;
            for n in batch.negatives(i) {
                sum += (margin - batch.distance(i, n, normalized)).exp();
            }
            for n in batch.anchors().filter(|&n| batch.labels[n] != batch.labels[p]) {
                sum += (margin - batch.distance(p, n, normalized)).exp();
            }
            values.push((sum.ln() + batch.distance(i, p, normalized)).max(0.0).powi(2) / 2.0);
        }
    }
    mean(values)
}
