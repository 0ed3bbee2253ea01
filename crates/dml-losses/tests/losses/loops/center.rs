use dml_losses::Center;

use crate::support::{Batch, Case, dot, log_sum_exp, mean, squared_distance};

pub(crate) fn cases() -> Vec<Case> {
    vec![case(0.3)]
}

pub(crate) fn case(lambda: f64) -> Case {
    Case::new(Center { lambda }, move |batch, p, _| value(lambda, batch, p))
}

fn value(lambda: f64, batch: &Batch, parameters: &[Vec<Vec<f64>>]) -> f64 {
    let (weight, bias, centers) = (&parameters[0], &parameters[1], &parameters[2]);
    let of_row = |i: usize| {
        let (x, own) = (&batch.embeddings[i], batch.labels[i] as usize);
        let logits: Vec<f64> = weight.iter().zip(bias).map(|(w, b)| dot(w, x) + b[0]).collect();
        log_sum_exp(&logits) - logits[own] + lambda / 2.0 * squared_distance(x, &centers[own])
    };
    mean(batch.anchors().map(of_row))
}
