//! Whole trainings on small made images: laws that must hold whatever the numbers are.

mod common;

use common::{CLASSES, data, fit, images, rows, single, stack, trial};
use dml_losses::LossConfig;
use dml_models::{
    LabelledEpoch, LabelledSampling, NetworkConfig, Progress, RoutineConfig, Rule, Stack, System,
    TrainConfig, train,
};
use dml_priors::{Estimator, PriorConfig, PseudoInputs};
use tch::Tensor;

fn run(stack: &mut Stack) {
    assert!(train(stack, &data(), &fit, &mut |_, _| Progress::Continue).unwrap());
}

fn trained(config: &TrainConfig) -> Stack {
    let mut stack = single(config);
    run(&mut stack);
    stack
}

fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    a.size() == b.size() && a.equal(b)
}

#[test]
fn at_alpha_one_a_dml_autoencoder_is_the_plain_autoencoder_bit_for_bit() {
    for routine in [
        RoutineConfig::AlternateEpochs { rule: Rule::Mixed, alpha: 1.0 },
        RoutineConfig::AlternateBatches { rule: Rule::Mixed, alpha: 1.0 },
        RoutineConfig::JointAlpha { alpha: 1.0 },
        RoutineConfig::JointGamma { gamma: 0.0 },
    ] {
        let config = trial(System::DmlAutoencoder, routine);
        let ours = trained(&config);
        let mut plain = config.clone();
        plain.model.system = System::Autoencoder;
        let plain = trained(&plain);
        assert_eq!(ours.parameters.names, plain.parameters.names);
        for (name, (a, b)) in
            ours.parameters.names.iter().zip(ours.parameters.tensors.iter().zip(&plain.parameters.tensors))
        {
            assert!(same_bits(a, b), "{name} differs under {:?}", config.routine);
        }
    }
}

