//! Trials that are interrupted and go on: the result is that of one that never was, to the byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rustix::process::Signal;
use serde_json::Value;

use crate::store::{Running, Store, files, outcome, result, run};

/// More than [`Running::AHEAD`], so that a trial cannot be over before it is interrupted.
const EPOCHS: usize = Running::AHEAD + 5;

/// All that a checkpoint has to carry: weights and two moments of Adam, a posterior's noise, learnt
/// centres, a memory of earlier batches, a warm-up.
fn settings(seed: u32) -> String {
    format!(
        "seed = {seed}
        training.epochs = {EPOCHS}
        model.system = 'metric_vae'
        kl.warm_up_epochs = {EPOCHS}
        loss = {{ kind = 'center', lambda = 0.01 }}
        prior = {{ kind = 'vamp', components = 3, init = 'data' }}
        routine = {{ kind = 'alternate_batches', rule = 'mixed', alpha = 0.5 }}
        sampling.labelled = {{ kind = 'per_class', per_class = 8 }}
        sampling.memory = 40"
    )
}

fn add(store: &Store, n: u32) -> Vec<PathBuf> {
    (0..n).map(|seed| store.add(&settings(seed))).collect()
}

/// Two that may be a stack: a memory is not stacked.
fn add_without_memory(store: &Store) -> Vec<PathBuf> {
    (0..2).map(|seed| store.add(&settings(seed).replace("memory = 40", "memory = 0"))).collect()
}

/// Results of trials that nothing interrupts.
fn uninterrupted(n: u32, options: &[&str]) -> Vec<[Vec<u8>; 2]> {
    let store = Store::new();
    let trials = add(&store, n);
    run(options, &trials).well();
    trials.iter().map(|trial| outcome(trial)).collect()
}

/// The result of the first trial alone.
static UNINTERRUPTED: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| uninterrupted(1, &[]).remove(0));

fn assert_as_if_never_interrupted(trial: &Path) {
    let [result, weights] = outcome(trial);
    assert!(result == UNINTERRUPTED[0], "{}", String::from_utf8(result).unwrap());
    assert!(weights == UNINTERRUPTED[1], "the weights differ");
}

/// Runs interrupted trials to their end; from which epoch each went on.
fn go_on(trials: &[PathBuf], options: &[&str]) -> Vec<u64> {
    let ran = run(options, trials).well();
    for trial in trials {
        assert_eq!(ran.events_of(trial).last().unwrap(), "finished scored");
        assert!(!files(trial).iter().any(|name| name.starts_with("checkpoint")), "{:?}", files(trial));
    }
    let started = ran.events.iter().filter(|event| event["event"] == "started");
    started.map(|event| event["resumed_at"].as_u64().unwrap()).collect()
}

/// Whether a trial has one whole checkpoint, and no result.
fn is_interrupted(trial: &Path) -> bool {
    let files = files(trial);
    let tensors = files.iter().filter(|name| name.starts_with("checkpoint-")).count();
    tensors == 1 && trial.join("checkpoint.json").exists() && !trial.join("result.json").exists()
}

#[test]
fn a_trial_killed_again_and_again_goes_on_where_its_last_checkpoint_was() {
    let store = Store::new();
    let trials = add(&store, 1);
    // When the second epoch is told, the checkpoint of the first one is whole.
    for epoch in [2, EPOCHS as u64 - 1] {
        let running = Running::start(&["--checkpoint-seconds", "0"], &trials).read_until_epoch(epoch);
        running.send(Signal::KILL);
        assert_eq!(running.wait(), None);
    }
    let resumed_at = go_on(&trials, &[]);
    assert!(resumed_at[0] >= EPOCHS as u64 - 2, "{resumed_at:?}");
    assert_as_if_never_interrupted(&trials[0]);
}

#[test]
fn a_signal_ends_a_trial_with_a_checkpoint() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let store = Store::new();
        let trials = add(&store, 2);
        // No checkpoint is due by itself.
        let options = ["--checkpoint-seconds", "3600"];
        let running = Running::start(&options, &trials).read_until_epoch(1);
        running.send(signal);
        assert_eq!(running.wait(), Some(code));
        assert!(is_interrupted(&trials[0]), "{:?}", files(&trials[0]));
        assert_eq!(files(&trials[1]), ["trial.toml"], "the next trial is left to another process");
        assert!(go_on(&trials[..1], &[])[0] >= 1);
        assert_as_if_never_interrupted(&trials[0]);
    }
}

