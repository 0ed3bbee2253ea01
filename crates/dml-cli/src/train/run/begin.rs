//! Where the training of a stack begins: afresh, or where all its members' checkpoints agree.

use anyhow::Result;
use dml_data::Mask;
use dml_models::Stack;

use crate::train::session::{Job, Session};

/// A fresh stack, or one put where all members' checkpoints agree that it was.
pub(super) fn begin(session: &Session, jobs: &[Job], masks: &[Mask]) -> Result<Stack> {
    let fresh = || {
        let configs = jobs.iter().map(|job| job.trial.train.clone()).collect();
        let rows: Vec<&[usize]> = masks.iter().map(Mask::rows).collect();
        Stack::new(configs, &rows, &session.loaded().training, session.device)
    };
    let tell = |sentence: &str| {
        eprintln!("{sentence}");
        for job in jobs {
            job.log.line(sentence);
        }
    };
    let mut stack = fresh()?;
    if !jobs.iter().any(|job| job.directory.join("checkpoint.json").exists()) {
        return Ok(stack);
    }
    let common = match epochs_of_all(jobs) {
        Ok(common) => common,
        Err(error) => {
            tell(&format!("{error:#}; starting afresh"));
            return Ok(stack);
        }
    };
    let is_before_rung = |epoch: &&u32| session.rung.as_ref().is_none_or(|rung| **epoch <= rung.epoch);
    let Some(&epoch) = common.iter().find(is_before_rung) else {
        match (common.first(), &session.rung) {
            (Some(epoch), Some(rung)) => {
                tell(&format!(
                    "the checkpoint is of epoch {epoch}, beyond epoch {}; starting afresh",
                    rung.epoch
                ));
            }
            _ => tell("checkpoints of this stack differ; starting afresh"),
        }
        return Ok(stack);
    };
    let mut threads = Vec::new();
    for (member, job) in jobs.iter().enumerate() {
        match stack.load_checkpoint(member, &job.directory, epoch) {
            Ok(begun_with) => threads.push(begun_with),
            Err(error) => {
                tell(&format!("{:#}; starting afresh", anyhow::Error::from(error)));
                return Ok(fresh()?);
            }
        }
    }
    if threads.iter().any(|begun_with| *begun_with != threads[0]) {
        tell("trials of this stack began with different numbers of threads; starting afresh");
        return Ok(fresh()?);
    }
    if let Some(begun_with) = threads[0].filter(|&begun_with| begun_with != session.threads.now()) {
        tell(&format!("goes on with --threads {begun_with}, as it began: the last digits depend on it"));
        session.threads.take(Some(begun_with));
    }
    for job in jobs {
        job.log.line(&format!("resumed after epoch {}", stack.epoch));
    }
    Ok(stack)
}

/// The epochs of which all members have a checkpoint, the latest first. A process that died between
/// two members' has left the one before.
fn epochs_of_all(jobs: &[Job]) -> Result<Vec<u32>> {
    let (first, rest) = jobs.split_first().expect("a stack has members");
    let mut common = Stack::checkpoint_epochs(&first.directory)?;
    for job in rest {
        let epochs = Stack::checkpoint_epochs(&job.directory)?;
        common.retain(|epoch| epochs.contains(epoch));
    }
    Ok(common)
}
