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
use plan::Estimate;
use progress::{Progress, Tally};
use state::{Counts, Standing, survey};
use worker::Dml;

/// Runs what is missing and writes the report; exit code 1 if a trial has no result in the end.
///
/// # Errors
/// When the call, the sweep file or the store is not what it should be, or the engine cannot go on.
pub(crate) fn run(root: &Path, arguments: &SweepArguments) -> Result<ExitCode> {
    let (sweep, trials, store) = arguments.selected.open(root).context(WrongCall)?;
    let standings = survey(&store, &trials);
    if arguments.status {
        say(&summary::status(&sweep.name, &trials, &standings));
        say(&slurm::status(&slurm::tasks(&store)));
        return Ok(ExitCode::SUCCESS);
    }
    let to_run = to_run(arguments, &trials, &standings);
    let estimate = Estimate::of(&standings, sweep.file.seconds_per_trial);
    if arguments.plan || arguments.dry_run {
        say(&plan::plan(&sweep.name, &standings, to_run.len(), arguments.jobs(), &estimate));
        if arguments.dry_run {
            say(&plan::dry_run(&to_run));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.retry_failed {
        to_run.iter().try_for_each(|trial| store.forgive(&trial.id))?;
    }
    let to_run = data::fetch(&store, to_run, arguments.quiet)?;
    if !to_run.is_empty() && arguments.executor == Executor::Slurm {
        say(&submit(root, arguments, &sweep.name, &store, to_run)?);
        return Ok(ExitCode::SUCCESS);
    }
    if !to_run.is_empty() {
        let done = Counts::of(&standings).done;
        let failed = trials.len() - done - to_run.len();
        let tally = Tally { total: trials.len(), done, failed, workers: arguments.jobs(), estimate };
        if let Some(code) = run_here(root, arguments, &store, to_run, tally)? {
            let done = Counts::of(&survey(&store, &trials)).done;
            eprintln!(
                "interrupted: {done} of {} trials done; {} goes on from here",
                trials.len(),
                arguments.command()
            );
            return Ok(code);
        }
    }
    let report = report::write(&Target { root, out: arguments.out.as_deref() }, &sweep, &trials, &store);
    let standings = survey(&store, &trials);
    if Counts::of(&standings).done == trials.len() {
        return report.map(|_| ExitCode::SUCCESS);
    }
    if let Err(error) = report {
        eprintln!("error: {error:#}");
    }
    eprint!("{}", summary::closing(&arguments.command(), store.root(), &trials, &standings));
    Ok(ExitCode::FAILURE)
}

/// The trials that a sweep runs which begins now.
fn to_run(arguments: &SweepArguments, trials: &[Trial], standings: &[Standing]) -> Vec<Trial> {
    let retries = if arguments.retry_failed { u32::MAX } else { arguments.retries };
    let both = trials.iter().zip(standings);
    both.filter(|(_, standing)| standing.is_to_run(retries)).map(|(trial, _)| trial.clone()).collect()
}

/// Runs trials on this machine; an exit code if a signal ended it.
fn run_here(
    root: &Path,
    arguments: &SweepArguments,
    store: &RunStore,
    trials: Vec<Trial>,
    tally: Tally,
) -> Result<Option<ExitCode>> {
    let settings = local::Settings {
        dml: dml(root, arguments)?,
        workers: arguments.jobs(),
        retries: arguments.retries,
        epoch_limit: Duration::from_secs(arguments.epoch_limit),
        fail_fast: arguments.fail_fast,
    };
    let mut progress = Progress::new(tally, arguments.quiet);
    match local::run(&settings, store, trials, &mut progress)? {
        Ended::Through | Ended::FailedFast => Ok(None),
        Ended::Interrupted(signal) => Ok(Some(ExitCode::from(128 + signal as u8))),
    }
}

/// Submits the trials that no earlier job still comes to, and returns what there is to say.
fn submit(
    root: &Path,
    arguments: &SweepArguments,
    name: &str,
    store: &RunStore,
    trials: Vec<Trial>,
) -> Result<String> {
    let tasks = slurm::tasks(store);
    let queued = slurm::queued(&tasks);
    let trials: Vec<Trial> = trials.into_iter().filter(|trial| !queued.contains(&trial.id)).collect();
    if trials.is_empty() {
        return Ok(format!(
            "{}nothing to submit: these tasks will come to every trial that is missing\n",
            slurm::status(&tasks)
        ));
    }
    let dml = dml(root, arguments)?;
    let request = slurm::Request { name, dml, sbatch: &arguments.sbatch, at_once: arguments.at_once };
    let said = slurm::submit(&request, store, trials)?;
    let command = arguments.command();
    Ok(format!(
        "{said}\n{command} --status tells how it goes; {command} runs here what is missing then, and writes the tables\n"
    ))
}

/// The `dml` to run: the given one, or this checkout's, built now with LibTorch brought if need be.
fn dml(root: &Path, arguments: &SweepArguments) -> Result<Dml> {
    let program = match &arguments.dml {
        Some(program) => program.clone(),
        None => build(root, arguments.quiet)?,
    };
    let program =
        program.canonicalize().with_context(|| format!("{}: is no dml to run", program.display()))?;
    let (device, stack, more) = (arguments.device.clone(), arguments.stack, arguments.more.clone());
    Ok(Dml { program, device, stack, more })
}

fn build(root: &Path, quiet: bool) -> Result<PathBuf> {
    libtorch::ensure(root)?;
    let quiet = quiet.then_some("--quiet");
    let status = libtorch::cargo(root).args(["build", "--package", "dml-cli"]).args(quiet).status()?;
    ensure!(status.success(), "`cargo build --package dml-cli` failed; what it said stands above");
    // Cargo puts both binaries into one folder, wherever that is.
    Ok(std::env::current_exe()?.with_file_name(format!("dml{}", std::env::consts::EXE_SUFFIX)))
}
