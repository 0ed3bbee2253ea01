//! Trainings that are another trial's already.
//!
//! Trials that differ only in what is scored have one training between them: in `[evaluation]`, and
//! in whether an embedding is the mean or a sample, where no step between epochs looks at
//! embeddings. Where no label takes part in a training (an autoencoder's, a VAE's, any with the
//! weight of its metric loss at 0), so have those that differ in their labels. The first to end of
//! those that were trained alone and in one go leaves its weights and its name under that of the
//! training; the others take the weights and are only scored. Each has its own result, with the
//! bytes that it has alone.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use dml_data::Mask;
use dml_data::files::sha256;
use dml_models::{Embedding, Stack, load_weights};
use dml_store::{Curves, FORMAT, Outcome, Training, names};

use crate::train::session::{Job, Session};

/// The names that a trial's training may have: without labels, and with the trial's; `None` where
/// nothing is trained.
///
/// They name images and labels by their content, as what a data set is called does not tell what is
/// in it; and all else on which the bytes of the weights depend.
fn names_of(session: &Session, job: &Job, mask: &Mask) -> Option<[String; 2]> {
    let mut train = job.trial.train.clone();
    if train.model.system.is_baseline() {
        return None;
    }
    if !train.looks_at_embeddings() {
        train.model.embedding = Embedding::Mean;
    }
    let versions = (FORMAT, env!("CARGO_PKG_VERSION"), env!("DML_LIBTORCH"));
    let machine = (dml_models::device_name(session.device), session.threads.now());
    let loaded = session.loaded();
    let labels = &loaded.dataset.train.labels;
    let labelled: Vec<_> = mask.rows().iter().map(|&row| (row, labels[row])).collect();
    let of = |labels: Option<(usize, &[(usize, i32)])>| {
        let all = (versions, &machine, loaded.images_sha256(), &train, labels);
        sha256(serde_json::to_string(&all).expect("plain data").as_bytes())[..16].to_owned()
    };
    Some([of(None), of(Some((loaded.dataset.n_classes(), &labelled)))])
}

/// A model at the end of its training, which is that of another trial; and the trial.
pub(super) fn recall(session: &Session, job: &Job, mask: &Mask) -> Option<(Stack, String)> {
    // Both want to see epochs.
    let is_watched =
        session.tensorboard || session.rung.as_ref().is_some_and(|r| r.is_before_the_end(&job.trial));
    if is_watched {
        return None;
    }
    let named = names_of(session, job, mask)?;
    let training = named.iter().find_map(|name| session.store.training(name))?;
    match trained(session, job, mask, &training) {
        Ok(stack) => Some((stack, training.trial)),
        Err(error) => {
            job.log.line(&format!("its training is that of {}, but {error:#}", training.trial));
            None
        }
    }
}

fn trained(session: &Session, job: &Job, mask: &Mask, training: &Training) -> Result<Stack> {
    let result = session.store.result(&training.trial)?.context("that has no result any more")?;
    ensure!(matches!(result.outcome, Outcome::Scored { .. }), "that diverged");
    let weights = session.store.file(&training.trial, names::WEIGHTS);
    ensure!(digest(&weights)? == training.weights, "{} is another file now", weights.display());
    let config = job.trial.train.clone();
    let epochs = config.training.epochs;
    let mut stack = Stack::new(vec![config], &[mask.rows()], &session.loaded().training, session.device)?;
    load_weights(&mut stack, &weights)?;
    stack.epoch = epochs;
    stack.members[0].curves = result.curves;
    Ok(stack)
}

/// Leaves a training to other trials, whose it may be too; under the name without labels, if no
/// step asked for the metric loss, which alone looks at them. It is only a short cut: a store that
/// cannot be written has other ways to say so.
pub(super) fn remember(session: &Session, job: &Job, mask: &Mask, curves: &Curves) {
    let Some([without_labels, with_labels]) = names_of(session, job, mask) else { return };
    let is_supervised = curves.get("supervised").is_some_and(|curve| curve.iter().any(Option::is_some));
    let name = if is_supervised { with_labels } else { without_labels };
    if let Ok(weights) = digest(&job.directory.join(names::WEIGHTS)) {
        let training = Training { format: FORMAT, trial: job.id.clone(), weights };
        let _ = session.store.write_training(&name, &training);
    }
}

fn digest(path: &Path) -> Result<String> {
    Ok(sha256(&std::fs::read(path).with_context(|| path.display().to_string())?))
}
