//! `cargo xtask sweep`: from a sweep file to a table of results that loses nothing on the way.

mod arguments;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use dml_store::RunStore;

pub(crate) use arguments::SweepArguments;

use crate::engine::local::{self, Ended, Work};
use crate::engine::plan::{self, Estimate, Plan};
use crate::engine::progress::{Progress, Tally};
use crate::engine::state::{self, Counts, Standing};
use crate::engine::stop_early::{self, Tournament};
use crate::engine::worker::Dml;
use crate::engine::{data, slurm, summary};
use crate::experiment::{StopEarly, Sweep, Trial};
use crate::libtorch;
use crate::program::Program;
use crate::report;
use crate::{WrongCall, say};
use arguments::Executor;

/// Runs what is missing and writes the report; exit code 1 if a trial has no result in the end.
pub(crate) fn run(root: &Path, arguments: &SweepArguments) -> Result<ExitCode> {
    let (sweep, mut store) = arguments.selected.open(root)?;
    arguments.check().context(WrongCall)?;
    if let Some(seconds) = arguments.heartbeat {
        store.claim_by_heartbeat(seconds).context(WrongCall)?;
    }
    Session { root, arguments, sweep, store }.run()
}

/// What runs trials.
const DML: Program = Program { package: "dml-cli", name: "dml", minutes: "2 minutes" };

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
        if let Err(error) = slurm::settle(store) {
            eprintln!("error: what ended on Slurm cannot be recorded: {error:#}");
        }
        let early = self.stop_early().context(WrongCall)?;
        if arguments.replay {
            say(&stop_early::replay(store, &sweep.name)?);
            return Ok(ExitCode::SUCCESS);
        }
        let standings = self.survey();
        if arguments.status {
            say(&summary::status(&sweep.name, &sweep.trials, &standings));
            say(&slurm::status(&slurm::tasks(store)));
            return Ok(ExitCode::SUCCESS);
        }
        let to_run = self.to_run(&standings);
        if arguments.plan || arguments.dry_run {
            self.say_plan(&to_run, &standings);
            return Ok(ExitCode::SUCCESS);
        }
        if !to_run.is_empty() {
            store.check_claims()?;
        }
        if arguments.retry_failed {
            to_run.iter().try_for_each(|trial| store.forget_failures(&trial.id))?;
        }
        let to_run = data::fetch(store, to_run, arguments.quiet)?;
        if !to_run.is_empty() && arguments.executor == Executor::Slurm {
            say(&self.submit(to_run)?);
            return Ok(ExitCode::SUCCESS);
        }
        if !to_run.is_empty()
            && let Some(code) = self.run_here(to_run, early, &standings)?
        {
            let (done, total) = (Counts::of(&self.survey()).done, sweep.trials.len());
            let command = arguments.command();
            eprintln!("interrupted: {done} of {total} trials done; {command} goes on from here");
            return Ok(code);
        }
        self.finish()
    }

    /// How trials are stopped early, where the call asks for it.
    fn stop_early(&self) -> Result<Option<&StopEarly>> {
        let Self { arguments, sweep, .. } = self;
        if !arguments.stop_early {
            return Ok(None);
        }
        if arguments.executor == Executor::Slurm || arguments.stack > 1 {
            bail!(
                "--stop-early decides on one trial at a time, here: leave out --executor slurm and --stack"
            );
        }
        let settings = sweep.file.stop_early.as_ref().with_context(|| {
            let keys = "first_epochs, reduction_factor, score and within";
            format!("{}: has no [stop_early] with {keys}, which --stop-early needs", sweep.path.display())
        })?;
        settings.check_keys(&sweep.trials).with_context(|| sweep.path.display().to_string())?;
        Ok(Some(settings))
    }

    /// Where all trials stand.
    fn survey(&self) -> Vec<Standing> {
        let Self { sweep, store, .. } = self;
        let mut standings = state::survey(store, &sweep.trials);
        stop_early::mark_stopped(store, &sweep.name, &sweep.trials, &mut standings);
        standings
    }

    /// The trials that a sweep runs which begins now, with those that were stopped early.
    fn to_run(&self, standings: &[Standing]) -> Vec<Trial> {
        let Self { arguments, sweep, .. } = self;
        let retries = if arguments.retry_failed { u32::MAX } else { arguments.retries };
        // A plan does not know which of the stopped ones will be sent on.
        let leaves_stopped = arguments.stop_early && (arguments.plan || arguments.dry_run);
        let is_left = |standing: &Standing| leaves_stopped && matches!(standing, Standing::Stopped { .. });
        let is_to_run = |standing: &Standing| standing.is_to_run(retries) && !is_left(standing);
        let both = sweep.trials.iter().zip(standings);
        both.filter(|(_, standing)| is_to_run(standing)).map(|(trial, _)| trial.clone()).collect()
    }

    fn estimate(&self, standings: &[Standing], to_run: &[Trial]) -> Estimate {
        Estimate::of(&self.sweep.trials, standings, to_run, self.sweep.file.seconds_per_trial)
    }

    /// What `--plan` and `--dry-run` print.
    fn say_plan(&self, to_run: &[Trial], standings: &[Standing]) {
        let (name, workers) = (self.sweep.name.as_str(), self.arguments.jobs());
        let (n_to_run, estimate) = (to_run.len(), self.estimate(standings, to_run));
        say(&Plan { name, standings, to_run: n_to_run, workers, estimate }.to_string());
        if self.arguments.stop_early && n_to_run > 0 {
            say("--stop-early ends some of them sooner\n");
        }
        if self.arguments.dry_run {
            say(&plan::dry_run(to_run));
        }
    }

    /// Runs trials on this machine; an exit code if a signal ended it.
    fn run_here(
        &self,
        to_run: Vec<Trial>,
        early: Option<&StopEarly>,
        standings: &[Standing],
    ) -> Result<Option<ExitCode>> {
        let (total, Counts { done, stopped, .. }) = (self.sweep.trials.len(), Counts::of(standings));
        let tally = Tally {
            total,
            done,
            failed: total - done - to_run.len(),
            stopped: if early.is_some() { stopped } else { 0 },
            workers: self.arguments.jobs(),
            estimate: self.estimate(standings, &to_run),
        };
        let begin = |settings| {
            Tournament::begin(settings, &self.sweep.name, &self.store, &self.sweep.trials, &to_run)
        };
        let tournament = early.map(begin).transpose()?;
        if tournament.as_ref().is_some_and(Tournament::is_over) {
            return Ok(None);
        }
        let trials = tournament.as_ref().map_or(to_run, Tournament::under_way);
        let work = Work { trials, tournament };
        let settings = local::Settings {
            dml: self.dml()?,
            workers: self.arguments.jobs(),
            retries: self.arguments.retries,
            epoch_limit: Duration::from_secs(self.arguments.epoch_limit),
            fail_fast: self.arguments.fail_fast,
        };
        let mut progress = Progress::new(tally, self.arguments.quiet);
        // What makes the report is built while trials run, and not before the first of them.
        let mut building = report::begin(self.root);
        match local::run(&settings, &self.store, work, &mut progress)? {
            Ended::Through | Ended::FailedFast => Ok(None),
            Ended::Interrupted(signal) => {
                if let Some(cargo) = &mut building {
                    // It may have ended by now.
                    let _ = cargo.kill();
                }
                Ok(Some(ExitCode::from(128 + signal as u8)))
            }
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
        let out = report::folder(root, arguments.out.as_deref(), sweep);
        let report = report::program(root, arguments.quiet)
            .and_then(|program| report::write(&program, &out, sweep, store));
        let standings = self.survey();
        let Counts { done, stopped, .. } = Counts::of(&standings);
        let is_stopped = arguments.stop_early && stopped > 0;
        if done + if is_stopped { stopped } else { 0 } == sweep.trials.len() {
            if is_stopped {
                let (stopped, command) = (summary::stopped(&sweep.trials, &standings), arguments.command());
                eprintln!(
                    "{stopped}{command} --replay checks why; without --stop-early they go on to the end"
                );
            }
            return report.map(ExitCode::from);
        }
        if let Err(error) = report {
            eprintln!("error: {error:#}");
        }
        eprint!("{}", summary::closing(&arguments.command(), store.root(), &sweep.trials, &standings));
        Ok(ExitCode::FAILURE)
    }

    /// The `dml` to run: the given one, or this checkout's, built now, with LibTorch if need be.
    fn dml(&self) -> Result<Dml> {
        let arguments = self.arguments;
        let program = if let Some(program) = &arguments.dml {
            let why = || format!("{}: is no dml to run", program.display());
            program.canonicalize().with_context(why).context(WrongCall)?
        } else {
            libtorch::ensure(self.root)?;
            DML.build(self.root, arguments.quiet)?.canonicalize()?
        };
        let (device, stack, more) = (arguments.device.clone(), arguments.stack, arguments.more.clone());
        Ok(Dml { program, device, stack, more })
    }
}
