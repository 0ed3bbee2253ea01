use dml_losses::Circle;

use crate::support::{Batch, Case, cosine, mean};

pub(crate) fn cases() -> Vec<Case> {
    [(80.0, 0.4), (3.0, 0.25)]
        .map(|(gamma, m)| {
            Case::new(Circle { gamma, m }, move |batch, _, fixed| value(gamma, m, batch, fixed))
        })
        .into()
}

/// The weights are constants to the gradient: they come from `fixed`.
fn value(gamma: f64, m: f64, batch: &Batch, fixed: &Batch) -> f64 {
    let s = |b: &Batch, i: usize, j: usize| cosine(&b.embeddings[i], &b.embeddings[j]);
    let mut values = Vec::new();
    for i in batch.anchors() {
        let (mut of_positives, mut of_negatives) = (0.0, 0.0);
        for p in batch.positives(i) {
            of_positives +=
                (-gamma * (1.0 + m - s(fixed, i, p)).max(0.0) * (s(batch, i, p) - (1.0 - m))).exp();
        }
        for n in batch.negatives(i) {
            of_negatives += (gamma * (s(fixed, i, n) + m).max(0.0) * (s(batch, i, n) - m)).exp();
        }
        if of_positives > 0.0 && of_negatives > 0.0 {
            values.push((of_positives * of_negatives).ln_1p());
        }
    }
    mean(values)
}
