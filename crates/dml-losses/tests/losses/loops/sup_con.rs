use dml_losses::SupCon;

use crate::support::{Batch, Case, cosine, mean};

pub(crate) fn cases() -> Vec<Case> {
    vec![case(0.1), case(0.7)]
}

pub(crate) fn case(temperature: f64) -> Case {
    Case::new(SupCon { temperature }, move |batch, _, _| value(temperature, batch))
}

fn value(temperature: f64, batch: &Batch) -> f64 {
    let weight =
        |i: usize, j: usize| (cosine(&batch.embeddings[i], &batch.embeddings[j]) / temperature).exp();
    let of_anchor = |i: usize| {
        let others: f64 = batch.positives(i).chain(batch.negatives(i)).map(|a| weight(i, a)).sum();
        mean(batch.positives(i).map(|p| -(weight(i, p) / others).ln()))
    };
    mean(batch.anchors().filter(|&i| batch.positives(i).count() > 0).map(of_anchor))
}
