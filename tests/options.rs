//! Every option of a trial file trains and scores, and makes the difference that it should: one
//! that is silently ignored fails here, and so does a new one that is forgotten here.

mod forgotten;
mod losses;
mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use dml_models::{Precision, System, tch::Device};
use dml_store::{Outcome, TrialResult};
use toml::Table;

use self::losses::{Settings, inline, losses, pair_losses};
use self::parts::PARTS;
use crate::arrays::{TINY, TINY_WITHOUT_VALIDATION};
use crate::call::text;
use crate::store::{Store, id, result, run, set, trial};

/// What all options are tried around: a system with every part, and images for which a likelihood
/// makes sense.
const BASE: &str = "
    data.validation = 60
    data.binarize = true
    model.system = 'metric_vae'
    reconstruction = { kind = 'binary_cross_entropy', reduction = 'sum' }
    training.epochs = 2
    evaluation = { protocols = ['test_folds'], retrieval = true }
";

const VIEWS: &str = "views = { rotation = 0.3, scale = 0.2, shear = 0.2, shift = 0.1 }";

/// Settings of a trial that gives another result than the base, or none for the base itself; and
/// options around that trial, each of which gives another result than it.
const OPTIONS: &[(&str, &[&str])] = &[
    (
        "data.validation = 0\ndata.fold = { index = 0, of = 5 }\nevaluation.split = 'validation'",
        &["data.fold.index = 1", "data.fold.of = 6"],
    ),
    (
        "",
        &[
            "seed = 1",
            "data.labelled_percent = 20.0",
            "data.labelled_sampling = 'stratified'",
            "data.labelled_sampling = 'balanced'",
            "data.labelled_sampling = 'given'\ndata.labelled_percent = 100.0",
            "data.validation = 90",
            "data.binarize = false",
            "model.latent_dim = 3",
            "model.embedding = 'sample'",
            "model.encoder.hidden = [8, 8]",
            "model.decoder.hidden = [8, 8]",
            "reconstruction.reduction = 'mean'",
            "kl.beta = 0.5",
            "kl.warm_up_epochs = 3",
            "kl.free_bits = 0.5",
            "sampling.batch_size = 16",
            "sampling.labelled_epoch = 'pass'",
            "sampling.memory = 40",
            "training.epochs = 3",
            "training.learning_rate = 0.005",
            "training.beta1 = 0.5",
            "training.beta2 = 0.9",
            "training.epsilon = 0.001",
            "training.precision = 'bf16'",
            "training.schedule = 'one_cycle'",
            "reconstruction.weight = 0.5",
            "evaluation.split = 'validation'",
            "evaluation = { split = 'none', protocols = [], retrieval = false }",
            "evaluation.protocols = ['labelled']",
            "evaluation.protocols = ['train']",
            "evaluation.readouts = ['nearest']",
            "evaluation.readouts = ['random_forest']",
            "evaluation.readouts = ['mlp']",
            "evaluation.readouts = ['linear']",
            "evaluation.readouts = ['propagation']",
            "evaluation.readouts = ['geodesic_knn']",
            "evaluation.clustering = true",
            "evaluation.train_clustering = true",
            "evaluation.retrieval = false",
            "evaluation.likelihood_samples = 5",
            "evaluation.posterior = true",
            "evaluation.hits = ['test_folds.knn']",
            "evaluation.geodesic_pairs = 20",
            "model.encoder = { kind = 'conv', channels = [4], hidden = 8 }",
            "model.decoder = { kind = 'conv', channels = [4], hidden = 8 }",
        ],
    ),
    ("data.name = 'TINY'", &[]),
    (
        "model.encoder = { kind = 'conv', channels = [4], hidden = 8 }",
        &["model.encoder.channels = [4, 6]", "model.encoder.hidden = 12"],
    ),
    (
        "model.decoder = { kind = 'conv', channels = [4], hidden = 8 }",
        &["model.decoder.channels = [4, 6]", "model.decoder.hidden = 12"],
    ),
    (
        "reconstruction = { kind = 'squared_error', reduction = 'sum' }",
        &["reconstruction.reduction = 'mean'"],
    ),
    (
        "loss = { kind = 'triplet', margin = 0.5, mining = 'all', distance = 'euclidean', normalized = false }",
        &["loss.mining = 'semi_hard'", "loss.mining = 'hard'", "loss.distance = 'squared_euclidean'"],
    ),
    (
        "loss = { kind = 'weighted', terms = [{ weight = 1.0, loss = { kind = 'nca', temperature = 1.0 } }] }",
        &[
            "loss.terms = [{ weight = 2.0, loss = { kind = 'nca', temperature = 1.0 } }]",
            "loss.terms = [{ weight = 1.0, loss = { kind = 'nca', temperature = 1.0 } }, { weight = 1.0, loss = { kind = 'center', lambda = 0.01 } }]",
        ],
    ),
    (
        "prior = { kind = 'hypercube', side = 2.0, logvar = 0.0, estimator = 'monte_carlo' }",
        &[
            "prior.side = 3.0",
            "prior.logvar = -1.0",
            "prior.estimator = 'exact'",
            "kl.samples = 3",
            "kl.free_bits = 0.5",
        ],
    ),
    (
        "prior = { kind = 'vamp', components = 3, init = 'data' }",
        &["prior.components = 4", "prior.init = 'random'", "kl.samples = 3", "kl.free_bits = 0.5"],
    ),
    (
        "
            prior = { kind = 'mixture', components = 3 }
            routine = { kind = 'staged', dml_epochs = 1, gamma = 1.0 }
            training.epochs = 3
        ",
        &[
            "prior.components = 4",
            "routine.dml_epochs = 2",
            "routine.gamma = 2.0",
            "kl.samples = 3",
            "kl.free_bits = 1000.0",
            "kl.warm_up_epochs = 3",
        ],
    ),
    (
        "routine = { kind = 'alternate_epochs', rule = 'mixed', alpha = 0.25 }",
        &["routine.alpha = 0.75", "routine.rule = 'pure'"],
    ),
    (
        "routine = { kind = 'alternate_batches', rule = 'mixed', alpha = 0.25 }",
        &["routine.alpha = 0.75", "routine.rule = 'pure'"],
    ),
    ("routine = { kind = 'joint_alpha', alpha = 0.25 }", &["routine.alpha = 0.75"]),
    ("routine = { kind = 'joint_gamma', gamma = 1.0 }", &["routine.gamma = 2.0"]),
    ("routine = { kind = 'joint_share', gamma = 1.0 }", &["routine.gamma = 2.0"]),
    ("sampling.labelled = { kind = 'per_class', per_class = 4 }", &["sampling.labelled.per_class = 6"]),
    ("model.system = 'dml_autoencoder'", &["model.length = 'unit'"]),
    (
        VIEWS,
        &[
            "views.rotation = 0.0",
            "views.scale = 0.0",
            "views.shear = 0.0",
            "views.shift = 0.0",
            "views.brightness = 0.3",
            "views.contrast = 0.3",
            "instance.weight = 1.0",
        ],
    ),
    (
        "
            views = { rotation = 0.3, scale = 0.2, shear = 0.2, shift = 0.1 }
            instance = { weight = 1.0, loss = { kind = 'sup_con', temperature = 0.2 } }
        ",
        &["instance.weight = 2.0", "instance.loss.temperature = 0.1"],
    ),
    (
        "
            loss = { kind = 'contrastive', margin = 1.0, normalized = false }
            distance = { kind = 'pull_back', by = 'graph', segments = 2, nodes = 40, neighbours = 4, uncertainty = 0.2 }
        ",
        &[
            "distance.by = 'line'",
            "distance.by = 'geodesic'",
            "distance.segments = 4",
            "distance.nodes = 50",
            "distance.neighbours = 6",
            "distance.uncertainty = 0.0",
            "model.decoders = 2",
        ],
    ),
    (
        "
            pseudo_labels = { kind = 'propagation', neighbours = 4, rounds = { first = 1, every = 1, share = [0.2, 0.6], balanced = true } }
            training.epochs = 4
        ",
        &[
            "pseudo_labels.neighbours = 6",
            "pseudo_labels.rounds.first = 2",
            "pseudo_labels.rounds.every = 2",
            "pseudo_labels.rounds.share = [0.4, 0.6]",
            "pseudo_labels.rounds.balanced = false",
        ],
    ),
    (
        "
            pseudo_labels = { kind = 'affinity', neighbours = 4, gamma = 0.9, rounds = { first = 1, every = 1, share = [0.2, 0.6], balanced = true } }
            training.epochs = 4
        ",
        &[
            "pseudo_labels.neighbours = 6",
            "pseudo_labels.gamma = 0.5",
            "pseudo_labels.rounds.first = 2",
            "pseudo_labels.rounds.every = 2",
            "pseudo_labels.rounds.share = [0.4, 0.6]",
            "pseudo_labels.rounds.balanced = false",
        ],
    ),
    (
        "
            pseudo_labels = { kind = 'soft_centres', rounds = { first = 1, every = 1, share = [0.2, 0.6], balanced = true } }
            training.epochs = 4
        ",
        &[
            "pseudo_labels.rounds.first = 2",
            "pseudo_labels.rounds.every = 2",
            "pseudo_labels.rounds.share = [0.4, 0.6]",
            "pseudo_labels.rounds.balanced = false",
        ],
    ),
];

