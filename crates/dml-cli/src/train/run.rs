//! `dml run`: trials in, results out.

mod at_rung;
mod begin;
mod content;
mod known;
mod members;
mod over_geodesic;
mod posterior;
mod pulse;
mod spent;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use clap::Args;
use dml_data::Source;
use dml_store::{Event, Passed, RunStore, names, trial_id};

use crate::train::device;
use crate::train::log::{Log, panic_message};
use crate::train::rung::{Rung, RungScore};
use crate::train::session::{Job, Session, Threads, Voice};
use crate::train::trial::Trial;

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Trial directories, STORE/trials/ID
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads for training and scoring. `LibTorch` splits its sums by the number, so that the last
    /// digits of a training depend on it: a trial that was interrupted goes on with the number that
    /// it began with, and run.json says which that was. Scores of given embeddings are the same
    /// with any
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Seconds between two checkpoints of a trial; 0 for one after every epoch
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    checkpoint_seconds: u64,
    /// Trials trained at once as one stack, where they differ only in seeds, labels, learning
    /// rates, alpha, gamma and beta; pays on a GPU
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    stack: u16,
    /// For file systems without file locks: a process claims a trial by a directory, to which it
    /// gives signs of life, and is taken for dead after SECONDS (180 where none are given) without
    ///
    /// The store remembers it, so that it is said once, while no process runs trials of the store.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "180",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    heartbeat: Option<u32>,
    /// Use only data that is on this machine
    #[arg(long)]
    offline: bool,
    /// Also write `TensorBoard` event files into each DIR
    #[arg(long)]
    tensorboard: bool,
    /// Stop each trial after epoch N with a checkpoint and its validation score in rungs.json;
    /// without this, it goes on from there
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    until_epoch: Option<u32>,
    /// The score that --until-epoch takes on the validation split
    #[arg(long, value_name = "NAME", default_value = "test_folds.knn.accuracy", requires = "until_epoch")]
    rung_score: RungScore,
}

/// What became of a trial that was come to.
enum Come {
    /// It is to be run.
    Claimed(Box<Job>),
    /// It is passed by.
    Passed(Passed),
}

/// How trials went, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    /// None failed.
    Well,
    /// Some failed: which, and why, is recorded and was said.
    Wrong,
}

impl Went {
    fn and(self, other: Self) -> Self {
        if self == Self::Well { other } else { self }
    }
}

/// Claimed trials that are trained together, and what is left after them.
struct Group<'a> {
    jobs: Vec<Job>,
    left: &'a [String],
    /// How the trials on the way to them went.
    went: Went,
}

/// Signals that ask for an end.
pub(crate) struct Signals {
    pub(crate) asked: Arc<AtomicBool>,
    /// The signal's number; 0 before there was one.
    which: Arc<AtomicUsize>,
}

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode> {
    let device = device(&arguments.device)?;
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.into()).build_global()?;
    let signals = watch_signals()?;
    let (mut store, ids) = store_of(&arguments.directories)?;
    if let Some(seconds) = arguments.heartbeat {
        store.claim_by_heartbeat(seconds)?;
    }
    store.check_claims()?;
    let source = Source::from_env(arguments.offline)?;
    let mut session = Session {
        device,
        checkpoint_seconds: arguments.checkpoint_seconds,
        tensorboard: arguments.tensorboard,
        threads: Threads::of(arguments.threads),
        store,
        voice: Voice { interrupted: Arc::clone(&signals.asked), bar: None },
        interrupted: Arc::clone(&signals.asked),
        rung: arguments.until_epoch.map(|epoch| Rung { epoch, score: arguments.rung_score.clone() }),
        source,
        loaded: None,
    };
    let went = run_all(&mut session, &ids, arguments.stack.into())?;
    Ok(signals.exit_code().unwrap_or(match went {
        Went::Well => ExitCode::SUCCESS,
        Went::Wrong => ExitCode::FAILURE,
    }))
}

/// Runs trials one after another, up to `stack` at once, until there is none left or an end is
/// asked for.
pub(crate) fn run_all(session: &mut Session, ids: &[String], stack: usize) -> Result<Went> {
    let (mut left, mut went) = (ids, Went::Well);
    while !left.is_empty() && !session.interrupted.load(Ordering::Relaxed) {
        let group = next_group(session, left, stack)?;
        left = group.left;
        went = went.and(group.went);
        if !group.jobs.is_empty() {
            went = went.and(run_group(session, group.jobs)?);
        }
    }
    Ok(went)
}

impl Signals {
    /// What a process ends with that was asked to; `None` where it was not.
    pub(crate) fn exit_code(&self) -> Option<ExitCode> {
        if !self.asked.load(Ordering::Relaxed) {
            return None;
        }
        // Without a signal it was the reader of standard output that went away.
        let signal = match self.which.load(Ordering::Relaxed) {
            0 => signal_hook::consts::SIGPIPE as usize,
            signal => signal,
        };
        Some(ExitCode::from(128 + signal as u8))
    }
}

/// The first SIGINT or SIGTERM asks for an end after the epoch, a second one ends the process at
/// once.
pub(crate) fn watch_signals() -> Result<Signals> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let (asked, which) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
        signal_hook::flag::register_usize(signal, Arc::clone(&which), signal as usize)?;
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    Ok(Signals { asked, which })
}

