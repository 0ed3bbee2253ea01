//! Whole trainings on small made images: laws that must hold whatever the numbers are.

mod common;
mod distance;
mod labels;
mod likelihood;
mod posteriors;
mod precision;
mod pseudo_labels;
mod stacks;
mod terms;
mod weights;

use std::collections::BTreeSet;

use common::{
    CLASSES, conv, data, data_of, device, images, images_of, next_epoch, of_every_prior, rows, run,
    same_bits, single, trained, trial,
};
use dml_data::ImageShape;
use dml_losses::Contrastive;
use dml_models::{
    LabelledEpoch, LabelledSampling, NetworkConfig, RoutineConfig, Rule, Stack, System, TrainConfig,
};
use dml_priors::{Estimator, Hypercube, Mixture, PriorConfig, PseudoInputs, Vamp};
use ndarray::{Array2, ArrayView1};
use tch::{Device, Tensor};

#[test]
fn with_the_metric_loss_off_a_model_is_the_plain_one_bit_for_bit() {
    let routines = [
        RoutineConfig::JointAlpha { alpha: 1.0 },
        RoutineConfig::JointGamma { gamma: 0.0 },
        RoutineConfig::AlternateEpochs { rule: Rule::Mixed, alpha: 1.0 },
        RoutineConfig::AlternateBatches { rule: Rule::Mixed, alpha: 1.0 },
    ];
    let mut trials = Vec::new();
    for (system, plain) in [(System::DmlAutoencoder, System::Autoencoder), (System::MetricVae, System::Vae)] {
        trials.extend(routines.iter().map(|routine| (trial(system, routine.clone()), plain)));
        trials.push((conv(trial(system, RoutineConfig::JointAlpha { alpha: 1.0 })), plain));
    }
    for (mut config, plain) in trials {
        let ours = trained(&config);
        let system = std::mem::replace(&mut config.model.system, plain);
        let plain = trained(&config);
        assert_eq!(ours.parameters.names, plain.parameters.names);
        let pairs = ours.parameters.tensors.iter().zip(&plain.parameters.tensors);
        for (name, (a, b)) in ours.parameters.names.iter().zip(pairs) {
            assert!(same_bits(a, b), "{name} of {system:?} differs under {:?}", config.routine);
        }
    }
}

