//! `cargo xtask sweep`: from a sweep file to a table of results that loses nothing on the way.
//!
//! The engine knows TOML, not models: a trial is a complete file, its hash is its identity, and it is done when its
//! directory holds `result.json`. The unit of work is a process, `dml run DIR...`, here or as a Slurm task.

mod arguments;
mod data;
mod event;
mod expand;
mod file;
mod local;
mod plan;
mod progress;
mod queue;
mod slurm;
mod state;
mod summary;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dml_report::RunStore;

pub(crate) use arguments::{Executor, Selected, SweepArguments};
pub(crate) use expand::Trial;
pub(crate) use file::Sweep;

use crate::libtorch;
use crate::report::{self, Target};
use crate::{WrongCall, say};
use local::Ended;
use plan::{Estimate, Plan};
use progress::{Progress, Tally};
use state::{Counts, Standing, survey};
use worker::Dml;

/// Runs what is missing and writes the report; exit code 1 if a trial has no result in the end.
///
/// # Errors
/// When the call, the sweep file or the store is not what it should be, or the engine cannot go on.
pub(crate) fn run(root: &Path, arguments: &SweepArguments) -> Result<ExitCode> {
    let (sweep, store) = arguments.selected.open(root).context(WrongCall)?;
    Session { root, arguments, sweep, store }.run()
}

/// One call of the command.
struct Session<'a> {
    root: &'a Path,
    arguments: &'a SweepArguments,
    sweep: Sweep,
    store: RunStore,
}

impl Session<'_> {
    fn run(&self) -> Result<ExitCode> {
        let Self { arguments, sweep, store, .. } = self;
        let standings = survey(store, &sweep.trials);
        if arguments.status {
            say(&summary::status(&sweep.name, &sweep.trials, &standings));
            say(&slurm::status(&slurm::tasks(store)));
            return Ok(ExitCode::SUCCESS);
        }
        let to_run = self.to_run(&standings);
        let (workers, estimate) = (arguments.jobs(), Estimate::of(&standings, sweep.file.seconds_per_trial));
        if arguments.plan || arguments.dry_run {
            let (name, standings) = (sweep.name.as_str(), standings.as_slice());
            say(&Plan { name, standings, to_run: to_run.len(), workers, estimate }.to_string());
            if arguments.dry_run {
                say(&plan::dry_run(&to_run));
            }
            return Ok(ExitCode::SUCCESS);
        }
        if arguments.retry_failed {
            to_run.iter().try_for_each(|trial| store.forgive(&trial.id))?;
        }
        let to_run = data::fetch(store, to_run, arguments.quiet)?;
        if !to_run.is_empty() && arguments.executor == Executor::Slurm {
            say(&self.submit(to_run)?);
            return Ok(ExitCode::SUCCESS);
        }
        if !to_run.is_empty() {
            let (total, done) = (sweep.trials.len(), Counts::of(&standings).done);
            let tally = Tally { total, done, failed: total - done - to_run.len(), workers, estimate };
            if let Some(code) = self.run_here(to_run, tally)? {
                let done = Counts::of(&survey(store, &sweep.trials)).done;
                let command = arguments.command();
                eprintln!("interrupted: {done} of {total} trials done; {command} goes on from here");
                return Ok(code);
            }
        }
        self.finish()
    }

    /// The trials that a sweep runs which begins now.
    fn to_run(&self, standings: &[Standing]) -> Vec<Trial> {
        let retries = if self.arguments.retry_failed { u32::MAX } else { self.arguments.retries };
        let both = self.sweep.trials.iter().zip(standings);
        both.filter(|(_, standing)| standing.is_to_run(retries)).map(|(trial, _)| trial.clone()).collect()
    }

    /// Runs trials on this machine; an exit code if a signal ended it.
    fn run_here(&self, trials: Vec<Trial>, tally: Tally) -> Result<Option<ExitCode>> {
        let settings = local::Settings {
            dml: self.dml()?,
            workers: self.arguments.jobs(),
            retries: self.arguments.retries,
            epoch_limit: Duration::from_secs(self.arguments.epoch_limit),
            fail_fast: self.arguments.fail_fast,
        };
        let mut progress = Progress::new(tally, self.arguments.quiet);
        match local::run(&settings, &self.store, trials, &mut progress)? {
            Ended::Through | Ended::FailedFast => Ok(None),
            Ended::Interrupted(signal) => Ok(Some(ExitCode::from(128 + signal as u8))),
        }
    }

    /// Submits the trials that no earlier job still comes to, and returns what there is to say.
    fn submit(&self, mut trials: Vec<Trial>) -> Result<String> {
        let tasks = slurm::tasks(&self.store);
        let queued = slurm::queued(&tasks);
        trials.retain(|trial| !queued.contains(&trial.id));
        if trials.is_empty() {
            let status = slurm::status(&tasks);
            return Ok(format!(
                "{status}nothing to submit: these tasks will come to every trial that is missing\n"
            ));
        }
        let Self { arguments, sweep, .. } = self;
        let (sbatch, at_once) = (arguments.sbatch.as_slice(), arguments.at_once);
        let request = slurm::Request { name: &sweep.name, dml: self.dml()?, sbatch, at_once };
        let said = slurm::submit(&request, &self.store, trials)?;
        let command = arguments.command();
        Ok(format!(
            "{said}\n{command} --status tells how it goes; {command} runs here what is missing then, and writes the tables\n"
        ))
    }

    /// Writes the report and says what is not in it.
    fn finish(&self) -> Result<ExitCode> {
        let Self { root, arguments, sweep, store } = self;
        let report = report::write(&Target { root, out: arguments.out.as_deref() }, sweep, store);
        let standings = survey(store, &sweep.trials);
        if Counts::of(&standings).done == sweep.trials.len() {
            return report.map(|_| ExitCode::SUCCESS);
        }
        if let Err(error) = report {
            eprintln!("error: {error:#}");
        }
        eprint!("{}", summary::closing(&arguments.command(), store.root(), &sweep.trials, &standings));
        Ok(ExitCode::FAILURE)
    }

    /// The `dml` to run: the given one, or this checkout's, built now with LibTorch brought if need be.
    fn dml(&self) -> Result<Dml> {
        let arguments = self.arguments;
        let program = match &arguments.dml {
            Some(program) => program.clone(),
            None => build(self.root, arguments.quiet)?,
        };
        let program =
            program.canonicalize().with_context(|| format!("{}: is no dml to run", program.display()))?;
        let (device, stack, more) = (arguments.device.clone(), arguments.stack, arguments.more.clone());
        Ok(Dml { program, device, stack, more })
    }
}

fn build(root: &Path, quiet: bool) -> Result<PathBuf> {
    libtorch::ensure(root)?;
    let quiet = quiet.then_some("--quiet");
    let status = libtorch::cargo(root).args(["build", "--package", "dml-cli"]).args(quiet).status()?;
    ensure!(status.success(), "`cargo build --package dml-cli` failed; what it said stands above");
    // Cargo puts both binaries into one folder, wherever that is.
    Ok(std::env::current_exe()?.with_file_name(format!("dml{}", std::env::consts::EXE_SUFFIX)))
}
