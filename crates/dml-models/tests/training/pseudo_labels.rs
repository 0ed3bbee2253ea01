//! Views, the instance term and pseudo-labels, in trainings.

use std::convert::identity;

use dml_losses::SupCon;
use dml_models::{
    InstanceConfig, Length, PseudoLabelsConfig, Rounds, RoutineConfig, Schedule, Stack, System, TrainConfig,
    TrainingData, ViewsConfig,
};
use tch::Device;

use crate::common::{
    CLASSES, N, SHAPE, conv, data, device, images, next_epoch, rows, run, same_bits, single, stack, trained,
};

const VIEWS: ViewsConfig =
    ViewsConfig { rotation: 0.3, scale: 0.2, shear: 0.2, shift: 0.1, brightness: 0.2, contrast: 0.2 };

/// With all that needs no label, and rounds after epochs 1 and 3.
pub(crate) fn trial() -> TrainConfig {
    let mut config = crate::common::trial(System::DmlAutoencoder, RoutineConfig::JointGamma { gamma: 1.0 });
    config.model.length = Length::Unit;
    config.views = VIEWS;
    config.instance = InstanceConfig { weight: 0.5, loss: SupCon { temperature: 0.2 }.into() };
    let rounds = Rounds { first: 1, every: 2, share: [0.3, 0.8], balanced: true };
    config.pseudo_labels = PseudoLabelsConfig::Propagation { neighbours: 5, rounds };
    (config.training.epochs, config.training.schedule) = (4, Schedule::OneCycle);
    config
}

#[test]
fn a_stack_equals_single_models() {
    for network in [identity, conv] {
        equals_single_models((0..8).map(|seed| network(TrainConfig { seed, ..trial() })).collect());
    }
}

fn equals_single_models(configs: Vec<TrainConfig>) {
    let masks = [60, 6, 30, 12, 24, 48, 18, 36].map(rows).to_vec();
    let mut together = stack(configs.clone(), &masks);
    run(&mut together);
    for (m, (config, mask)) in configs.into_iter().zip(masks).enumerate() {
        let mut alone = stack(vec![config], &[mask]);
        run(&mut alone);
        let [ours, own] = [together.embed(m, images().view()), alone.embed(0, images().view())];
        for (a, b) in ours.iter().zip(&own) {
            // Products of a stack are batched ones, which round otherwise; four epochs let that
            // grow.
            assert!((a - b).abs() < 1e-3, "{a} and {b} of member {m}");
        }
        for point in own.rows() {
            assert!((point.dot(&point) - 1.0).abs() < 1e-5, "embeddings have length 1");
        }
        for (name, curve) in &alone.members[0].curves {
            assert_eq!(together.members[m].curves[name].len(), curve.len());
            for (a, b) in together.members[m].curves[name].iter().zip(curve) {
                let close = |(a, b): (f64, f64)| (a - b).abs() < 1e-3 * a.abs().max(1.0);
                assert!(a.zip(*b).is_none_or(close) && a.is_some() == b.is_some(), "{name}: {a:?} and {b:?}");
            }
        }
    }
}

#[test]
fn pseudo_labels_are_asked_for_between_epochs_and_make_a_difference() {
    let mut stack = single(&trial());
    let mut due = vec![];
    loop {
        due.push(stack.pseudo_labels_due());
        if due[due.len() - 1].is_some() {
            let refused = stack.train_epoch(&data(device())).unwrap_err().to_string();
            assert_eq!(refused, "labels have to be guessed before the next epoch");
        }
        if next_epoch(&mut stack).is_none() {
            break;
        }
    }
    assert_eq!(due, [None, Some(0.3), None, Some(0.8), None]);
    let mut without = trial();
    without.pseudo_labels = PseudoLabelsConfig::Off {};
    let embeddings = |stack: &Stack| stack.embed(0, images().view());
    assert_ne!(embeddings(&stack), embeddings(&trained(&without)));
}

