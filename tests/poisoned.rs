//! Nothing is learned from a label that is hidden, nor from an image of the test set: with other
//! ones the weights are the same to the byte.

use std::fs;
use std::path::{Path, PathBuf};

use dml_data::{Mask, Sampling};
use serde_json::Value;

use crate::arrays::{CLASSES, images, npy, write_npz};
use crate::call::text;
use crate::store::{Store, run};

const SEED: u64 = 3;

/// 300 training and 90 test images; `poisoned`, each label that a trial does not see is another,
/// and so are all of the test set.
fn data_set(folder: &Path, poisoned: bool) -> PathBuf {
    let (train, mut labels) = images("train", 300);
    let (mut test, mut test_labels) = images("test", 90);
    if poisoned {
        let mask = Mask::draw(&labels, CLASSES, 10.0, Sampling::Uniform, SEED).unwrap();
        let other = |label: &mut u8| *label = (*label + 1) % CLASSES as u8;
        let hidden = labels.iter_mut().enumerate().filter(|(row, _)| mask.rows().binary_search(row).is_err());
        hidden.map(|(_, label)| label).chain(&mut test_labels).for_each(other);
        test = test.into_iter().map(|pixel| 255 - pixel).collect();
    }
    let path = folder.join(if poisoned { "poisoned.npz" } else { "clean.npz" });
    write_npz(
        &path,
        &[
            ("train_images", npy(&[300, 8, 8], &train)),
            ("train_labels", npy(&[300], &labels)),
            ("test_images", npy(&[90, 8, 8], &test)),
            ("test_labels", npy(&[90], &test_labels)),
        ],
    );
    path
}

/// What a training leaves.
struct Trained {
    /// The weights after the last epoch.
    weights: Vec<u8>,
    result: Value,
    /// Lines of the log on guessed labels.
    guesses: Vec<String>,
}

fn trained(settings: &str, poisoned: bool) -> Trained {
    let store = Store::new();
    let data = data_set(store.folder.path(), poisoned);
    let trial = store.add(&format!(
        "seed = {SEED}\ndata.name = {:?}\ndata.labelled_sampling = 'uniform'\ntraining.epochs = 6\n{settings}",
        text(&data)
    ));
    run(&[], &[&trial]).well();
    let log = fs::read_to_string(trial.join("log.txt")).unwrap();
    Trained {
        weights: fs::read(trial.join("weights.safetensors")).unwrap(),
        result: serde_json::from_slice(&fs::read(trial.join("result.json")).unwrap()).unwrap(),
        guesses: log.lines().filter(|line| line.contains(" labels guessed; ")).map(String::from).collect(),
    }
}

#[test]
fn hidden_labels_and_test_images_change_no_weight() {
    let rounds = "rounds = { first = 2, every = 1, share = [0.3, 0.9], balanced = true }";
    let method = |guesses: &str| {
        format!(
            "model.system = 'dml'\nviews = {{ rotation = 0.3, scale = 0.2, shear = 0.2, shift = 0.1 }}\ninstance.weight = 1.0\n\
             pseudo_labels = {{ {guesses}, {rounds} }}"
        )
    };
    for settings in [
        method("kind = 'propagation', neighbours = 4"),
        method("kind = 'soft_centres'"),
        method("kind = 'affinity', neighbours = 4, gamma = 0.9"),
        "model.system = 'dml_autoencoder'".into(),
        "model.system = 'metric_vae'\nprior = { kind = 'mixture', components = 3 }\nroutine = { kind = 'staged', dml_epochs = 2, gamma = 1.0 }"
            .into(),
        "model.system = 'metric_vae'\nprior = { kind = 'vamp', components = 4, init = 'data' }".into(),
    ] {
        let [clean, poisoned] = [false, true].map(|poisoned| trained(&settings, poisoned));
        assert!(clean.weights == poisoned.weights, "{settings}");
        assert_eq!(clean.result["curves"], poisoned.result["curves"], "{settings}");
        assert_ne!(clean.result["outcome"], poisoned.result["outcome"], "the test labels are others: {settings}");
        // What is guessed is compared with hidden labels in the log alone.
        let rounds = if settings.contains("pseudo_labels") { 4 } else { 0 };
        assert_eq!((clean.guesses.len(), poisoned.guesses.len()), (rounds, rounds), "{settings}");
        for (clean, poisoned) in clean.guesses.iter().zip(&poisoned.guesses) {
            let said = |line: &str| {
                let (guessed, right) = line.rsplit_once("; ").unwrap();
                (guessed.rsplit_once("after").unwrap().1.to_owned(), right.to_owned())
            };
            let [clean, poisoned] = [clean, poisoned].map(|line| said(line));
            assert_eq!(clean.0, poisoned.0, "as many");
            assert_ne!(clean.1, poisoned.1, "other labels are hidden");
        }
    }
}