/// The same, of options that give the same result, for a reason.
const WITHOUT_EFFECT: [(&str, &str, &str); 2] = [
    (
        "",
        "kl.samples = 3",
        "the KL to the unit prior needs no sample, and the first one is decoded as before",
    ),
    ("data.name = 'TINY'", "data.validation = 90", "that data set has a validation split of its own"),
];

/// Two trials, and whether their results have to differ.
struct Case {
    trials: [Table; 2],
    differ: bool,
    words: String,
}

fn with(mut trial: Table, settings: &str) -> Table {
    set(&mut trial, &settings.replace("TINY", text(&TINY)));
    trial
}

fn cases() -> Vec<Case> {
    let name = format!("data.name = {:?}", text(&TINY_WITHOUT_VALIDATION));
    let base = with(with(trial(""), BASE), &name);
    let mut cases = Vec::new();
    let mut add = |one: &Table, settings: &str, differ: bool, words: &str| {
        let trials = [one.clone(), with(one.clone(), settings)];
        cases.push(Case { trials, differ, words: format!("{settings} ({words})") });
    };
    for (settings, options) in OPTIONS {
        if !settings.is_empty() {
            add(&base, settings, true, "around the base");
        }
        let around = with(base.clone(), settings);
        options.iter().for_each(|option| add(&around, option, true, settings));
    }
    for Settings { loss, others } in losses() {
        let settings = format!("loss = {loss}");
        add(&base, &settings, true, "around the base");
        let around = with(base.clone(), &settings);
        for other in others {
            add(&around, &format!("loss.{other}"), true, &settings);
        }
    }
    let around = with(base.clone(), VIEWS);
    for loss in pair_losses() {
        add(&around, &format!("instance = {{ weight = 1.0, loss = {} }}", inline(&loss)), true, VIEWS);
    }
    for (settings, option, why) in WITHOUT_EFFECT {
        add(&with(base.clone(), settings), option, false, why);
    }
    for name in &forgotten::variants(&["model.system"])["model.system"] {
        let settings = format!("model.system = '{name}'");
        let around = with(base.clone(), &settings);
        if around != base {
            add(&base, &settings, true, "around the base");
        }
        for (option, means_something) in PARTS {
            add(&around, option, means_something(system(&around)), &settings);
        }
    }
    cases
}

