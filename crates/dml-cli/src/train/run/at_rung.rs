//! Scores of trials at the rung where they stop.

use anyhow::Result;
use dml_data::Mask;
use dml_store::{Event, Passed};
use ndarray::ArrayView2;

use super::pulse::Pulse;
use crate::train::evaluate::{Scoring, evaluated_split};
use crate::train::rung::Rung;
use crate::train::session::{Job, Member, Session};

/// How far the epochs of a stack went.
pub(super) enum Epochs {
    /// To the end of the training.
    Done,
    /// To the rung, or until it was interrupted; there is a checkpoint.
    Paused,
}

/// Tells the score of a trial that has been at the rung before, and passes it by.
pub(super) fn recall(session: &Session, rung: &Rung, job: &Job) -> Result<Option<Passed>> {
    let rungs = session.store.rungs(&job.id)?;
    let value = rungs.value(&rung.score.name, rung.epoch);
    let Some(value) = value.filter(|_| rung.is_before_the_end(&job.trial)) else { return Ok(None) };
    tell(session, rung, job, value)?;
    Ok(Some(Passed::AtRung))
}

/// Scores a member that stops at the rung, and writes that down.
pub(super) fn stop(session: &Session, rung: &Rung, job: &Job, mask: &Mask, member: Member) -> Result<()> {
    let pulse = Pulse::of(session, &job.id);
    let say = |step: &str| pulse.step(step);
    say("embedding");
    let (data, trial) = (&session.loaded().dataset, rung.evaluating(&job.trial));
    let (epoch, name) = (rung.epoch, &rung.score.name);
    let embed = |images: ArrayView2<u8>| member.stack.embed(member.index, images);
    let queries = embed(evaluated_split(&trial, data)?.images.view());
    let lengths = member.decoded_lengths(&session.loaded().training);
    let (labelled, lengths) = (mask.rows(), lengths.as_deref());
    let scoring = Scoring { trial: &trial, data, labelled, embed: &embed, lengths, say: &say };
    let value = scoring.score(&queries)?.ok().and_then(|mut scored| scored.scores.remove(name));
    let mut rungs = session.store.rungs(&job.id)?;
    rungs.insert(name, epoch, value);
    session.store.write_rungs(&job.id, &rungs)?;
    job.log.line(&format!("pauses after epoch {epoch}: validation {name} {value:?}"));
    tell(session, rung, job, value)
}

/// A trial that stops here has not failed: the way to the next rung is a new attempt.
fn tell(session: &Session, rung: &Rung, job: &Job, value: Option<f64>) -> Result<()> {
    session.store.forget_failures(&job.id)?;
    let (epoch, score) = (rung.epoch, rung.score.name.clone());
    session.say(&Event::Rung { id: job.id.clone(), epoch, score, value });
    Ok(())
}
