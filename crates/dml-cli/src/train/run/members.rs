//! Claimed trials of one stack: train, score, write.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dml_data::{Mask, Split};
use dml_models::{Baseline, EpochLosses, Stack, TrainingData, save_weights};
use dml_store::{Curves, Ending, Event, FORMAT, Outcome, TrialResult, names};
use ndarray::{Array2, ArrayView2};

use super::at_rung::{self, Epochs};
use super::begin::begin;
use super::known;
use super::over_geodesic::over_geodesic;
use super::posterior::posterior;
use super::pulse::Pulse;
use super::spent::{self, Spent};
use crate::train::artifacts;
use crate::train::evaluate::{Scored, Scoring, can_be_scored, evaluated_split, fit_mixture, pseudo_labels};
use crate::train::session::{Job, Member, Session};
use crate::train::trial::EvaluatedSplit;

/// Trains and scores the jobs, which are of one stack, unless it is interrupted.
pub(crate) fn run(session: &Session, jobs: &[Job], masks: &[Mask]) -> Result<()> {
    for job in jobs {
        job.log.line(&format!("on {}", dml_models::device_name(session.device)));
    }
    if jobs[0].trial.train.model.system.is_baseline() {
        return run_baselines(session, jobs, masks);
    }
    let recalled = match (jobs, masks) {
        ([job], [mask]) => known::recall(session, job, mask),
        _ => None,
    };
    let (mut stack, taken_from) = match recalled {
        Some((stack, trial)) => (stack, Some(trial)),
        None => (begin(session, jobs, masks)?, None),
    };
    if let Some(trial) = &taken_from {
        jobs[0].log.line(&format!("its training is that of {trial}"));
    }
    for job in jobs {
        let epochs = job.trial.train.training.epochs;
        session.say(&Event::Started { id: job.id.clone(), epochs, resumed_at: stack.epoch });
    }
    let is_new = jobs.len() == 1 && stack.epoch == 0;
    let mut spent = Spent::read(jobs, |member| stack.seconds(member));
    let epochs = run_epochs(session, jobs, &mut stack, &mut spent)?;
    let shares: Vec<f64> = (0..jobs.len()).map(|member| spent.of(member, stack.seconds(member))).collect();
    if let Epochs::Paused = epochs {
        let rung = session.rung.as_ref().filter(|rung| rung.epoch == stack.epoch);
        for (index, (job, mask)) in jobs.iter().zip(masks).enumerate() {
            let timer = Timer::after(shares[index]);
            if let Some(rung) = rung {
                at_rung::stop(session, rung, job, mask, Member { stack: &stack, index })?;
            }
            spent::write(job, timer.seconds());
        }
        return Ok(());
    }
    // What one member cannot be scored by keeps no result from the others.
    let mut ended = Ok(());
    for (index, (job, mask)) in jobs.iter().zip(masks).enumerate() {
        let timer = Timer::after(shares[index]);
        let (member, curves) = (Some(Member { stack: &stack, index }), stack.members[index].curves.clone());
        let taken_from = taken_from.clone();
        let trained = Trained { session, job, mask, timer, curves, member, taken_from, is_new };
        if let Some((epoch, reason)) = stack.members[index].diverged.clone() {
            trained.write(Outcome::Diverged { epoch, reason })?;
            continue;
        }
        save_weights(&stack, index, &job.directory.join(names::WEIGHTS))?;
        ended = ended.and(trained.finish(&|images| stack.embed(index, images)));
    }
    ended
}

/// Scores baselines, which have no epochs.
fn run_baselines(session: &Session, jobs: &[Job], masks: &[Mask]) -> Result<()> {
    let mut ended = Ok(());
    for (job, mask) in jobs.iter().zip(masks) {
        let timer = Timer::after(0.0);
        session.say(&Event::Started { id: job.id.clone(), epochs: 0, resumed_at: 0 });
        let train = &job.trial.train;
        let baseline = Baseline::fit(&train.model, train.seed, session.loaded().dataset.train.images.view());
        let embed = |images: ArrayView2<u8>| baseline.embed(images);
        let curves = Curves::new();
        let (member, taken_from, is_new) = (None, None, false);
        let trained = Trained { session, job, mask, timer, curves, member, taken_from, is_new };
        ended = ended.and(trained.finish(&embed));
    }
    ended
}

/// The training rows that keep their labels; an error where the data set does not have what the
/// trial asks for.
pub(crate) fn mask(session: &Session, job: &Job) -> Result<Mask> {
    let data = &session.loaded().dataset;
    // Before an hour of training, not after it.
    if job.trial.evaluation.split != EvaluatedSplit::None {
        evaluated_split(&job.trial, data)?;
    }
    if let Some(rung) = session.rung.as_ref().filter(|rung| rung.is_before_the_end(&job.trial)) {
        rung.check(&job.trial, data)?;
    }
    job.trial.data.mask(data, job.trial.train.seed)
}

