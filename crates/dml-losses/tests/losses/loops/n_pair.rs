use dml_losses::NPair;

use crate::support::{Batch, Case, dot, mean};

pub(crate) fn cases() -> Vec<Case> {
    [0.0, 0.3]
        .map(|l2_weight| Case::new(NPair { l2_weight }, move |batch, _, _| value(l2_weight, batch)))
        .into()
}

fn value(l2_weight: f64, batch: &Batch) -> f64 {
    let x = &batch.embeddings;
    let (mut values, mut squared_lengths) = (Vec::new(), Vec::new());
    for i in batch.anchors().filter(|&i| batch.negatives(i).count() > 0) {
        for p in batch.positives(i) {
            values.push(
                batch
                    .negatives(i)
                    .map(|n| (dot(&x[i], &x[n]) - dot(&x[i], &x[p])).exp())
                    .sum::<f64>()
                    .ln_1p(),
            );
        }
        if batch.positives(i).count() > 0 {
            squared_lengths.push(dot(&x[i], &x[i]));
        }
    }
    mean(values) + l2_weight * mean(squared_lengths)
}
