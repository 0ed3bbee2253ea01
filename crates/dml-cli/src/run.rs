//! `dml run`: trials in, results out.

mod log;
mod members;
mod rung;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use clap::Args;
use dml_data::{Dataset, Source};
use dml_models::TrainingData;
use dml_report::{Claim, RunStore, trial_id};
use rand::Rng;
use tch::Device;

use crate::events::{Event, say};
use crate::trial::Trial;

pub(crate) use log::Log;
use rung::{Rung, RungScore};

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Trial directories, STORE/trials/ID
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads for training and scoring
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// Seconds between two checkpoints of a trial; 0 for one after every epoch
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    checkpoint_seconds: u64,
    /// Trials trained at once as one stack, where they differ only in seeds, labels, learning rates and weights; pays on a GPU
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    stack: u16,
    /// Use only data that is on this machine
    #[arg(long)]
    offline: bool,
    /// Also write `TensorBoard` event files into each DIR
    #[arg(long)]
    tensorboard: bool,
    /// Stop each trial after epoch N with a checkpoint and its validation score in rungs.json; without this, it goes on from there
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    until_epoch: Option<u32>,
    /// The score that --until-epoch takes on the validation split
    #[arg(long, value_name = "NAME", default_value = "test_folds.knn.accuracy", requires = "until_epoch")]
    rung_score: RungScore,
}

/// A trial that this process has claimed.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) directory: PathBuf,
    pub(crate) trial: Trial,
    pub(crate) table: toml::Table,
    pub(crate) log: Log,
    _claim: Claim,
}

/// What all trials of a process share.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) device: Device,
    pub(crate) checkpoint_seconds: u64,
    pub(crate) tensorboard: bool,
    pub(crate) threads: u16,
    pub(crate) store: RunStore,
    pub(crate) interrupted: Arc<AtomicBool>,
    pub(crate) rung: Option<Rung>,
    source: Source,
    loaded: Option<Loaded>,
}

/// The data set of the last trial, kept for the next.
#[derive(Debug)]
pub(crate) struct Loaded {
    key: (String, usize, bool),
    pub(crate) dataset: Dataset,
    pub(crate) training: TrainingData,
}

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode> {
    let device = match dml_models::device(&arguments.device) {
        Ok(device) => device,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            return Ok(ExitCode::from(2));
        }
    };
    tch::set_num_threads(i32::from(arguments.threads));
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.into()).build_global()?;
    let (interrupted, signal) = watch_signals()?;
    let store = store_of(&arguments.directories)?;
    let source = Source::from_env(arguments.offline)?;
    let mut session = Session {
        device,
        checkpoint_seconds: arguments.checkpoint_seconds,
        tensorboard: arguments.tensorboard,
        threads: arguments.threads,
        store,
        interrupted,
        rung: arguments.until_epoch.map(|epoch| Rung { epoch, score: arguments.rung_score.clone() }),
        source,
        loaded: None,
    };
    let mut all_well = true;
    let mut directories = arguments.directories.as_slice();
    while !directories.is_empty() && !session.interrupted.load(Ordering::Relaxed) {
        let (jobs, rest, well) = session.next_group(directories, arguments.stack.into())?;
        directories = rest;
        all_well &= well;
        if !jobs.is_empty() {
            all_well &= session.run_group(jobs)?;
        }
    }
    if session.interrupted.load(Ordering::Relaxed) {
        // Without a signal it was the reader of standard output who went away.
        let signal = match signal.load(Ordering::Relaxed) {
            0 => signal_hook::consts::SIGPIPE as usize,
            signal => signal,
        };
        return Ok(ExitCode::from(128 + signal as u8));
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The first SIGINT or SIGTERM asks for an end after the epoch, a second one ends the process at once.
fn watch_signals() -> Result<(Arc<AtomicBool>, Arc<std::sync::atomic::AtomicUsize>)> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let asked = Arc::new(AtomicBool::new(false));
    let which = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
        signal_hook::flag::register_usize(signal, Arc::clone(&which), signal as usize)?;
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    Ok((asked, which))
}

/// All directories must lie in one store: STORE/trials/ID.
fn store_of(directories: &[PathBuf]) -> Result<RunStore> {
    let root_of = |directory: &Path| -> Result<PathBuf> {
        let directory = directory.canonicalize().with_context(|| directory.display().to_string())?;
        let trials = directory.parent().filter(|p| p.ends_with("trials")).and_then(Path::parent);
        let why = || format!("{}: is not a trial directory, STORE/trials/ID", directory.display());
        trials.map(Path::to_path_buf).with_context(why)
    };
    let root = root_of(&directories[0])?;
    for directory in directories {
        if root_of(directory)? != root {
            bail!("{}: lies in another store than {}", directory.display(), directories[0].display());
        }
    }
    Ok(RunStore::open(&root)?)
}