fn system(trial: &Table) -> System {
    trial["model"]["system"].clone().try_into().unwrap()
}

#[test]
fn every_option_trains_and_scores_and_makes_its_difference() {
    let (mut cases, store) = (cases(), Store::new());
    if Precision::Bf16.check(Device::Cpu).is_err() {
        cases.retain(|case| !case.words.contains("bf16"));
    }
    let directories: BTreeSet<PathBuf> =
        cases.iter().flat_map(|case| &case.trials).map(|t| store.enter(t)).collect();
    run(&[], &directories.iter().collect::<Vec<_>>()).well();
    let results: BTreeMap<String, TrialResult> =
        directories.iter().map(|directory| (id(directory), result(directory))).collect();
    results.values().for_each(assert_sound);
    let mut wrong = Vec::new();
    for Case { trials, differ, words } in &cases {
        let [one, other] = [0, 1].map(|i| &results[&dml_store::trial_id(&trials[i])]);
        if ((&one.outcome, &one.curves) != (&other.outcome, &other.curves)) != *differ {
            wrong.push(format!("{words}: should {}", if *differ { "differ" } else { "be equal" }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// It was scored, all numbers are finite, and there is a curve for each part of its system.
fn assert_sound(result: &TrialResult) {
    let Outcome::Scored { scores, .. } = &result.outcome else {
        panic!("{:?} of {}", result.outcome, result.trial)
    };
    let is_scored = result.trial["evaluation"]["split"].as_str() != Some("none");
    assert!(
        scores.is_empty() != is_scored && scores.values().all(|score| score.is_finite()),
        "{scores:?} of {}",
        result.trial
    );
    let (system, epochs) = (system(&result.trial), result.trial["training"]["epochs"].as_integer().unwrap());
    let instance = result.trial.get("instance").is_some();
    let parts = [
        ("supervised", system.has_metric_loss()),
        ("instance", instance),
        ("reconstruction", system.has_decoder()),
        ("kl", system.has_posterior()),
        ("unsupervised", system.has_decoder() || system.has_posterior()),
    ];
    assert_eq!(result.curves.is_empty(), system.is_baseline());
    for (name, curve) in &result.curves {
        let is_there = parts.iter().find(|part| part.0 == name).unwrap().1;
        assert_eq!(curve.len() as i64, epochs, "{name} of {}", result.trial);
        assert_eq!(curve.iter().any(Option::is_some), is_there, "{name} of {}", result.trial);
        assert!(curve.iter().flatten().all(|loss| loss.is_finite()), "{curve:?} of {}", result.trial);
    }
}