#[test]
fn a_second_signal_ends_a_trial_at_once() {
    let store = Store::new();
    let trials = add(&store, 1);
    let options = ["--checkpoint-seconds", "3600"];
    let running = Running::start(&options, &trials).read_until_epoch(1);
    // Both at one moment, so that no epoch ends between them. Which is the second one is the
    // system's choice.
    for signal in [Signal::STOP, Signal::INT, Signal::TERM, Signal::CONT] {
        running.send(signal);
    }
    assert!([Some(130), Some(143)].contains(&running.wait()));
    assert!(!trials[0].join("checkpoint.json").exists(), "it waited for the end of the epoch");
    assert_eq!(go_on(&trials, &[]), [0]);
    assert_as_if_never_interrupted(&trials[0]);
}

#[test]
fn a_reader_who_goes_away_ends_a_trial_with_a_checkpoint() {
    let store = Store::new();
    let trials = add(&store, 1);
    let options = ["--checkpoint-seconds", "3600"];
    let running = Running::start(&options, &trials).read_until_epoch(1);
    assert_eq!(running.hang_up(), Some(141), "128 + SIGPIPE");
    assert!(is_interrupted(&trials[0]), "{:?}", files(&trials[0]));
    assert!(!trials[0].join("failure.json").exists(), "nothing failed");
    assert!(go_on(&trials, &[])[0] >= 1);
    assert_as_if_never_interrupted(&trials[0]);
}

#[test]
fn the_seconds_of_a_killed_attempt_count_even_where_nothing_is_left_of_it() {
    let store = Store::new();
    let trials = add(&store, 1);
    let running = Running::start(&["--checkpoint-seconds", "3600"], &trials).read_until_epoch(2);
    running.send(Signal::KILL);
    assert_eq!(running.wait(), None);
    let noted = trials[0].join("checkpoint.seconds");
    let seconds: f64 = fs::read_to_string(&noted).unwrap().trim().parse().unwrap();
    assert!(seconds > 0.0);
    // As if it had trained for an hour.
    fs::write(&noted, "3600\n").unwrap();
    assert_eq!(go_on(&trials, &[]), [0]);
    assert_as_if_never_interrupted(&trials[0]);
    let run: Value = serde_json::from_slice(&fs::read(trials[0].join("run.json")).unwrap()).unwrap();
    let all = run["seconds"].as_f64().unwrap();
    assert!(3600.0 < all && all < 3720.0, "{all}");
}

#[test]
fn a_trial_goes_on_with_the_number_of_threads_that_it_began_with() {
    // LibTorch splits the sums of a convolution by threads, even where images are small.
    let settings = "training.epochs = 4
        model.encoder = { kind = 'conv', channels = [8, 16], hidden = 32 }
        model.decoder = { kind = 'conv', channels = [16, 8], hidden = 32 }";
    let stores = [Store::new(), Store::new()];
    let [trial, other] = [0, 1].map(|i| [stores[i].add(settings)]);
    run(&["--threads", "2", "--until-epoch", "2"], &trial).well();
    let ran = run(&["--threads", "1"], &trial).well();
    assert_eq!(ran.events_of(&trial[0])[0], "started with 2 of 4");
    let expected = "goes on with --threads 2, as it began: the last digits depend on it\n";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    let run_json: Value = serde_json::from_slice(&fs::read(trial[0].join("run.json")).unwrap()).unwrap();
    assert_eq!(run_json["threads"], 2);
    assert_eq!(run_json["denormals_flushed"], true);
    run(&["--threads", "2"], &other).well();
    assert_eq!(outcome(&trial[0]), outcome(&other[0]));
}

#[test]
fn a_stack_goes_on_as_a_stack() {
    let store = Store::new();
    let trials = add_without_memory(&store);
    let running = Running::start(&["--stack", "2"], &trials).read_until_epoch(1);
    running.send(Signal::TERM);
    assert_eq!(running.wait(), Some(143));
    assert!(trials.iter().all(|trial| is_interrupted(trial)));
    let resumed_at = go_on(&trials, &["--stack", "2"]);
    assert!(resumed_at[0] >= 1 && resumed_at[0] == resumed_at[1], "{resumed_at:?}");
    let outcomes: Vec<_> = trials.iter().map(|trial| outcome(trial)).collect();
    let other = Store::new();
    let others = add_without_memory(&other);
    run(&["--stack", "2"], &others).well();
    assert_eq!(outcomes, others.iter().map(|trial| outcome(trial)).collect::<Vec<_>>());
}