impl Session {
    /// Takes directories from the front: skips those that are done or taken, and claims the next one and up to `stack - 1` more that can be
    /// trained with it. Returns the jobs, the directories left, and whether nothing failed.
    fn next_group<'a>(
        &self,
        mut directories: &'a [PathBuf],
        stack: usize,
    ) -> Result<(Vec<Job>, &'a [PathBuf], bool)> {
        let (mut jobs, mut all_well) = (Vec::<Job>::new(), true);
        while let [first, rest @ ..] = directories {
            if jobs.len() == stack {
                break;
            }
            let id = first.canonicalize()?.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match self.claim(&id) {
                Ok(Ok(job)) if jobs.first().is_none_or(|j| j.trial.stacks_with(&job.trial)) => jobs.push(job),
                Ok(Ok(_)) => break,
                Ok(Err(why)) => self.say(&Event::Skipped { id: &id, why }),
                Err(error) => {
                    let reason = format!("{error:#}");
                    self.store.fail(&id, &reason, false, vec![])?;
                    self.say(&Event::Failed { id: &id, reason: &reason, retry: false });
                    eprintln!("error: {reason}");
                    all_well = false;
                }
            }
            directories = rest;
        }
        Ok((jobs, directories, all_well))
    }

    fn claim(&self, id: &str) -> Result<Result<Job, &'static str>> {
        let directory = self.store.trial_directory(id);
        if self.store.result(id)?.is_some() {
            return Ok(Err("finished"));
        }
        let Some(claim) = self.store.claim(id)? else { return Ok(Err("claimed")) };
        // It may have been finished between the look and the claim.
        if self.store.result(id)?.is_some() {
            return Ok(Err("finished"));
        }
        let (trial, table) = Trial::read(&directory.join("trial.toml"))?;
        if trial_id(&table) != id {
            bail!("{}/trial.toml: is trial {}, not {id}", directory.display(), trial_id(&table));
        }
        let log = Log::open(&directory)?;
        let job = Job { id: id.to_string(), directory, trial, table, log, _claim: claim };
        match &self.rung {
            Some(rung) if rung.recall(self, &job)? => Ok(Err("rests")),
            _ => Ok(Ok(job)),
        }
    }

    /// Runs claimed trials; whatever goes wrong is recorded and the process goes on. Whether all ended well.
    fn run_group(&mut self, jobs: Vec<Job>) -> Result<bool> {
        if let Err(error) = self.load(&jobs[0].trial) {
            return self.fail(&jobs, &format!("{error:#}"), false);
        }
        let (mut able, mut masks, mut all_well) = (Vec::new(), Vec::new(), true);
        for job in jobs {
            // What the data set cannot give, it cannot give later either; the rest of the stack is trained without it.
            match members::mask(self, &job) {
                Ok(mask) => {
                    able.push(job);
                    masks.push(mask);
                }
                Err(error) => all_well = self.fail(&[job], &format!("{error:#}"), false)?,
            }
        }
        if able.is_empty() {
            return Ok(all_well);
        }
        let guarded = std::panic::AssertUnwindSafe(|| members::run(self, &able, &masks));
        let (reason, retry) = match std::panic::catch_unwind(guarded) {
            Ok(Ok(())) => return Ok(all_well),
            // What the data set is too small for stays too much.
            Ok(Err(error)) => (format!("{error:#}"), !error.is::<dml_models::ConfigError>()),
            Err(panic) => (log::panic_message(panic.as_ref()), true),
        };
        self.fail(&able, &reason, retry)
    }

    /// Records why trials have no result, and tells everybody. False: not all ended well.
    fn fail(&self, jobs: &[Job], reason: &str, retry: bool) -> Result<bool> {
        eprintln!("error: {reason}");
        let mut recorded = Ok(());
        for job in jobs {
            if self.store.result(&job.id).is_ok_and(|r| r.is_some()) {
                continue; // finished before another member of its stack failed
            }
            job.log.line(&format!("failed: {reason}"));
            if let Err(error) = self.store.fail(&job.id, reason, retry, job.log.tail()) {
                recorded = Err(error);
            }
            self.say(&Event::Failed { id: &job.id, reason, retry });
        }
        recorded.map(|()| false).with_context(|| reason.to_string())
    }

    /// Loads the data set of a trial, unless it is the one at hand.
    fn load(&mut self, trial: &Trial) -> Result<()> {
        let key = (trial.data.name.clone(), trial.data.validation, trial.data.binarize);
        if self.loaded.as_ref().is_some_and(|loaded| loaded.key == key) {
            return Ok(());
        }
        self.loaded = None;
        let dataset = load_dataset(trial, &self.source)?;
        let train = &dataset.train;
        let training = TrainingData::new(
            train.images.view(),
            &train.labels,
            dataset.shape,
            dataset.n_classes,
            self.device,
        );
        self.loaded = Some(Loaded { key, dataset, training });
        Ok(())
    }

    /// Tells whoever started this process. When nobody reads any more, they are gone: end as after a signal.
    pub(crate) fn say(&self, event: &Event) {
        if say(event).is_err() {
            self.interrupted.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn loaded(&self) -> &Loaded {
        self.loaded.as_ref().expect("loaded before the group runs")
    }
}

/// The data set of a trial, with its validation rows held out. Those are the same for every seed.
pub(crate) fn load_dataset(trial: &Trial, source: &Source) -> Result<Dataset> {
    let dataset = dml_data::load(&trial.data.name, source, true)?;
    let mut dataset = dataset.hold_out_validation(trial.data.validation, 0)?;
    if trial.data.binarize {
        let splits = [Some(&mut dataset.train), Some(&mut dataset.test), dataset.validation.as_mut()];
        for (i, split) in splits.into_iter().enumerate().filter_map(|(i, split)| Some((i, split?))) {
            let mut random = dml_data::random::keyed(0, "binarize", i as u64);
            split.images.mapv_inplace(|pixel| if random.gen_range(0..255) < pixel { 255 } else { 0 });
        }
    }
    Ok(dataset)
}