#[test]
fn nothing_reads_a_hidden_label() {
    let mask = rows(60);
    let trained_on = |poison: bool| {
        let truth = |i: usize| (i % CLASSES as usize) as i32;
        let labels: Vec<i32> =
            (0..N).map(|i| if poison && !mask.contains(&i) { 255 } else { truth(i) }).collect();
        let data = TrainingData::new(images().view(), &labels, SHAPE, CLASSES as usize, Device::Cpu);
        let mut stack = Stack::new(vec![trial()], &[&mask], &data, Device::Cpu).unwrap();
        while stack.epoch < 4 {
            if stack.pseudo_labels_due().is_some() {
                stack.set_pseudo_labels(vec![Some((0..N).map(|row| (row, (row % 2) as i32)).collect())]);
            }
            stack.train_epoch(&data).unwrap();
        }
        stack
    };
    let [clean, poisoned] = [false, true].map(trained_on);
    for (a, b) in clean.parameters.tensors.iter().zip(&poisoned.parameters.tensors) {
        assert!(same_bits(a, b));
    }
    assert_eq!(clean.members[0].curves, poisoned.members[0].curves);
}

#[test]
fn a_true_label_stays_whatever_is_guessed() {
    let mut config = trial();
    config.training.schedule = Schedule::Constant;
    let trained_with = |guess: &dyn Fn(usize) -> i32| {
        let mut stack = single(&config);
        while stack.epoch < 4 {
            if stack.pseudo_labels_due().is_some() {
                stack.set_pseudo_labels(vec![Some((0..60).map(|row| (row, guess(row))).collect())]);
            }
            stack.train_epoch(&data(device())).unwrap();
        }
        stack.embed(0, images().view())
    };
    assert_eq!(
        trained_with(&|row| (row % 3) as i32),
        trained_with(&|_| 0),
        "the first 60 rows have true labels"
    );
}

#[test]
fn what_cannot_be_is_refused_in_a_sentence() {
    type Change = fn(&mut TrainConfig);
    let cases: [(Change, &str); 7] = [
        (
            |c| c.training.epochs = 1,
            "pseudo_labels.rounds.first is no epoch before the last, so no label would be guessed: set it below training.epochs, or pseudo_labels = { kind = \"none\" }",
        ),
        (|c| c.views.shift = 1.5, "views.shift = 1.5 is out of range; it must be in [0, 1]"),
        (
            |c| c.views = ViewsConfig::default(),
            "the instance term is of two views of an image: set a range of [views] above 0, or instance.weight = 0",
        ),
        (
            |c| c.instance.loss = dml_losses::Center::default().into(),
            "instance.loss.kind = \"center\" learns something for each class, and here each image is one: use a loss of pairs",
        ),
        (
            |c| c.model.system = System::MetricVae,
            "model.length = \"unit\" is for systems without a posterior, whose prior says where embeddings lie: use \"free\"",
        ),
        (
            |c| c.model.system = System::Autoencoder,
            "pseudo_labels are for systems with a metric loss: set pseudo_labels = { kind = \"none\" }",
        ),
        (
            |c| {
                c.model.system = System::Autoencoder;
                (c.instance.weight, c.reconstruction.weight) = (0.0, 0.0);
            },
            "reconstruction.weight = 0 leaves nothing to train: give it or instance.weight a value above 0",
        ),
    ];
    for (change, sentence) in cases {
        let mut config = trial();
        change(&mut config);
        assert_eq!(config.check().unwrap_err().to_string(), sentence);
    }
}

#[test]
fn the_instance_term_takes_an_image_for_a_class() {
    let mut config = trial();
    config.reconstruction.weight = 0.0;
    config.pseudo_labels = PseudoLabelsConfig::Off {};
    config.model.system = System::Autoencoder;
    let curves = trained(&config).members[0].curves.clone();
    let of = |name: &str| curves[name].iter().map(|value| value.unwrap()).collect::<Vec<f64>>();
    assert!(curves["reconstruction"].iter().all(Option::is_none));
    for (whole, instance) in of("unsupervised").into_iter().zip(of("instance")) {
        assert!((whole - 0.5 * instance).abs() < 1e-6 * instance, "half of it, as the weight says");
    }
    config.reconstruction.weight = 2.0;
    let both = trained(&config).members[0].curves.clone();
    for ((whole, instance), reconstruction) in
        both["unsupervised"].iter().zip(&both["instance"]).zip(&both["reconstruction"])
    {
        let [whole, instance, reconstruction] = [whole, instance, reconstruction].map(|term| term.unwrap());
        assert!(
            (whole - 2.0 * reconstruction - 0.5 * instance).abs() < 1e-5 * whole,
            "both, by their weights"
        );
    }
    // Of 32 images two views each, an untrained network tells none: log(63).
    let first = of("instance")[0];
    assert!(first < 63_f64.ln() + 0.5 && of("instance")[3] < first, "{:?}", of("instance"));
}
