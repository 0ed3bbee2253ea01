//! Claimed trials of one stack: train, score, write.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dml_data::Mask;
use dml_models::{Baseline, EpochLosses, Member, Stack, TrainingData, save_weights};
use dml_report::{Curves, FORMAT, Outcome, TrialResult};
use ndarray::{Array2, ArrayView2};

use super::{Job, Session};
use crate::artifacts;
use crate::evaluate::{can_be_scored, evaluated_split, fit_mixture, score};
use crate::events::Event;

/// Trains and scores the jobs, which are of one stack, unless it is interrupted.
pub(crate) fn run(session: &Session, jobs: &[Job], masks: &[Mask]) -> Result<()> {
    let data = &session.loaded().dataset;
    for job in jobs {
        job.log.line(&format!("on {}", dml_models::device_name(session.device)));
    }
    if jobs[0].trial.model.system.is_baseline() {
        for (job, mask) in jobs.iter().zip(masks) {
            let start = Instant::now();
            session.say(&Event::Started { id: &job.id, epochs: 0, resumed_at: 0 });
            let baseline = Baseline::fit(&job.trial.model, job.trial.seed, data.train.images.view());
            let seconds = || start.elapsed().as_secs_f64();
            finish(session, job, mask, &seconds, Curves::new(), None, &|images| baseline.embed(images))?;
        }
        return Ok(());
    }
    let mut stack = begin(session, jobs, masks)?;
    for job in jobs {
        let epochs = job.trial.training.epochs;
        session.say(&Event::Started { id: &job.id, epochs, resumed_at: stack.epoch });
    }
    if !run_epochs(session, jobs, &mut stack)? {
        if let Some(rung) = session.rung.as_ref().filter(|rung| rung.epoch == stack.epoch) {
            for (member, (job, mask)) in jobs.iter().zip(masks).enumerate() {
                rung.score(session, job, mask, (&stack, member))?;
            }
        }
        return Ok(());
    }
    let shares: Vec<f64> = (0..jobs.len()).map(|member| stack.seconds(member)).collect();
    for (member, (job, mask)) in jobs.iter().zip(masks).enumerate() {
        let start = Instant::now();
        let seconds = || shares[member] + start.elapsed().as_secs_f64();
        let curves = stack.members[member].curves.clone();
        if let Some((epoch, reason)) = stack.members[member].diverged.clone() {
            write(session, job, seconds(), curves, Outcome::Diverged { epoch, reason })?;
            continue;
        }
        save_weights(&stack, member, &job.directory.join("weights.safetensors"))?;
        let embed = |images: ArrayView2<u8>| stack.embed(member, images);
        finish(session, job, mask, &seconds, curves, Some((&stack, member)), &embed)?;
    }
    Ok(())
}

/// The training rows that keep their labels; an error where the data set does not have what the trial asks for.
pub(crate) fn mask(session: &Session, job: &Job) -> Result<Mask> {
    let (data, config) = (&session.loaded().dataset, &job.trial.data);
    // Before an hour of training, not after it.
    evaluated_split(&job.trial, data)?;
    if let Some(rung) = session.rung.as_ref().filter(|rung| rung.is_before_the_end(&job.trial)) {
        rung.check(&job.trial, data)?;
    }
    let labels = &data.train.labels;
    let (percent, sampling) = (config.labelled_percent, config.labelled_sampling);
    Ok(Mask::draw(labels, data.n_classes, percent, sampling, job.trial.seed)?)
}

