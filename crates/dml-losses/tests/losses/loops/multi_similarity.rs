use dml_losses::MultiSimilarity;

use crate::support::{Batch, Case, cosine, mean};

pub(crate) fn cases() -> Vec<Case> {
    let case = |settings: [f64; 4]| {
        let [alpha, beta, lambda, epsilon] = settings;
        let config = MultiSimilarity { alpha, beta, lambda, epsilon };
        Case::new(config, move |batch, _, fixed| value(settings, batch, fixed))
    };
    [[2.0, 50.0, 0.5, 0.1], [3.0, 10.0, 1.0, 0.0]].map(case).into()
}

/// Which pairs are mined is constant to the gradient: it is read from `fixed`.
fn value([alpha, beta, lambda, epsilon]: [f64; 4], batch: &Batch, fixed: &Batch) -> f64 {
    let s = |i: usize, j: usize| cosine(&batch.embeddings[i], &batch.embeddings[j]);
    let mined = |i: usize, j: usize| cosine(&fixed.embeddings[i], &fixed.embeddings[j]);
    let of_anchor = |i: usize| {
        let least_positive = batch.positives(i).map(|p| mined(i, p)).fold(f64::INFINITY, f64::min);
        let most_negative = batch.negatives(i).map(|n| mined(i, n)).fold(f64::NEG_INFINITY, f64::max);
        let (mut of_positives, mut of_negatives) = (0.0, 0.0);
        for p in batch.positives(i).filter(|&p| mined(i, p) - epsilon < most_negative) {
            of_positives += (-alpha * (s(i, p) - lambda)).exp();
        }
        for n in batch.negatives(i).filter(|&n| mined(i, n) + epsilon > least_positive) {
            of_negatives += (beta * (s(i, n) - lambda)).exp();
        }
        f64::ln_1p(of_positives) / alpha + f64::ln_1p(of_negatives) / beta
    };
    mean(batch.anchors().map(of_anchor))
}
