//! Bad inputs of `dml`, each with the exit code and the sentence that it gets. Those of trial files
//! and data sets are in `failures.rs`.

use std::fs;

use crate::arrays::npy;
use crate::call::{complaint_of, text};
use crate::store::Store;

/// The exit code of a call and all that it says; of what clap says the first line, which is the
/// sentence.
fn answer(arguments: &[&str], folder: &str) -> String {
    let (code, said) = complaint_of(arguments);
    assert!(said.starts_with("error: ") && !said.contains("panicked"), "{arguments:?}: {said}");
    let sentence = said.split("\n\n").next().unwrap().trim_end().replace(folder, "");
    format!("{} {}", code.unwrap(), sentence.strip_prefix("error: ").unwrap())
}

fn answers(calls: &[&str], folder: &str) -> String {
    let of_call = |call: &&str| {
        let arguments = call.replace('@', folder);
        format!("{call}\n    {}", answer(&arguments.split(' ').collect::<Vec<_>>(), folder))
    };
    calls.iter().map(of_call).collect::<Vec<_>>().join("\n")
}

/// `@` stands for the folder of [`with_files`].
const OF_RUN: [&str; 15] = [
    "rnu",
    "run",
    "run @nowhere",
    "run @trial.toml",
    "run @runs",
    "run @runs/trials/other --threads 0",
    "run @runs/trials/other --threads many",
    "run @runs/trials/other --device tpu",
    "run @runs/trials/other --device cuda:x",
    "run @runs/trials/other --stack 0",
    "run @runs/trials/other --checkpoint-seconds -1",
    "run @runs/trials/other --until-epoch 0",
    "run @runs/trials/other --rung-score test_folds.knn.ami",
    "run @runs/trials/other --until-epoch 1 --rung-score knn",
    "run @runs/trials/other --heartbeat=0",
];

const OF_OTHERS: [&str; 12] = [
    "check",
    "check @nowhere.toml",
    "embed @nowhere --out @x.npz",
    "embed @runs/trials/other --out @x.npz --split all",
    "embed @runs/trials/other",
    "agreement @three.npy",
    "agreement @three.npy @nowhere.npy",
    "agreement @three.npy @empty.npy",
    "agreement @three.npy @words.npy",
    "data shw mnist",
    "score @nowhere.npz",
    "score @words.npz",
];

const OF_OWN_PICTURES: [&str; 12] = [
    "fit",
    "fit @nowhere --out @model",
    "fit @pictures",
    "fit @pictures --out @model",
    "fit @pictures --out @model --folds 1",
    "fit @pictures --out @model --minutes 0",
    "fit @pictures --out @model --set epochs",
    "fit @pictures --out @model --recipe @nowhere.toml",
    "label @nowhere --out @x.csv",
    "label @nowhere --out @x.csv --at-least 2",
    "search @nowhere @one.png --in @pictures -k 0",
    "data import @nowhere --out @x.npz",
];

/// A store with a trial under another's name, and files of few bytes beside it.
fn with_files() -> (Store, String) {
    let store = Store::new();
    let trial = store.add("");
    let write = |name: &str, bytes: &[u8]| fs::write(store.folder.path().join(name), bytes).unwrap();
    write("empty.npy", b"");
    write("words.npy", b"no array");
    write("three.npy", &npy(&[3], &[0_i64, 1, 2]));
    write("words.npz", b"no zip");
    write("trial.toml", b"seed = 1");
    fs::create_dir(store.folder.path().join("pictures")).unwrap();
    fs::rename(&trial, store.folder.path().join("runs/trials/other")).unwrap();
    let folder = format!("{}/", text(store.folder.path()));
    (store, folder)
}