/// A fresh stack, or one put where all members' checkpoints agree that it was.
fn begin(session: &Session, jobs: &[Job], masks: &[Mask]) -> Result<Stack> {
    let fresh = || {
        let configs = jobs.iter().map(|job| job.trial.train_config()).collect();
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
    let epochs: Vec<Option<u32>> = jobs.iter().map(|job| Stack::checkpoint_epoch(&job.directory)).collect();
    if epochs.iter().any(|epoch| *epoch != epochs[0]) {
        tell("checkpoints of this stack differ; starting afresh");
        return Ok(stack);
    }
    if let (Some(rung), Some(epoch)) = (&session.rung, epochs[0])
        && rung.epoch < epoch
    {
        tell(&format!("the checkpoint is of epoch {epoch}, beyond epoch {}; starting afresh", rung.epoch));
        return Ok(stack);
    }
    for (member, job) in jobs.iter().enumerate() {
        if let Err(error) = stack.load_checkpoint(member, &job.directory) {
            tell(&format!("{error}; starting afresh"));
            return Ok(fresh()?);
        }
    }
    for job in jobs {
        job.log.line(&format!("resumed after epoch {}", stack.epoch));
    }
    Ok(stack)
}

/// Trains to the end; false when interrupted or at the rung, with a checkpoint written.
fn run_epochs(session: &Session, jobs: &[Job], stack: &mut Stack) -> Result<bool> {
    let data = &session.loaded().training;
    let epochs = jobs[0].trial.training.epochs;
    // A member that has diverged has its result, and needs no rung.
    let is_at_rung = |stack: &Stack| {
        session.rung.as_ref().is_some_and(|rung| rung.epoch == stack.epoch)
            && stack.epoch < epochs
            && stack.members.iter().any(|member| member.diverged.is_none())
    };
    if is_at_rung(stack) {
        return Ok(false);
    }
    let mut last_checkpoint = Instant::now();
    let mut boards: Vec<artifacts::TensorBoard> = Vec::new();
    if session.tensorboard {
        for job in jobs {
            boards.push(artifacts::TensorBoard::create(&job.directory, stack.epoch)?);
        }
    }
    loop {
        fit_mixtures(stack, data)?;
        let Some(losses) = stack.train_epoch(data)? else { return Ok(true) };
        tell_epoch(session, jobs, &losses)?;
        for (board, terms) in boards.iter_mut().zip(&losses.terms) {
            board.add(losses.epoch, terms)?;
        }
        let stops = session.interrupted.load(Ordering::Relaxed) || is_at_rung(stack);
        let due = last_checkpoint.elapsed() >= Duration::from_secs(session.checkpoint_seconds);
        if (due || stops) && stack.epoch < epochs {
            for (member, job) in jobs.iter().enumerate() {
                stack.save_checkpoint(member, &job.directory)?;
            }
            last_checkpoint = Instant::now();
        }
        if stops {
            return Ok(stack.epoch == epochs);
        }
    }
}

fn tell_epoch(session: &Session, jobs: &[Job], losses: &EpochLosses) -> Result<()> {
    for (job, terms) in jobs.iter().zip(&losses.terms) {
        let epochs = job.trial.training.epochs;
        job.log.line(&format!("epoch {} of {epochs}: {}", losses.epoch, serde_json::to_string(terms)?));
        session.say(&Event::Epoch { id: &job.id, epoch: losses.epoch, epochs, losses: terms });
    }
    Ok(())
}

/// The staged routine's step between two epochs: each member's mixture, fitted on its embeddings of the training images.
fn fit_mixtures(stack: &mut Stack, data: &TrainingData) -> Result<()> {
    let Some(components) = stack.mixture_due() else { return Ok(()) };
    let fit = |member: usize| {
        let Member { config, diverged, .. } = &stack.members[member];
        if diverged.is_some() {
            return Ok(None);
        }
        fit_mixture(stack.embed_training(member, data).view(), components, config.seed).map(Some)
    };
    let mixtures: Result<_> = (0..stack.members.len()).map(fit).collect();
    let mixtures = mixtures.context("fitting the mixture on the embeddings of the first stage")?;
    Ok(stack.set_mixtures(mixtures)?)
}

/// Scores the trained model, writes what the report shows of it, then the result.
fn finish(
    session: &Session,
    job: &Job,
    mask: &Mask,
    seconds: &dyn Fn() -> f64,
    curves: Curves,
    stack: Option<(&Stack, usize)>,
    embed: &dyn Fn(ArrayView2<u8>) -> Array2<f32>,
) -> Result<()> {
    let say = |step: &str| session.say(&Event::Scoring { id: &job.id, step });
    say("embedding");
    let data = &session.loaded().dataset;
    let queries = embed(evaluated_split(&job.trial, data)?.images.view());
    if !can_be_scored(&queries) {
        let reason = "an embedding is very large or not finite".to_string();
        return write(
            session,
            job,
            seconds(),
            curves,
            Outcome::Diverged { epoch: job.trial.training.epochs, reason },
        );
    }
    let mut scores = score(&job.trial, data, mask.rows(), &queries, embed, &say)?;
    let samples = job.trial.evaluation.likelihood_samples;
    if let (Some((stack, member)), true) = (stack, samples > 0) {
        let images = evaluated_split(&job.trial, data)?.images.view();
        let mut percent = 0;
        let likelihood = stack.likelihood(member, images, samples, &mut |done| {
            let so_far = 100 * done / images.nrows();
            if so_far > percent {
                percent = so_far;
                say(&format!("likelihood, {percent}%"));
            }
        });
        scores.insert("likelihood.negative_log_likelihood".into(), likelihood.negative_log_likelihood);
        scores.insert("likelihood.negative_elbo".into(), likelihood.negative_elbo);
    }
    say("figures");
    artifacts::write(session.store.root(), job, data, &queries, stack)?;
    write(session, job, seconds(), curves, Outcome::Scored { scores })
}

fn write(session: &Session, job: &Job, seconds: f64, curves: Curves, outcome: Outcome) -> Result<()> {
    let name = match &outcome {
        Outcome::Scored { .. } => "scored",
        Outcome::Diverged { .. } => "diverged",
    };
    artifacts::write_provenance(session, job, seconds)?;
    job.log.line(&format!("{name} after {seconds:.1} s"));
    let result =
        TrialResult { format: FORMAT, id: job.id.clone(), trial: job.table.clone(), outcome, curves };
    session.store.finish(&result)?;
    session.say(&Event::Finished { id: &job.id, outcome: name, seconds });
    Ok(())
}
