//! Numbers that leave all bounds after the last step are a result, not a failure.
//!
//! One step of Adam moves each weight by the learning rate, so that a rate of millions gives
//! embeddings as large as is wanted after losses that were small.

use std::path::Path;

use dml_store::Outcome;

use crate::arrays::{images, npy, write_npz};
use crate::call::text;
use crate::store::{Store, result, run};

/// One step, on all images at once.
const ONE_STEP: &str = "training.epochs = 1\nsampling.batch_size = 300\n";

/// Why a trial that ended well has diverged.
fn reason(trial: &Path) -> String {
    let ran = run(&[], &[trial]).well();
    assert_eq!(ran.events_of(trial).last().unwrap(), "finished diverged");
    assert!(!trial.join("failure.json").exists());
    let Outcome::Diverged { epoch, reason } = result(trial).outcome else { panic!("it was scored") };
    assert_eq!(epoch, 1);
    reason
}

#[test]
fn a_likelihood_that_is_not_finite_is_a_divergence() {
    let store = Store::new();
    let trial = store.add(&format!(
        "{ONE_STEP}
        training.learning_rate = 1e5
        model.system = 'vae'
        model.decoder.hidden = [16, 16, 16, 16]
        routine = {{ kind = 'joint_gamma', gamma = 1.0 }}
        data.binarize = true
        reconstruction = {{ kind = 'binary_cross_entropy', reduction = 'sum' }}
        evaluation.likelihood_samples = 2"
    ));
    assert_eq!(reason(&trial), "the score likelihood.negative_elbo is not finite");
    let text = std::fs::read_to_string(trial.join("result.json")).unwrap();
    assert!(!text.contains("likelihood.negative_elbo\":"), "{text}");
}

#[test]
fn a_training_row_that_is_too_large_is_a_divergence() {
    let store = Store::new();
    // Black test images keep their embeddings near 0.
    let path = store.folder.path().join("dark.npz");
    let ((train, train_labels), (_, test_labels)) = (images("train", 300), images("test", 90));
    let arrays = [
        ("train_images", npy(&[300, 8, 8], &train)),
        ("train_labels", npy(&[300], &train_labels)),
        ("test_images", npy(&[90, 8, 8], &[0_u8; 90 * 64])),
        ("test_labels", npy(&[90], &test_labels)),
    ];
    write_npz(&path, &arrays);
    let trial = store.add(&format!(
        "{ONE_STEP}
        training.learning_rate = 4e6
        data.name = {:?}
        evaluation.protocols = ['train']",
        text(&path)
    ));
    assert_eq!(reason(&trial), "an embedding of the training set is very large or not finite");
}