#[test]
fn bad_calls_of_run() {
    let (_store, folder) = with_files();
    insta::assert_snapshot!(answers(&OF_RUN, &folder), @r#"
    rnu
        2 unrecognized subcommand 'rnu'
    run
        2 the following required arguments were not provided:
      <DIR>...
    run @nowhere
        1 nowhere: No such file or directory (os error 2)
    run @trial.toml
        1 trial.toml: is not a trial directory, STORE/trials/ID
    run @runs
        1 runs: is not a trial directory, STORE/trials/ID
    run @runs/trials/other --threads 0
        2 invalid value '0' for '--threads <THREADS>': 0 is not in 1..=1024
    run @runs/trials/other --threads many
        2 invalid value 'many' for '--threads <THREADS>': invalid digit found in string
    run @runs/trials/other --device tpu
        2 device "tpu" is unknown; it must be auto, cpu or cuda:N
    run @runs/trials/other --device cuda:x
        2 device "cuda:x" is unknown; it must be auto, cpu or cuda:N
    run @runs/trials/other --stack 0
        2 invalid value '0' for '--stack <N>': 0 is not in 1..=65535
    run @runs/trials/other --checkpoint-seconds -1
        2 unexpected argument '-1' found
    run @runs/trials/other --until-epoch 0
        2 invalid value '0' for '--until-epoch <N>': 0 is not in 1..=4294967295
    run @runs/trials/other --rung-score test_folds.knn.ami
        2 the following required arguments were not provided:
      --until-epoch <N>
    run @runs/trials/other --until-epoch 1 --rung-score knn
        2 invalid value 'knn' for '--rung-score <NAME>': PROTOCOL.READOUT.accuracy or PROTOCOL.READOUT.ami would be right, as test_folds.knn.accuracy
    run @runs/trials/other --heartbeat=0
        2 invalid value '0' for '--heartbeat[=<SECONDS>]': 0 is not in 1..=4294967295
    "#);
}

#[test]
fn bad_calls_of_the_others() {
    let (_store, folder) = with_files();
    insta::assert_snapshot!(answers(&OF_OTHERS, &folder), @r"
    check
        2 the following required arguments were not provided:
      <FILE>...
    check @nowhere.toml
        1 nowhere.toml: No such file or directory (os error 2)
    embed @nowhere --out @x.npz
        1 nowhere: is no model: what `dml fit` has made, or the directory of a trial, would be right
    embed @runs/trials/other --out @x.npz --split all
        2 invalid value 'all' for '--split <SPLIT>'
      [possible values: train, validation, test]
    embed @runs/trials/other
        2 the following required arguments were not provided:
      --out <FILE>
    agreement @three.npy
        2 the following required arguments were not provided:
      <PREDICTED>
    agreement @three.npy @nowhere.npy
        1 nowhere.npy: No such file or directory (os error 2)
    agreement @three.npy @empty.npy
        1 empty.npy: ends early: the file is cut off
    agreement @three.npy @words.npy
        1 words.npy: is no npy array: it does not start with \x93NUMPY
    data shw mnist
        2 unrecognized subcommand 'shw'
    score @nowhere.npz
        1 nowhere.npz: No such file or directory (os error 2)
    score @words.npz
        1 words.npz: is no npz file: an npz is expected, as np.savez writes
    ");
}

#[test]
fn bad_calls_with_pictures() {
    let (_store, folder) = with_files();
    insta::assert_snapshot!(answers(&OF_OWN_PICTURES, &folder), @r"
    fit
        2 the following required arguments were not provided:
      --out <MODEL>
      <DATA>
    fit @nowhere --out @model
        1 nowhere: is not there; a folder of pictures, a CSV, a picture, an npz or a name of `dml data list` would be right
    fit @pictures
        2 the following required arguments were not provided:
      --out <MODEL>
    fit @pictures --out @model
        1 pictures: has no picture: it should hold a folder of pictures for each class
    fit @pictures --out @model --folds 1
        2 --folds 1 tests on nothing; it must be 0, or 2 at least
    fit @pictures --out @model --minutes 0
        2 --minutes must be above 0
    fit @pictures --out @model --set epochs
        2 invalid value 'epochs' for '--set <KEY=VALUE>': epochs is no setting; training.epochs=5 would be one
    fit @pictures --out @model --recipe @nowhere.toml
        1 nowhere.toml: No such file or directory (os error 2)
    label @nowhere --out @x.csv
        1 nowhere: is no model: what `dml fit` has made, or the directory of a trial, would be right
    label @nowhere --out @x.csv --at-least 2
        2 --at-least 2 is out of range; it must be 0 to 1
    search @nowhere @one.png --in @pictures -k 0
        2 invalid value '0' for '-k <K>': 0 is not in 1..=65535
    data import @nowhere --out @x.npz
        1 nowhere: No such file or directory (os error 2)
    ");
}
