//! Importance-sampled likelihoods.

use std::f64::consts::PI;

use dml_models::{Reconstruction, RoutineConfig, Stack, System, random};
use dml_priors::{PriorConfig, PseudoInputs, Unit, Vamp};
use ndarray::s;
use tch::{Kind, Tensor};

use crate::common::{device, images, single, trial};

#[test]
fn importance_sampling_finds_the_likelihood_of_a_model_that_ignores_its_latent_point() {
    // With zero weights in the decoder every pixel is 1 with probability one half, and the
    // posterior is nearly the prior, which is a mixture of two posteriors in the second case: so
    // log p(x) = -pixels log 2, whatever the number of samples.
    for prior in
        [PriorConfig::Unit(Unit {}), PriorConfig::Vamp(Vamp { components: 2, init: PseudoInputs::Data })]
    {
        let mut config = trial(System::Vae, RoutineConfig::JointAlpha { alpha: 0.5 });
        config.prior = prior;
        config.reconstruction.kind = Reconstruction::BinaryCrossEntropy;
        let mut stack = single(&config);
        let binary = images().mapv(|pixel| if pixel > 100 { 255 } else { 0 });
        let zero = |stack: &mut Stack, names: &[&str]| {
            let pairs = stack.parameters.names.iter().zip(&mut stack.parameters.tensors);
            for (_, tensor) in pairs.filter(|(name, _)| names.iter().any(|n| name.starts_with(n))) {
                let _ = tensor.zero_();
            }
        };
        zero(&mut stack, &["decoder.1"]);
        let truth = images().ncols() as f64 * 2f64.ln();
        let mut done = Vec::new();
        let blunt = stack.likelihood(0, binary.view(), 300, &mut |images| done.push(images));
        assert_eq!(done, (1..=binary.nrows()).collect::<Vec<_>>(), "one at a time with so many samples");
        assert!(blunt.negative_elbo >= blunt.negative_log_likelihood);
        let off = blunt.negative_log_likelihood - truth;
        assert!(off.abs() < 0.02, "{blunt:?} against {truth}: 300 samples, {:?}", config.prior);
        zero(&mut stack, &["head"]);
        let exact = stack.likelihood(0, binary.view(), 3, &mut |_| ());
        let off = exact.negative_log_likelihood - truth;
        assert!(off.abs() < 1e-4, "{exact:?} against {truth}: f32 rounding, {:?}", config.prior);
        assert!((exact.negative_elbo - truth).abs() < 1e-4);
    }
}

/// The same noise, image by image and in f64 from where the networks end: a sample that met another
/// image's posterior or pixels would be nats off, since all weights are large here.
#[test]
fn importance_sampling_equals_a_loop_over_images_and_samples() {
    let mut config = trial(System::Vae, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.reconstruction.kind = Reconstruction::BinaryCrossEntropy;
    let mut stack = single(&config);
    for tensor in &mut stack.parameters.tensors {
        let _ = tensor.g_mul_scalar_(3.0);
    }
    let binary = images().slice(s![..7, ..]).mapv(|pixel| if pixel > 20 { 255 } else { 0 });
    let latent = config.model.latent_dim as usize;
    // Three images at a time; and one at a time, with its samples in two parts.
    for (samples, at_once, parts) in [(60, 3, vec![60]), (250, 1, vec![200, 50])] {
        let (mut log_likelihood, mut elbo) = (0.0, 0.0);
        for (i, image) in binary.rows().into_iter().enumerate() {
            let pixels: Vec<f32> = image.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
            let input = Tensor::from_slice(&pixels).reshape([1, 1, -1]).to_device(device());
            let q = stack.model.posterior(&stack.parameters.tensors, &input);
            let [mean, logvar] = [&q.mean, &q.logvar]
                .map(|t| Vec::<f64>::try_from(t.to_kind(Kind::Double).view([-1])).unwrap());
            let (start, mut weights) = (i / at_once * at_once, Vec::new());
            let n_in_block = at_once.min(binary.nrows() - start);
            for (part, &n) in parts.iter().enumerate() {
                let shape = [n, 1, n_in_block as i64, latent as i64];
                let noise =
                    random::normal(config.seed, "likelihood", (start as u64) << 20 | part as u64, &shape);
                for sample in 0..n {
                    let noise = noise.get(sample).get(0).get((i - start) as i64);
                    let noise = Vec::<f64>::try_from(noise.to_kind(Kind::Double)).unwrap();
                    let z: Vec<f64> =
                        (0..latent).map(|d| mean[d] + (logvar[d] / 2.0).exp() * noise[d]).collect();
                    let ln_normal = |x: f64, logvar: f64| -0.5 * ((2.0 * PI).ln() + logvar + x * x);
                    let of_prior: f64 = z.iter().map(|&z| ln_normal(z, 0.0)).sum();
                    let of_posterior: f64 = (0..latent).map(|d| ln_normal(noise[d], logvar[d])).sum();
                    let point: Vec<f32> = z.iter().map(|&z| z as f32).collect();
                    let point = Tensor::from_slice(&point).reshape([1, 1, -1]).to_device(device());
                    let logits = stack.model.decode_logits(&stack.parameters.tensors, &point).unwrap();
                    let logits = Vec::<f64>::try_from(logits.to_kind(Kind::Double).view([-1])).unwrap();
                    let of_pixel = |(&l, &x): (&f64, &f32)| -(if x > 0.5 { -l } else { l }).exp().ln_1p();
                    let of_image: f64 = logits.iter().zip(&pixels).map(of_pixel).sum();
                    weights.push(of_image + of_prior - of_posterior);
                }
            }
            let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = weights.iter().map(|w| (w - largest).exp()).sum();
            log_likelihood += largest + (sum / samples as f64).ln();
            elbo += weights.iter().sum::<f64>() / samples as f64;
        }
        let ours = stack.likelihood(0, binary.view(), samples, &mut |_| ());
        for (ours, sum) in [(ours.negative_log_likelihood, log_likelihood), (ours.negative_elbo, elbo)] {
            let expected = -sum / binary.nrows() as f64;
            assert!((ours - expected).abs() < 1e-4 * expected, "{ours} against {expected}: networks in f32");
        }
    }
}