/// Trains to the end, or until it is interrupted or at the rung, and then writes a checkpoint.
fn run_epochs(session: &Session, jobs: &[Job], stack: &mut Stack, spent: &mut Spent) -> Result<Epochs> {
    let data = &session.loaded().training;
    let epochs = jobs[0].trial.train.training.epochs;
    // A member that has diverged has its result, and needs no rung.
    let is_at_rung = |stack: &Stack| {
        session.rung.as_ref().is_some_and(|rung| rung.epoch == stack.epoch)
            && stack.epoch < epochs
            && stack.members.iter().any(|member| member.diverged.is_none())
    };
    if is_at_rung(stack) {
        return Ok(Epochs::Paused);
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
        guess_labels(session, jobs, stack)?;
        let Some(losses) = stack.train_epoch(data)? else { return Ok(Epochs::Done) };
        tell_epoch(session, jobs, &losses)?;
        spent.note(jobs, |member| stack.seconds(member));
        for (board, terms) in boards.iter_mut().zip(&losses.terms) {
            board.add(losses.epoch, terms).context("TensorBoard's event file")?;
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
            return Ok(if stack.epoch == epochs { Epochs::Done } else { Epochs::Paused });
        }
    }
}

fn tell_epoch(session: &Session, jobs: &[Job], losses: &EpochLosses) -> Result<()> {
    for (job, terms) in jobs.iter().zip(&losses.terms) {
        let epochs = job.trial.train.training.epochs;
        job.log.line(&format!("epoch {} of {epochs}: {}", losses.epoch, serde_json::to_string(terms)?));
        let (id, epoch) = (job.id.clone(), losses.epoch);
        session.say(&Event::Epoch { id, epoch, epochs, losses: terms.clone() });
    }
    Ok(())
}

/// A member's embeddings of the training images, which a step between two epochs looks at; `None`
/// where it has diverged, be it just now.
fn embedded(stack: &mut Stack, member: usize, data: &TrainingData) -> Option<Array2<f32>> {
    if stack.members[member].diverged.is_some() {
        return None;
    }
    let embeddings = stack.embed_training(member, data);
    if can_be_scored(&embeddings) {
        return Some(embeddings);
    }
    let reason = "an embedding of the training images is very large or not finite".to_owned();
    stack.members[member].diverged = Some((stack.epoch, reason));
    None
}

/// The staged routine's step between two epochs: each member's mixture, fitted on its embeddings of
/// the training images.
fn fit_mixtures(stack: &mut Stack, data: &TrainingData) -> Result<()> {
    let Some(components) = stack.mixture_due() else { return Ok(()) };
    let n = stack.members.len();
    let mut fit = |member: usize| {
        let Some(embeddings) = embedded(stack, member, data) else { return Ok(None) };
        fit_mixture(embeddings.view(), components, stack.members[member].config.seed).map(Some)
    };
    let mixtures: Result<_> = (0..n).map(&mut fit).collect();
    let mixtures = mixtures.context("fitting the mixture on the embeddings of the first stage")?;
    Ok(stack.set_mixtures(mixtures)?)
}

/// The step between two epochs that guesses labels: each member's, by its embeddings of the
/// training images.
fn guess_labels(session: &Session, jobs: &[Job], stack: &mut Stack) -> Result<()> {
    let Some(share) = stack.pseudo_labels_due() else { return Ok(()) };
    let loaded = session.loaded();
    let labels = &loaded.dataset.train.labels;
    let n_classes = loaded.dataset.n_classes();
    let mut guess = |(index, job): (usize, &Job)| {
        let pulse = Pulse::of(session, &job.id);
        pulse.step("guessing labels");
        let Some(embeddings) = embedded(stack, index, &loaded.training) else { return Ok(None) };
        let member = &stack.members[index];
        let config = &member.config.pseudo_labels;
        let guessed = pseudo_labels(config, embeddings.view(), &member.true_labels(), share, n_classes)?;
        // Said, never used: hidden labels, where there are any, are the yardstick only.
        let known = guessed.iter().filter(|&&(row, _)| labels[row] >= 0).count();
        let right = guessed.iter().filter(|&&(row, class)| labels[row] == class).count();
        let (epoch, n) = (stack.epoch, guessed.len());
        let compared = match known {
            0 => String::new(),
            _ => format!("; {right} of {known} that are known are right"),
        };
        job.log.line(&format!("after epoch {epoch}: {n} labels guessed{compared}"));
        Ok(Some(guessed))
    };
    let guessed: Result<_> = jobs.iter().enumerate().map(&mut guess).collect();
    stack.set_pseudo_labels(guessed.context("guessing labels from the embeddings")?);
    Ok(())
}