#[test]
fn a_resumed_training_equals_an_uninterrupted_one_bit_for_bit() {
    let mut memory = trial(System::MetricVae, RoutineConfig::JointGamma { gamma: 2.0 });
    memory.prior = PriorConfig::Vamp(Vamp { components: 4, init: PseudoInputs::Data });
    memory.sampling.memory = 16;
    memory.loss = Contrastive { margin: 1.0, normalized: false }.into();
    let mut staged = trial(System::MetricVae, RoutineConfig::Staged { dml_epochs: 1, gamma: 1.0 });
    staged.prior = PriorConfig::Mixture(Mixture { components: 3 });
    let alternating =
        trial(System::DmlAutoencoder, RoutineConfig::AlternateEpochs { rule: Rule::Pure, alpha: 0.5 });
    let along_a_graph = distance::trial(dml_models::Way::Graph);
    for mut config in [memory, staged, alternating, pseudo_labels::trial(), along_a_graph] {
        config.training.epochs = 4;
        let whole = trained(&config);
        let folder = tempfile::tempdir().unwrap();
        let mut first = single(&config);
        for epoch in 1..=2 {
            assert_eq!(next_epoch(&mut first).unwrap().epoch, epoch);
            first.save_checkpoint(0, folder.path()).unwrap();
        }
        assert_eq!(Stack::checkpoint_epochs(folder.path()).unwrap(), [2]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "one json, one safetensors");
        let mut second = single(&config);
        second.load_checkpoint(0, folder.path(), 2).unwrap();
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
    let mut trained = trained(&config);
    trained.save_checkpoint(0, folder.path()).unwrap();
    let path = folder.path().join(format!("checkpoint-{}.safetensors", config.training.epochs));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let message =
        single(&config).load_checkpoint(0, folder.path(), config.training.epochs).unwrap_err().to_string();
    assert!(message.contains("safetensors: is damaged"), "{message}");
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
    let others = [
        PriorConfig::Hypercube(Hypercube { side: 2.0, logvar: -2.0, estimator: Estimator::Exact }),
        PriorConfig::Vamp(Vamp { components: 5, init: PseudoInputs::Random }),
    ];
    let joint = trial(System::MetricVae, RoutineConfig::JointAlpha { alpha: 0.5 });
    let others = others.map(|prior| TrainConfig { prior, ..joint.clone() });
    for mut config in of_every_prior().into_iter().chain(others) {
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
fn convolutions_train_on_and_embed_images_of_28x28_with_one_and_three_channels() {
    for channels in [1, 3] {
        let shape = ImageShape { channels, height: 28, width: 28 };
        let (images, data) = (images_of(shape, 32), data_of(shape, 32, device()));
        let config = conv(trial(System::MetricVae, RoutineConfig::JointAlpha { alpha: 0.5 }));
        let mut stack = Stack::new(vec![config], &[&rows(32)], &data, device()).unwrap();
        let before = stack.parameters.tensors.iter().map(Tensor::copy).collect::<Vec<_>>();
        while stack.train_epoch(&data).unwrap().is_some() {}
        assert_eq!(stack.members[0].diverged, None);
        for (name, (a, b)) in stack.parameters.names.iter().zip(stack.parameters.tensors.iter().zip(&before))
        {
            assert!(!a.equal(b), "{name} is learned");
        }
        let embeddings = stack.embed(0, images.view());
        assert_eq!(embeddings.dim(), (32, 2));
        assert!(embeddings.iter().all(|v| v.is_finite()));
        let decoded = stack.reconstruct(0, images.view()).unwrap();
        assert_eq!(decoded.dim(), images.dim());
        assert!(decoded.iter().all(|v| (0.0..=1.0).contains(v)));
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
fn pseudo_inputs_start_as_different_training_images_or_as_noise() {
    let start = |init| {
        let mut config = trial(System::Vae, RoutineConfig::JointAlpha { alpha: 0.5 });
        config.prior = PriorConfig::Vamp(Vamp { components: 50, init });
        let stack = single(&config);
        let place = stack.parameters.names.iter().position(|n| n == "prior.pseudo_inputs").unwrap();
        let values = stack.parameters.tensors[place].to_device(Device::Cpu).view([-1]);
        let values = Vec::<f32>::try_from(values).unwrap();
        Array2::from_shape_vec((50, images().ncols()), values).unwrap()
    };
    let images = images().mapv(|pixel| f32::from(pixel) / 255.0);
    let row_of = |input: ArrayView1<f32>| images.rows().into_iter().position(|image| image == input);
    let data = start(PseudoInputs::Data);
    let rows: BTreeSet<usize> = data.rows().into_iter().map(|input| row_of(input).unwrap()).collect();
    assert_eq!(rows.len(), 50, "no image twice");
    let random = start(PseudoInputs::Random);
    assert!(random.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
    // 2,450 pixels: the mean of uniform ones has a standard error of 0.0058, their mean square one
    // of 0.0060.
    let mean = |of: fn(f32) -> f32| random.mapv(of).mean().unwrap();
    assert!((mean(|x| x) - 1.0 / 2.0).abs() < 4.0 * 0.0058);
    assert!((mean(|x| x * x) - 1.0 / 3.0).abs() < 4.0 * 0.0060);
}

#[test]
fn pseudo_inputs_stay_images() {
    let mut config = trial(System::Vae, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.prior = PriorConfig::Vamp(Vamp { components: 6, init: PseudoInputs::Data });
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
    config.prior = PriorConfig::Mixture(Mixture { components: CLASSES });
    config.training.epochs = 4;
    let mut stack = single(&config);
    let mut due = Vec::new();
    loop {
        due.push(stack.mixture_due());
        if stack.mixture_due().is_some() {
            let refused = stack.train_epoch(&data(device())).unwrap_err().to_string();
            assert!(refused.starts_with("a mixture of 3 components has to be fitted"), "{refused}");
        }
        let Some(losses) = next_epoch(&mut stack) else { break };
        assert_eq!(stack.prior_components(0).is_some(), losses.epoch > 2);
    }
    assert_eq!(due, [None, None, Some(CLASSES as usize), None, None], "before each epoch, and at the end");
    let (means, _) = stack.prior_components(0).unwrap();
    assert_eq!(means.dim(), (CLASSES as usize, 2));
    let kl = &stack.members[0].curves["kl"];
    assert_eq!(kl.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, true]);
}

#[test]
fn a_config_is_written_and_read_whole() {
    let config = trial(System::MetricVae, RoutineConfig::JointGamma { gamma: 300.0 });
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<TrainConfig>(&text).unwrap(), config);
    let more = text.replacen('{', "{\"sede\":1,", 1);
    assert!(serde_json::from_str::<TrainConfig>(&more).unwrap_err().to_string().contains("`sede`"));
}

#[test]
fn widths_out_of_range_are_named_by_their_key() {
    let refused = |encoder| {
        let mut config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
        config.model.encoder = encoder;
        config.check().unwrap_err().to_string()
    };
    let widths = "is out of range; it must be at most 16 widths, each 1 to 65536";
    let mlp = NetworkConfig::Mlp { hidden: vec![16, 0] };
    assert_eq!(refused(mlp), format!("model.encoder.hidden = [16, 0] {widths}"));
    let conv = |channels, hidden| NetworkConfig::Conv { channels, hidden };
    assert_eq!(refused(conv(vec![-4], 16)), format!("model.encoder.channels = [-4] {widths}"));
    let message = refused(conv(vec![4], 0));
    assert_eq!(message, "model.encoder.hidden = 0 is out of range; it must be 1 to 65536");
}

#[test]
fn a_weight_that_is_infinite_in_f32_is_refused() {
    let config = trial(System::MetricVae, RoutineConfig::JointGamma { gamma: 1e39 });
    let refused = |config: &TrainConfig| config.check().unwrap_err().to_string();
    let range = "is out of range; it must be 0 or more, at most 3.4e38";
    assert_eq!(refused(&config), format!("routine.gamma = 1e39 {range}"));
    let mut config = trial(System::MetricVae, RoutineConfig::JointGamma { gamma: 3e38 });
    config.check().unwrap();
    config.kl.beta = 1e39;
    assert_eq!(refused(&config), format!("kl.beta = 1e39 {range}"));
    (config.kl.beta, config.kl.free_bits) = (-1.0, 0.0);
    assert_eq!(refused(&config), format!("kl.beta = -1.0 {range}"));
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
fn components_made_of_images_are_at_most_as_many_as_these() {
    let n = images().nrows();
    let refused = |components: i64, init| {
        let mut config = trial(System::Vae, RoutineConfig::JointAlpha { alpha: 0.5 });
        config.prior = PriorConfig::Vamp(Vamp { components, init });
        let stack = Stack::new(vec![config], &[&[0, 1]], &data(device()), device());
        stack.err().map(|error| error.to_string())
    };
    assert_eq!(refused(n as i64, PseudoInputs::Data), None);
    assert_eq!(refused(n as i64 + 1, PseudoInputs::Random), None);
    let sentence = "prior.components = 241 is more than there are training images; it must be at most 240";
    assert_eq!(refused(n as i64 + 1, PseudoInputs::Data).unwrap(), sentence);
}
