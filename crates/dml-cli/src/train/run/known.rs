//! Trainings that are another trial's already.
//!
//! Where no label takes part in a training (an autoencoder's, a VAE's, any with the weight of its
//! metric loss at 0), trials that differ in their labels and in what is scored have one training
//! between them. The first to end leaves its weights
//! and its name under that of the training; the others take the weights and are only scored. Each
//! has its own result, with the bytes that it has alone.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use dml_data::Mask;
use dml_data::files::sha256;
use dml_models::{Stack, load_weights};
use dml_store::{Curves, FORMAT, Outcome, Training, names};

use crate::train::session::{Job, Session};

/// The name of a trial's training; `None` where nothing is trained.
///
/// It names the images by their content, as what a data set is called does not tell what is in it;
/// and all on which the bytes of the weights depend, but for the labels.
fn name(session: &Session, job: &Job) -> Option<String> {
    if job.trial.train.model.system.is_baseline() {
        return None;
    }
    let versions = (FORMAT, env!("CARGO_PKG_VERSION"), env!("DML_LIBTORCH"));
    let machine = (dml_models::device_name(session.device), session.threads.now());
    let (images, train) = (session.loaded().images_sha256(), &job.trial.train);
    let all = serde_json::to_string(&(versions, machine, images, train)).expect("plain data");
    Some(sha256(all.as_bytes())[..16].to_owned())
}

/// A model at the end of its training, which is that of another trial; and the trial.
pub(super) fn recall(session: &Session, job: &Job, mask: &Mask) -> Option<(Stack, String)> {
    // Both want to see epochs.
    let is_watched =
        session.tensorboard || session.rung.as_ref().is_some_and(|r| r.is_before_the_end(&job.trial));
    if is_watched {
        return None;
    }
    let training = session.store.training(&name(session, job)?)?;
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

/// Leaves a training to other trials, whose it may be too: one in which no step asked for the
/// metric loss, which alone looks at labels. It is only a short cut: a store that cannot be written
/// has other ways to say so.
pub(super) fn remember(session: &Session, job: &Job, curves: &Curves) {
    if curves.get("supervised").is_some_and(|curve| curve.iter().any(Option::is_some)) {
        return;
    }
    let Some(name) = name(session, job) else { return };
    if let Ok(weights) = digest(&job.directory.join(names::WEIGHTS)) {
        let training = Training { format: FORMAT, trial: job.id.clone(), weights };
        let _ = session.store.write_training(&name, &training);
    }
}

fn digest(path: &Path) -> Result<String> {
    Ok(sha256(&std::fs::read(path).with_context(|| path.display().to_string())?))
}