/// The time that a trial takes.
struct Timer {
    before: f64,
    start: Instant,
}

impl Timer {
    /// Begins now, after so many seconds of training.
    fn after(before: f64) -> Self {
        Self { before, start: Instant::now() }
    }

    fn seconds(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }
}

/// A trial whose training has ended.
struct Trained<'a> {
    session: &'a Session,
    job: &'a Job,
    mask: &'a Mask,
    timer: Timer,
    curves: Curves,
    /// `None` of a baseline.
    member: Option<Member<'a>>,
    /// Whose training this was.
    taken_from: Option<String>,
    /// Whether others may have it: it was trained here, alone and in one go. Weights of a stack are
    /// those of a trial alone but for rounding, and a checkpoint does not say of which stack it is.
    is_new: bool,
}

impl Trained<'_> {
    /// Scores the trained model, writes what the report shows of it, then the result.
    fn finish(self, embed: &dyn Fn(ArrayView2<u8>) -> Array2<f32>) -> Result<()> {
        let Self { session, job, member, .. } = self;
        let pulse = Pulse::of(session, &job.id);
        let say = |step: &str| {
            pulse.step(step);
            spent::write(job, self.timer.seconds());
        };
        say("embedding");
        let data = &session.loaded().dataset;
        let is_scored = job.trial.evaluation.split != EvaluatedSplit::None;
        let split = if is_scored { evaluated_split(&job.trial, data)? } else { &data.train };
        let queries = embed(split.images.view());
        let outcome = self.outcome(split, &queries, embed, &say)?;
        if outcome.ending() == Ending::Scored && is_scored {
            say("figures");
            artifacts::write(session, job, &queries, member)?;
        }
        drop(pulse);
        self.write(outcome)
    }

    /// The scores; or that numbers have left all bounds, which is a result too.
    fn outcome(
        &self,
        split: &Split,
        queries: &Array2<f32>,
        embed: &dyn Fn(ArrayView2<u8>) -> Array2<f32>,
        say: &dyn Fn(&str),
    ) -> Result<Outcome> {
        let Self { session, job, mask, member, .. } = *self;
        let (trial, loaded, labelled) = (&job.trial, session.loaded(), mask.rows());
        let diverged = |reason: String| Outcome::Diverged { epoch: trial.train.training.epochs, reason };
        let lengths = member.and_then(|member| member.decoded_lengths(&loaded.training));
        let (data, lengths) = (&loaded.dataset, lengths.as_deref());
        let scoring = Scoring { trial, data, labelled, embed, lengths, say };
        let Scored { mut scores, hits } = match scoring.score(queries)? {
            Ok(scored) => scored,
            Err(reason) => return Ok(diverged(reason)),
        };
        let images = split.images.view();
        let samples = trial.evaluation.likelihood_samples;
        if let (Some(member), true) = (member, samples > 0) {
            let mut percent = 0;
            let likelihood = member.stack.likelihood(member.index, images, samples, &mut |done| {
                let so_far = 100 * done / images.nrows();
                if so_far > percent {
                    percent = so_far;
                    say(&format!("likelihood, {percent}%"));
                }
            });
            scores.insert("likelihood.negative_log_likelihood".into(), likelihood.negative_log_likelihood);
            scores.insert("likelihood.negative_elbo".into(), likelihood.negative_elbo);
        }
        if let (Some(member), true) = (member, trial.evaluation.posterior) {
            say("posterior");
            scores.extend(posterior(member, images, split));
        }
        if let (Some(member), pairs @ 1..) = (member, trial.evaluation.geodesic_pairs) {
            say("geodesics");
            scores.extend(over_geodesic(member, &loaded.training, pairs));
        }
        // JSON has no other numbers: they would come back as nothing.
        Ok(match scores.iter().find(|(_, score)| !score.is_finite()) {
            Some((name, _)) => diverged(format!("the score {name} is not finite")),
            None => Outcome::Scored { scores, hits },
        })
    }

    fn write(self, outcome: Outcome) -> Result<()> {
        let Self { session, job, mask, curves, taken_from, is_new, .. } = self;
        let (ending, seconds) = (outcome.ending(), self.timer.seconds());
        artifacts::write_provenance(session, job, seconds, taken_from)?;
        job.log.line(&format!("{ending} after {seconds:.1} s"));
        let (id, trial) = (job.id.clone(), job.table.clone());
        let data_sha256 = session.loaded().dataset.sha256.clone();
        let result = TrialResult { format: FORMAT, id, trial, data_sha256, outcome, curves };
        session.store.finish(&result)?;
        if is_new && ending == Ending::Scored {
            known::remember(session, job, mask, &result.curves);
        }
        session.say(&Event::Finished { id: job.id.clone(), outcome: ending, seconds });
        Ok(())
    }
}
