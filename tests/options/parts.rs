//! Options that mean something for some systems only.

use dml_models::System;

/// An option, and for which systems it means something.
pub(super) type Part = (&'static str, fn(System) -> bool);

/// Around each system.
pub(super) const PARTS: [Part; 13] = [
    ("training.learning_rate = 0.005", |system| !system.is_baseline()),
    ("sampling.batch_size = 16", |system| !system.is_baseline()),
    ("model.latent_dim = 3", |system| system != System::Pixels),
    ("loss = { kind = 'nca', temperature = 1.0 }", System::has_metric_loss),
    ("data.labelled_percent = 20.0", System::has_metric_loss),
    ("sampling.memory = 40", System::has_metric_loss),
    ("reconstruction.reduction = 'mean'", System::has_decoder),
    ("model.decoder.hidden = [8]", System::has_decoder),
    ("evaluation.geodesic_pairs = 20", System::has_decoder),
    ("prior = { kind = 'vamp', components = 3, init = 'data' }", System::has_posterior),
    ("kl.beta = 0.5", System::has_posterior),
    ("model.embedding = 'sample'", System::has_posterior),
    ("routine.alpha = 0.25", |system| {
        system.has_metric_loss() && (system.has_decoder() || system.has_posterior())
    }),
];
