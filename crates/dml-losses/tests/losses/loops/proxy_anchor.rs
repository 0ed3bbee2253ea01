use dml_losses::ProxyAnchor;

use crate::support::{Batch, Case, cosine, mean};

pub(crate) fn cases() -> Vec<Case> {
    let case = |(alpha, delta)| {
        Case::new(ProxyAnchor { alpha, delta }, move |batch, p, _| value(alpha, delta, batch, &p[0]))
    };
    [(32.0, 0.1), (2.0, 0.3)].map(case).into()
}

fn value(alpha: f64, delta: f64, batch: &Batch, proxies: &[Vec<f64>]) -> f64 {
    let (mut pull, mut push) = (Vec::new(), Vec::new());
    for (class, proxy) in proxies.iter().enumerate() {
        let (mut of_class, mut of_others) = (Vec::new(), Vec::new());
        for i in batch.anchors() {
            let s = cosine(&batch.embeddings[i], proxy);
            if batch.labels[i] == class as i64 {
                of_class.push((-alpha * (s - delta)).exp());
            } else {
                of_others.push((alpha * (s + delta)).exp());
            }
        }
        if !of_class.is_empty() {
            pull.push(of_class.iter().sum::<f64>().ln_1p());
        }
        push.push(of_others.iter().sum::<f64>().ln_1p());
    }
    mean(pull) + mean(push)
}