#[test]
fn a_stack_of_mixed_trials_equals_single_runs() {
    let routine = |alpha| RoutineConfig::AlternateEpochs { rule: Rule::Mixed, alpha };
    // With one pass over the labels, members with few labels are done early: what the loss itself learns then rests.
    let center = LossConfig::Center { lambda: 0.1 };
    let triplet = trial(System::Dml, routine(1.0)).loss;
    for (system, loss, labelled_epoch) in [
        (System::DmlAutoencoder, triplet, LabelledEpoch::Cycle),
        (System::MetricVae, center, LabelledEpoch::Pass),
    ] {
        let configs: Vec<TrainConfig> = (0..8)
            .map(|i| {
                let mut config = trial(system, routine([0.25, 0.5, 0.75, 1.0][i % 4]));
                config.seed = i as u64 / 2;
                config.training.learning_rate = [1e-3, 3e-3][i % 2];
                config.kl.beta = 1.0 + i as f64;
                config.training.epochs = 2;
                config.loss = loss.clone();
                config.sampling.labelled_epoch = labelled_epoch;
                config
            })
            .collect();
        // Different numbers of labels too, so that batches are padded.
        let masks: Vec<Vec<usize>> = (0..8).map(|i| rows(6 + 10 * i)).collect();
        let mut together = stack(configs.clone(), &masks);
        run(&mut together);
        for (m, config) in configs.iter().enumerate() {
            let mut alone = stack(vec![config.clone()], &masks[m..=m]);
            run(&mut alone);
            for (name, (a, b)) in together
                .parameters
                .names
                .iter()
                .zip(together.parameters.tensors.iter().zip(&alone.parameters.tensors))
            {
                let (a, b) = (a.get(m as i64), b.get(0));
                let relative = (&a - &b).norm().double_value(&[]) / b.norm().double_value(&[]).max(1e-12);
                assert!(relative < 1e-4, "member {m}, {name}: {relative:e}, rounding of f32 over two epochs");
            }
            for (name, curve) in &alone.members[0].curves {
                for (a, b) in together.members[m].curves[name].iter().zip(curve) {
                    assert_eq!(a.is_some(), b.is_some(), "{name}");
                    if let (Some(a), Some(b)) = (a, b) {
                        assert!((a - b).abs() <= 1e-4 * b.abs().max(1e-3), "{name}: {a} against {b}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_resumed_training_equals_an_uninterrupted_one_bit_for_bit() {
    let mut memory = trial(System::MetricVae, RoutineConfig::JointGamma { gamma: 2.0 });
    memory.prior = PriorConfig::Vamp { components: 4, init: PseudoInputs::Data };
    memory.sampling.memory = 16;
    memory.loss = LossConfig::Contrastive { margin: 1.0, normalized: false };
    let mut staged = trial(System::MetricVae, RoutineConfig::Staged { dml_epochs: 1, gamma: 1.0 });
    staged.prior = PriorConfig::Mixture { components: 3 };
    let alternating =
        trial(System::DmlAutoencoder, RoutineConfig::AlternateEpochs { rule: Rule::Pure, alpha: 0.5 });
    for mut config in [memory, staged, alternating] {
        config.training.epochs = 4;
        let whole = trained(&config);
        let folder = tempfile::tempdir().unwrap();
        let mut first = single(&config);
        let complete = train(&mut first, &data(), &fit, &mut |stack, losses| {
            stack.save_checkpoint(0, folder.path()).unwrap();
            if losses.epoch == 2 { Progress::Stop } else { Progress::Continue }
        });
        assert!(!complete.unwrap());
        assert_eq!(Stack::checkpoint_epoch(folder.path()), Some(2));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "one json, one safetensors");
        let mut second = single(&config);
        second.load_checkpoint(0, folder.path()).unwrap();
        run(&mut second);
        for (name, (a, b)) in
            whole.parameters.names.iter().zip(whole.parameters.tensors.iter().zip(&second.parameters.tensors))
        {
            assert!(same_bits(a, b), "{name} differs");
        }
        assert_eq!(whole.members[0].curves, second.members[0].curves);
    }
}

#[test]
fn a_damaged_checkpoint_is_refused_by_name() {
    let config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    let folder = tempfile::tempdir().unwrap();
    let trained = trained(&config);
    trained.save_checkpoint(0, folder.path()).unwrap();
    let path = folder.path().join(format!("checkpoint-{}.safetensors", config.training.epochs));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let message = single(&config).load_checkpoint(0, folder.path()).unwrap_err().to_string();
    assert!(message.contains("safetensors: is damaged"), "{message}");
}

#[test]
fn a_member_that_diverges_does_not_touch_its_neighbours() {
    let mut bad = trial(System::MetricVae, RoutineConfig::JointGamma { gamma: 1.0 });
    bad.training.learning_rate = 1e30;
    let mut good = bad.clone();
    good.training.learning_rate = 1e-3;
    let masks = [rows(60), rows(60)];
    let mut together = stack(vec![bad, good.clone()], &masks);
    run(&mut together);
    assert_eq!(together.members[0].diverged.as_ref().map(|d| d.0), Some(1));
    assert_eq!(together.members[1].diverged, None);
    assert_eq!(together.epoch, good.training.epochs, "the neighbour goes on to its end");
    let alone = trained(&good);
    for (a, b) in together.parameters.tensors.iter().zip(&alone.parameters.tensors) {
        assert!(a.get(1).allclose(&b.get(0), 1e-3, 1e-5, false));
    }
}

#[test]
fn every_system_routine_prior_and_network_trains_and_stays_finite() {
    let mlp = |hidden: &[i64]| NetworkConfig::Mlp { hidden: hidden.to_vec() };
    let conv = |channels: &[i64]| NetworkConfig::Conv { channels: channels.to_vec(), hidden: 16 };
    let mut configs = Vec::new();
    for system in [
        System::Dml,
        System::DmlAutoencoder,
        System::DmlPrior,
        System::MetricVae,
        System::Autoencoder,
        System::Vae,
    ] {
        for (encoder, decoder) in
            [(mlp(&[16]), mlp(&[16])), (conv(&[4, 8]), conv(&[8, 4])), (mlp(&[]), conv(&[]))]
        {
            for labelled_epoch in [LabelledEpoch::Pass, LabelledEpoch::Cycle] {
                let mut config =
                    trial(system, RoutineConfig::AlternateBatches { rule: Rule::Pure, alpha: 0.5 });
                (config.model.encoder, config.model.decoder) = (encoder.clone(), decoder.clone());
                config.sampling.labelled_epoch = labelled_epoch;
                config.sampling.labelled = LabelledSampling::PerClass { per_class: 4 };
                configs.push(config);
            }
        }
    }
    for prior in [
        PriorConfig::Hypercube { side: 2.0, logvar: 1.0, estimator: Estimator::MonteCarlo },
        PriorConfig::Hypercube { side: 2.0, logvar: -2.0, estimator: Estimator::Exact },
        PriorConfig::Vamp { components: 5, init: PseudoInputs::Random },
    ] {
        let mut config = trial(System::MetricVae, RoutineConfig::JointAlpha { alpha: 0.5 });
        config.prior = prior;
        config.kl.samples = 3;
        config.kl.free_bits = 0.1;
        config.kl.warm_up_epochs = 2;
        configs.push(config);
    }
    for config in configs {
        let stack = trained(&config);
        assert_eq!(stack.members[0].diverged, None, "{config:?}");
        let curves = &stack.members[0].curves;
        let asked = |name: &str| curves[name].iter().any(Option::is_some);
        let system = config.model.system;
        assert_eq!(asked("supervised"), system.has_metric_loss(), "{config:?}");
        assert_eq!(asked("reconstruction"), system.has_decoder(), "{config:?}");
        assert_eq!(asked("kl"), system.has_posterior(), "{config:?}");
        let embeddings = stack.embed(0, images().view());
        assert_eq!(embeddings.dim(), (images().nrows(), 2));
        assert!(embeddings.iter().all(|v| v.is_finite()));
        let decoded = stack.decode(0, embeddings.view());
        assert_eq!(decoded.is_some(), system.has_decoder());
        if let Some(decoded) = decoded {
            assert_eq!(decoded.dim(), images().dim());
            assert!(decoded.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}

#[test]
fn what_is_trained_falls() {
    for (system, curve) in
        [(System::Dml, "supervised"), (System::Autoencoder, "reconstruction"), (System::Vae, "unsupervised")]
    {
        let mut config = trial(system, RoutineConfig::JointAlpha { alpha: 0.5 });
        config.training.epochs = 12;
        config.training.learning_rate = 3e-3;
        let stack = trained(&config);
        let curve: Vec<f64> = stack.members[0].curves[curve].iter().map(|v| v.unwrap()).collect();
        assert!(curve[11] < 0.7 * curve[0], "{system:?}: {curve:?}");
    }
}

#[test]
fn pseudo_inputs_stay_images() {
    let mut config = trial(System::Vae, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.prior = PriorConfig::Vamp { components: 6, init: PseudoInputs::Data };
    config.training.learning_rate = 0.5;
    let before = single(&config);
    let place = before.parameters.names.iter().position(|n| n == "prior.pseudo_inputs").unwrap();
    let after = trained(&config);
    let pseudo_inputs = &after.parameters.tensors[place];
    assert!(!pseudo_inputs.equal(&before.parameters.tensors[place]), "they are learned");
    assert!(pseudo_inputs.min().double_value(&[]) >= 0.0 && pseudo_inputs.max().double_value(&[]) <= 1.0);
}

#[test]
fn the_staged_routine_fits_its_mixture_once_between_the_stages() {
    let mut config = trial(System::MetricVae, RoutineConfig::Staged { dml_epochs: 2, gamma: 1.0 });
    config.prior = PriorConfig::Mixture { components: CLASSES };
    config.training.epochs = 4;
    let fits = std::cell::Cell::new(0);
    let counted = |embeddings: ndarray::ArrayView2<f32>, k: usize, seed: u64| {
        fits.set(fits.get() + 1);
        assert_eq!(embeddings.nrows(), data().len());
        fit(embeddings, k, seed)
    };
    let mut stack = single(&config);
    train(&mut stack, &data(), &counted, &mut |stack, losses| {
        assert_eq!(stack.objective.prior.is_some(), losses.epoch > 2);
        Progress::Continue
    })
    .unwrap();
    assert_eq!(fits.get(), 1);
    let (means, _) = stack.prior_components(0).unwrap();
    assert_eq!(means.dim(), (CLASSES as usize, 2));
    let kl = &stack.members[0].curves["kl"];
    assert_eq!(kl.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, true]);
}

#[test]
fn weights_survive_safetensors() {
    let config = trial(System::DmlAutoencoder, RoutineConfig::JointAlpha { alpha: 0.5 });
    let trained = trained(&config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    dml_models::save_weights(&trained, 0, &path).unwrap();
    let mut fresh = single(&config);
    dml_models::load_weights(&mut fresh, &path).unwrap();
    assert_eq!(trained.embed(0, images().view()), fresh.embed(0, images().view()));
    let mut other = config.clone();
    other.model.latent_dim = 3;
    let message = dml_models::load_weights(&mut single(&other), &path).unwrap_err().to_string();
    assert!(message.contains("head.mean.weight has shape [16, 2], the model wants [16, 3]"), "{message}");
}

#[test]
fn importance_sampling_finds_the_likelihood_of_a_model_that_ignores_its_latent_point() {
    // With zero weights in the decoder every pixel is 1 with probability one half, and the posterior is nearly the prior: so
    // log p(x) = -pixels log 2, whatever the number of samples.
    let mut config = trial(System::Vae, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.reconstruction.kind = dml_models::Reconstruction::BinaryCrossEntropy;
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
    let blunt = stack.likelihood(0, binary.view(), 300);
    assert!(blunt.negative_elbo >= blunt.negative_log_likelihood);
    assert!((blunt.negative_log_likelihood - truth).abs() < 0.02, "{blunt:?} against {truth}: 300 samples");
    zero(&mut stack, &["head"]);
    let exact = stack.likelihood(0, binary.view(), 3);
    assert!((exact.negative_log_likelihood - truth).abs() < 1e-4, "{exact:?} against {truth}: f32 rounding");
    assert!((exact.negative_elbo - truth).abs() < 1e-4);
}

#[test]
fn a_staged_stack_resumes_with_each_member_at_its_own_mixture_and_a_diverged_one_does_not_stop_it() {
    let mut config = trial(System::MetricVae, RoutineConfig::Staged { dml_epochs: 1, gamma: 1.0 });
    config.prior = PriorConfig::Mixture { components: 3 };
    let mut other = config.clone();
    other.seed = 8;
    let mut diverging = config.clone();
    diverging.training.learning_rate = 1e30;
    let masks = [rows(60), rows(40), rows(60)];
    let all = vec![config, other, diverging];
    let mut whole = stack(all.clone(), &masks);
    run(&mut whole);
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut first = stack(all.clone(), &masks);
    let complete = train(&mut first, &data(), &fit, &mut |stack, losses| {
        for (member, folder) in folders.iter().enumerate() {
            stack.save_checkpoint(member, folder.path()).unwrap();
        }
        if losses.epoch == 2 { Progress::Stop } else { Progress::Continue }
    });
    assert!(!complete.unwrap());
    let mut second = stack(all, &masks);
    for (member, folder) in folders.iter().enumerate() {
        second.load_checkpoint(member, folder.path()).unwrap();
    }
    run(&mut second);
    assert_ne!(whole.prior_components(0), whole.prior_components(1), "each member fitted its own");
    for member in 0..2 {
        assert_eq!(whole.members[member].diverged, None);
        assert_eq!(whole.prior_components(member), second.prior_components(member));
        assert_eq!(whole.members[member].curves, second.members[member].curves);
    }
    assert_eq!(whole.members[2].diverged.as_ref().map(|d| d.0), Some(1));
    assert_eq!(whole.members[2].diverged, second.members[2].diverged);
    for (a, b) in whole.parameters.tensors.iter().zip(&second.parameters.tensors) {
        assert!(same_bits(&a.narrow(0, 0, 2), &b.narrow(0, 0, 2)));
    }
}

#[test]
fn a_sampled_embedding_of_an_image_is_the_same_in_any_selection() {
    let mut config = trial(System::Vae, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.model.embedding = dml_models::Embedding::Sample;
    let stack = single(&config);
    let all = stack.embed(0, images().view());
    let some = stack.embed(0, images().slice(ndarray::s![10..20, ..]));
    assert_eq!(all.slice(ndarray::s![10..20, ..]), some);
    assert_ne!(all.row(0), all.row(3), "two images of one class, two draws");
    assert_eq!(stack.embed(0, images().slice(ndarray::s![..0, ..])).dim(), (0, 2));
}

#[test]
fn a_cross_batch_memory_is_not_stacked() {
    let mut config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.sampling.memory = 8;
    let masks = [rows(60), rows(60)];
    let masks: Vec<&[usize]> = masks.iter().map(Vec::as_slice).collect();
    let two = Stack::new(vec![config.clone(), config], &masks, &data(), tch::Device::Cpu);
    assert!(two.unwrap_err().to_string().contains("sampling.memory"));
}