#[test]
fn a_stack_killed_between_the_checkpoints_of_two_members_goes_on_from_the_epoch_that_both_have() {
    let (store, other) = (Store::new(), Store::new());
    let (trials, others) = (add_without_memory(&store), add_without_memory(&other));
    let options = ["--stack", "2", "--checkpoint-seconds", "0"];
    let running = Running::start(&options, &trials).read_until_epoch(3);
    running.send(Signal::TERM);
    assert_eq!(running.wait(), Some(143));
    // As if the second member's last checkpoint had not been written.
    let [latest, before] = ["checkpoint.json", "checkpoint.before.json"].map(|name| trials[1].join(name));
    let of = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let epochs = [&latest, &before].map(|path| of(path)["epoch"].as_u64().unwrap());
    assert_eq!(epochs[0], epochs[1] + 1);
    fs::remove_file(trials[1].join(of(&latest)["tensors"].as_str().unwrap())).unwrap();
    fs::rename(&before, &latest).unwrap();
    assert_eq!(go_on(&trials, &["--stack", "2"]), [epochs[1]; 2]);
    run(&["--stack", "2"], &others).well();
    for (trial, other) in trials.iter().zip(&others) {
        assert_eq!(outcome(trial), outcome(other));
    }
}

#[test]
fn a_stack_goes_on_with_a_member_that_diverged_before() {
    let diverging = |store: &Store| {
        let settings = format!("training.epochs = {EPOCHS}\nseed = ");
        vec![
            store.add(&(settings.clone() + "0")),
            store.add(&(settings + "1\ntraining.learning_rate = 1e30")),
        ]
    };
    let (store, other) = (Store::new(), Store::new());
    let (trials, others) = (diverging(&store), diverging(&other));
    let running = Running::start(&["--stack", "2"], &trials).read_until_epoch(3);
    running.send(Signal::TERM);
    assert_eq!(running.wait(), Some(143));
    let ran = run(&["--stack", "2"], &trials).well();
    assert!(!ran.events_of(&trials[0])[0].starts_with("started with 0"), "{}", ran.stderr);
    run(&["--stack", "2"], &others).well();
    for (trial, other) in trials.iter().zip(&others) {
        let (resumed, whole) = (result(trial), result(other));
        assert_eq!((resumed.outcome, resumed.curves), (whole.outcome, whole.curves));
    }
}

#[test]
fn a_damaged_checkpoint_is_told_and_not_used() {
    let store = Store::new();
    let trials = add(&store, 1);
    let running = Running::start(&[], &trials).read_until_epoch(1);
    running.send(Signal::TERM);
    assert_eq!(running.wait(), Some(143));
    let trial = &trials[0];
    let is_of_it = |name: &String| name.starts_with("checkpoint") && name != "checkpoint.seconds";
    let checkpoint: Vec<String> = files(trial).into_iter().filter(is_of_it).collect();
    let whole: Vec<Vec<u8>> = checkpoint.iter().map(|name| fs::read(trial.join(name)).unwrap()).collect();
    for damaged in &checkpoint {
        for (name, bytes) in checkpoint.iter().zip(&whole) {
            let left = if name == damaged { bytes.len() / 2 } else { bytes.len() };
            fs::write(trial.join(name), &bytes[..left]).unwrap();
        }
        let ran = run(&[], &trials).well();
        assert_eq!(ran.events_of(trial)[0], format!("started with 0 of {EPOCHS}"));
        let log = fs::read_to_string(trial.join("log.txt")).unwrap();
        for text in [&ran.stderr, &log] {
            let told = |line: &str| line.contains(damaged) && line.ends_with("; starting afresh");
            assert!(text.lines().any(told), "{damaged}: {text}");
        }
        assert_as_if_never_interrupted(trial);
        fs::remove_file(trial.join("result.json")).unwrap();
    }
}

#[test]
fn guessed_labels_are_the_same_in_a_trial_that_goes_on() {
    // Rounds after epochs 2 and 4.
    let add = |store: &Store| {
        [0, 1].map(|seed| {
            store.add(&format!(
                "seed = {seed}
                data.labelled_sampling = 'uniform'
                training.epochs = 6
                model.system = 'dml'
                views = {{ rotation = 0.3, scale = 0.2, shear = 0.2, shift = 0.1 }}
                instance.weight = 1.0
                pseudo_labels = {{ kind = 'propagation', neighbours = 4, \
                rounds = {{ first = 2, every = 2, share = [0.3, 0.9], balanced = true }} }}"
            ))
        })
    };
    for options in [&["--stack", "1"], &["--stack", "2"]] {
        let outcomes_of = |pauses: &[&str]| {
            let store = Store::new();
            let trials = add(&store);
            for epoch in pauses {
                run(&[&options[..], &["--until-epoch", epoch]].concat(), &trials).well();
                assert!(trials.iter().all(|trial| !trial.join("result.json").exists()));
            }
            run(options, &trials).well();
            trials.map(|trial| outcome(&trial))
        };
        let undisturbed = outcomes_of(&[]);
        assert!(
            outcomes_of(&["1", "2", "3"]) == undisturbed,
            "before a round, at it and after it: {options:?}"
        );
    }
}