/// All directories must lie in one store, STORE/trials/ID; their ids in it.
fn store_of(directories: &[PathBuf]) -> Result<(RunStore, Vec<String>)> {
    let (mut ids, mut store) = (Vec::new(), None::<PathBuf>);
    for directory in directories {
        let path = directory.canonicalize().with_context(|| directory.display().to_string())?;
        let trials = path.parent().filter(|p| p.ends_with(names::TRIALS)).and_then(Path::parent);
        let why = || format!("{}: is not a trial directory, STORE/trials/ID", path.display());
        let root = trials.with_context(why)?;
        if *store.get_or_insert_with(|| root.to_path_buf()) != root {
            let (other, first) = (directory.display(), directories[0].display());
            bail!("{other}: lies in another store than {first}; one call for each store would be right");
        }
        ids.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
    let root = store.context("no trial directory was given")?;
    Ok((RunStore::open(&root)?, ids))
}

/// Takes trials from the front: skips those that are done or taken, and claims the next one
/// and up to `stack - 1` more that can be trained with it.
fn next_group<'a>(session: &Session, mut left: &'a [String], stack: usize) -> Result<Group<'a>> {
    let (mut jobs, mut went) = (Vec::<Job>::new(), Went::Well);
    while let [id, rest @ ..] = left {
        if jobs.len() == stack {
            break;
        }
        match claim(session, id) {
            Ok(Come::Claimed(job)) if jobs.first().is_none_or(|j| j.trial.stacks_with(&job.trial)) => {
                jobs.push(*job);
            }
            Ok(Come::Claimed(_)) => break,
            Ok(Come::Passed(why)) => session.say(&Event::Skipped { id: id.clone(), why }),
            Err(error) => {
                let reason = format!("{error:#}");
                session.store.fail(id, &reason, false, vec![])?;
                eprintln!("error: {reason}");
                session.say(&Event::Failed { id: id.clone(), reason, retry: false });
                went = Went::Wrong;
            }
        }
        left = rest;
    }
    Ok(Group { jobs, left, went })
}

fn claim(session: &Session, id: &str) -> Result<Come> {
    let (store, directory) = (&session.store, session.store.trial_directory(id));
    if let Some(result) = store.result(id)? {
        content::check_finished(store, &result)?;
        return Ok(Come::Passed(Passed::Finished));
    }
    let Some(claim) = store.claim(id)? else { return Ok(Come::Passed(Passed::Claimed)) };
    // It may have been finished between the look and the claim.
    if store.result(id)?.is_some() {
        return Ok(Come::Passed(Passed::Finished));
    }
    let path = directory.join(names::TRIAL);
    let (trial, table) = Trial::read(&path)?;
    if trial_id(&table) != id {
        bail!("{}: is trial {}, not {id}", path.display(), trial_id(&table));
    }
    content::check_begun(store, id, &trial.data.name)?;
    let log = Log::open(&directory)?;
    let job = Job { id: id.to_string(), directory, trial, table, log, _claim: claim };
    let rung = session.rung.as_ref();
    let passed = rung.map_or(Ok(None), |rung| at_rung::recall(session, rung, &job))?;
    Ok(passed.map_or_else(|| Come::Claimed(Box::new(job)), Come::Passed))
}

/// Runs claimed trials; whatever goes wrong is recorded and the process goes on.
fn run_group(session: &mut Session, jobs: Vec<Job>) -> Result<Went> {
    session.threads.take(None);
    if let Err(error) = session.load(&jobs[0].trial) {
        return fail(session, &jobs, &format!("{error:#}"), false);
    }
    let session = &*session;
    let (mut able, mut masks, mut went) = (Vec::new(), Vec::new(), Went::Well);
    for job in jobs {
        // What the data set cannot give, it cannot give later either; the others of the stack are
        // trained without it.
        match members::mask(session, &job).and_then(|mask| content::begin(session, &job).map(|()| mask)) {
            Ok(mask) => {
                able.push(job);
                masks.push(mask);
            }
            Err(error) => went = fail(session, &[job], &format!("{error:#}"), false)?,
        }
    }
    if able.is_empty() {
        return Ok(went);
    }
    let guarded = std::panic::AssertUnwindSafe(|| members::run(session, &able, &masks));
    let (reason, retry) = match std::panic::catch_unwind(guarded) {
        Ok(Ok(())) => return Ok(went),
        // What the data set is too small for stays too much, and what cannot be scored stays so.
        Ok(Err(error)) => {
            let is_final = error.is::<dml_models::ConfigError>() || error.is::<dml_eval::EvalError>();
            (format!("{error:#}"), !is_final)
        }
        Err(panic) => (panic_message(panic.as_ref()), true),
    };
    fail(session, &able, &reason, retry)
}

/// Records why trials have no result, and says so everywhere.
fn fail(session: &Session, jobs: &[Job], reason: &str, retry: bool) -> Result<Went> {
    eprintln!("error: {reason}");
    let mut recorded = Ok(());
    for job in jobs {
        if session.store.result(&job.id).is_ok_and(|r| r.is_some()) {
            continue; // finished before another member of its stack failed
        }
        job.log.line(&format!("failed: {reason}"));
        if let Err(error) = session.store.fail(&job.id, reason, retry, job.log.tail()) {
            recorded = Err(error);
        }
        session.say(&Event::Failed { id: job.id.clone(), reason: reason.into(), retry });
    }
    recorded.map(|()| Went::Wrong).with_context(|| reason.to_string())
}
