//! `dml run`: trials in, results out.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use dml_store::{Outcome, Scores, TrialResult};
use serde_json::Value;
use tch::Tensor;

use crate::store::{Store, files, id, outcome, result, run};

fn scores(found: &TrialResult) -> &Scores {
    match &found.outcome {
        Outcome::Scored { scores, .. } => scores,
        Outcome::Diverged { reason, .. } => panic!("diverged: {reason}"),
    }
}

#[test]
fn a_trial_trains_and_gets_all_scores_it_asks_for() {
    let store = Store::new();
    let trial = store.add(
        "evaluation = { protocols = ['test_folds', 'labelled', 'train'], clustering = true, retrieval = true }",
    );
    let ran = run(&[], &[&trial]).well();
    insta::assert_snapshot!(ran.events_of(&trial).join("\n"), @r"
    started with 0 of 3
    epoch 1 of 3
    epoch 2 of 3
    epoch 3 of 3
    scoring embedding
    scoring test_folds.knn
    scoring labelled.knn
    scoring train.knn
    scoring clustering
    scoring retrieval
    scoring figures
    finished scored
    ");
    let found = result(&trial);
    let names: Vec<&str> = scores(&found).keys().map(String::as_str).collect();
    insta::assert_snapshot!(names.join("\n"), @r"
    clustering.gaussian_mixture.ami
    clustering.gaussian_mixture.ari
    clustering.gaussian_mixture.clustering_accuracy
    clustering.gaussian_mixture.nmi
    clustering.k_means.ami
    clustering.k_means.ari
    clustering.k_means.clustering_accuracy
    clustering.k_means.nmi
    labelled.knn.accuracy
    labelled.knn.ami
    retrieval.map_at_r
    retrieval.r_precision
    retrieval.recall_at_1
    test_folds.knn.accuracy
    test_folds.knn.ami
    train.knn.accuracy
    train.knn.ami
    ");
    assert!(scores(&found).values().all(|score| (-1.0..=1.0).contains(score)), "{:?}", scores(&found));
    for protocol in ["test_folds", "labelled", "train"] {
        assert!(scores(&found)[&format!("{protocol}.knn.accuracy")] > 0.9, "{:?}", scores(&found));
    }
    // Odd epochs have both terms, even ones the reconstruction alone.
    let supervised = &found.curves["supervised"];
    assert_eq!(supervised.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    let reconstruction: Vec<f64> = found.curves["reconstruction"].iter().map(|v| v.unwrap()).collect();
    assert!(reconstruction[2] < reconstruction[0], "{reconstruction:?}");
    insta::assert_snapshot!(files(&trial).join(" "), @"decoded.png latent.npz lock log.txt reconstructions.png result.json run.json samples.png thumbnails.png trial.toml weights.safetensors");
}

#[test]
fn events_carry_what_stands_in_the_result() {
    let store = Store::new();
    let trial = store.add("model.system = 'metric_vae'");
    let ran = run(&[], &[&trial]).well();
    let found = result(&trial);
    let epochs: Vec<&Value> = ran.events.iter().filter(|event| event["event"] == "epoch").collect();
    assert_eq!(epochs.len(), 3);
    for name in ["supervised", "reconstruction", "kl"] {
        let told: Vec<Option<f64>> = epochs.iter().map(|event| event["losses"][name].as_f64()).collect();
        assert_eq!(told, found.curves[name], "{name}");
    }
    assert!(ran.events.last().unwrap()["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_seconds_of_trials_of_one_process_add_up_to_its_own_at_most() {
    let store = Store::new();
    for settings in ["training.epochs = 20\nsampling.memory = 0", "model.system = 'pca'"] {
        let trials: Vec<PathBuf> =
            (0..4).map(|seed| store.add(&format!("seed = {seed}\n{settings}"))).collect();
        let begun = std::time::Instant::now();
        run(&["--stack", "4"], &trials).well();
        let whole = begun.elapsed().as_secs_f64();
        let seconds = |trial: &PathBuf| {
            let text = fs::read(trial.join("run.json")).unwrap();
            serde_json::from_slice::<Value>(&text).unwrap()["seconds"].as_f64().unwrap()
        };
        let sum: f64 = trials.iter().map(seconds).sum();
        assert!(sum > 0.0 && sum <= whole, "{settings}: {sum} s of {whole} s");
    }
}

#[test]
fn classes_that_the_pixels_tell_apart_are_scored_as_such() {
    let store = Store::new();
    let trial = store.add("model.system = 'pixels'\nevaluation = { clustering = true, retrieval = true }");
    let ran = run(&[], &[&trial]).well();
    let told = ran.events_of(&trial);
    assert_eq!((told[0].as_str(), told.last().unwrap().as_str()), ("started with 0 of 0", "finished scored"));
    assert!(told[1..told.len() - 1].iter().all(|event| event.starts_with("scoring ")), "{told:?}");
    for (name, score) in scores(&result(&trial)) {
        assert!((score - 1.0).abs() < 1e-12, "{name} is {score}");
    }
}

#[test]
fn the_same_trial_gives_the_same_bytes_in_any_store() {
    let systems = ["random_projection", "pca", "dml_prior", "metric_vae"];
    let [first, second] = [(); 2].map(|()| {
        let store = Store::new();
        let settings = |system| format!("model.system = '{system}'\nmodel.embedding = 'sample'");
        let trials: Vec<PathBuf> = systems.iter().map(|system| store.add(&settings(system))).collect();
        run(&[], &trials).well();
        (store, trials)
    });
    for (system, (a, b)) in systems.iter().zip(first.1.iter().zip(&second.1)) {
        assert_eq!(id(a), id(b));
        for name in ["result.json", "weights.safetensors"] {
            let [a, b] = [a, b].map(|directory| fs::read(directory.join(name)).ok());
            assert!(a == b, "{name} of {system}");
            let trained = ["dml_prior", "metric_vae"].contains(system);
            assert_eq!(a.is_some(), trained || name != "weights.safetensors", "{name} of {system}");
        }
    }
}

#[test]
fn a_finished_trial_is_skipped_and_left_as_it_is() {
    let store = Store::new();
    let trial = store.add("training.epochs = 1");
    run(&[], &[&trial]).well();
    let written = || fs::metadata(trial.join("result.json")).unwrap().modified().unwrap();
    let (before, bytes) = (written(), outcome(&trial));
    let ran = run(&[], &[&trial]).well();
    assert_eq!(ran.events_of(&trial), ["skipped finished"]);
    assert_eq!(ran.events.len(), 1);
    assert_eq!((written(), outcome(&trial)), (before, bytes));
}

#[test]
fn a_claimed_trial_is_skipped_until_it_is_let_go() {
    let store = Store::new();
    let [claimed, free] = ["seed = 1", "seed = 2"].map(|seed| store.add(seed));
    let lock = File::create(claimed.join("lock")).unwrap();
    lock.lock().unwrap();
    let ran = run(&[], &[&claimed, &free]).well();
    assert_eq!(ran.events_of(&claimed), ["skipped claimed"]);
    assert_eq!(ran.events_of(&free).last().unwrap(), "finished scored");
    assert_eq!(files(&claimed), ["lock", "trial.toml"]);
    drop(lock);
    assert_eq!(run(&[], &[&claimed]).well().events_of(&claimed).last().unwrap(), "finished scored");
}

/// Trials that a stack can hold together, and one that it cannot.
const MIXED: [&str; 4] = [
    "seed = 1",
    "seed = 2\nroutine.alpha = 0.25\ndata.labelled_percent = 20.0",
    "seed = 3\ntraining.learning_rate = 0.003",
    "seed = 1\nmodel.latent_dim = 3",
];

fn mixed(store: &Store) -> Vec<PathBuf> {
    MIXED.iter().map(|settings| store.add(settings)).collect()
}

#[test]
fn trials_do_not_depend_on_their_order_or_company() {
    let (together, alone) = (Store::new(), Store::new());
    let trials = mixed(&together);
    run(&[], &trials.iter().rev().collect::<Vec<_>>()).well();
    for (trial, other) in trials.iter().zip(mixed(&alone)).skip(1).step_by(2) {
        run(&[], &[&other]).well();
        assert!(outcome(trial) == outcome(&other), "{}", id(trial));
    }
}

#[test]
fn a_stack_gives_what_its_members_give_alone() {
    let (stacked, alone) = (Store::new(), Store::new());
    let (trials, others) = (mixed(&stacked), mixed(&alone));
    let ran = run(&["--stack", "4"], &trials).well();
    run(&[], &others).well();
    // Three that fit together go epoch by epoch, then the fourth.
    let order: Vec<usize> = ran
        .events
        .iter()
        .filter(|event| event["event"] == "epoch")
        .map(|event| trials.iter().position(|t| event["id"] == id(t).as_str()).unwrap())
        .collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 3, 3]);
    for (trial, other) in trials.iter().zip(&others) {
        assert_alike(&result(trial), &result(other));
        assert_weights_alike(trial, other);
    }
}

/// Equal but for rounding in a few steps of training: sums of a stack are taken in another order. A
/// score may move by one of the 30 images of a fold.
fn assert_alike(a: &TrialResult, b: &TrialResult) {
    assert_eq!(a.trial, b.trial);
    for (name, curve) in &a.curves {
        for (a, b) in curve.iter().zip(&b.curves[name]) {
            let (Some(a), Some(b)) = (a, b) else {
                assert_eq!(a, b, "{name}");
                continue;
            };
            assert!((a - b).abs() <= 1e-4 * a.abs().max(1e-2), "{name}: {a} and {b}");
        }
    }
    for (name, score) in scores(a) {
        let other = scores(b)[name];
        assert!(name.ends_with("ami") || (score - other).abs() <= 1.0 / 30.0, "{name}: {score}, {other}");
    }
}

fn assert_weights_alike(trial: &Path, other: &Path) {
    let read = |directory: &Path| {
        let mut tensors = Tensor::read_safetensors(directory.join("weights.safetensors")).unwrap();
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        tensors
    };
    let (weights, others) = (read(trial), read(other));
    assert_eq!(weights.len(), others.len());
    for ((name, a), (other_name, b)) in weights.iter().zip(&others) {
        assert_eq!(name, other_name);
        assert!(a.allclose(b, 1e-3, 1e-4, false), "{name} {}", (a - b).abs().max());
    }
}

#[test]
fn a_diverging_trial_is_a_result_and_leaves_its_stack_alone() {
    let (stacked, alone) = (Store::new(), Store::new());
    let diverging = stacked.add("training.learning_rate = 1e30");
    let [healthy, other] = [&stacked, &alone].map(|store| store.add("seed = 1"));
    let ran = run(&["--stack", "2"], &[&diverging, &healthy]).well();
    run(&[], &[&other]).well();
    assert_eq!(ran.events_of(&diverging).last().unwrap(), "finished diverged");
    let found = result(&diverging);
    let Outcome::Diverged { epoch, reason } = &found.outcome else { panic!("{:?}", found.outcome) };
    assert_eq!(*epoch, 1);
    assert!(reason.ends_with("not finite"), "{reason}");
    assert_eq!(found.curves["reconstruction"], [None], "its curves end where it diverged");
    assert!(!diverging.join("failure.json").exists());
    assert_alike(&result(&healthy), &result(&other));
    assert_weights_alike(&healthy, &other);
}

#[test]
fn a_vae_is_scored_by_the_likelihood_of_binary_images() {
    let store = Store::new();
    let trial = store.add(
        "data.binarize = true
        model.system = 'vae'
        reconstruction = { kind = 'binary_cross_entropy', reduction = 'sum' }
        training.epochs = 12
        evaluation.likelihood_samples = 20",
    );
    let ran = run(&[], &[&trial]).well();
    // Ten images at a time, of 90.
    let told = ran.events_of(&trial);
    let likelihood = told.iter().filter_map(|event| event.strip_prefix("scoring likelihood, "));
    assert_eq!(
        likelihood.collect::<Vec<_>>(),
        ["11%", "22%", "33%", "44%", "55%", "66%", "77%", "88%", "100%"]
    );
    let found = result(&trial);
    let of = |name: &str| scores(&found)[&format!("likelihood.{name}")];
    let (likelihood, elbo) = (of("negative_log_likelihood"), of("negative_elbo"));
    // More samples make the bound tighter (Burda et al. 2016, theorem 1). Without a model, 64 coins
    // give 64 ln 2.
    assert!(0.0 < likelihood && likelihood < elbo && elbo < 64.0 * 2.0_f64.ln(), "{likelihood} {elbo}");
}

#[test]
fn tensorboard_gets_the_curves() {
    let store = Store::new();
    let trial = store.add("training.epochs = 2");
    run(&["--tensorboard"], &[&trial]).well();
    let bytes = fs::read(trial.join("events.out.tfevents.0000000000.dml")).unwrap();
    let count = |tag: &[u8]| bytes.windows(tag.len()).filter(|window| *window == tag).count();
    // A tag stands after its length; odd epochs have both terms, even ones the unsupervised one
    // alone.
    assert_eq!((count(b"\x0asupervised"), count(b"\x0cunsupervised"), count(b"\x02kl")), (1, 2, 0));
}
