//! What `cargo xtask sweep` takes.

use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Result, bail};

use crate::engine::slurm::SbatchOptions;
use crate::selected::{Selected, quoted};

/// The help of `--stop-early`.
const STOP_EARLY: &str = "\
Trains only the best trials to the end; without this, what was stopped goes on

Asynchronous successive halving (Li et al. 2020): trials pause after 2, 6, 18, … epochs, and whenever a process is free, one \
of the best third of those that pause there goes on, or else another begins. The sweep file says how:
    [stop_early]
    first_epochs = 2
    reduction_factor = 3
    score = \"test_folds.knn.accuracy\"    # of the validation split
    within = [\"data.name\", \"data.labelled_percent\"]
Trials compete with those that are equal in the keys of `within`, and in their seed.";

/// Runs a sweep's missing trials, then writes its report.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the command line")]
pub(crate) struct SweepArguments {
    #[command(flatten)]
    pub selected: Selected,
    /// Processes at a time, of one thread each [default: the number of cores]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Where trials compute: auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Prints the number of trials and an estimate of time, and runs nothing
    #[arg(long, conflicts_with_all = ["dry_run", "status"])]
    pub plan: bool,
    /// Prints the plan and every trial that would run, and runs nothing
    #[arg(long, conflicts_with = "status")]
    pub dry_run: bool,
    /// Prints what is done, running, failed and missing, and runs nothing
    #[arg(long)]
    pub status: bool,
    /// Attempts beyond the first for a trial that fails
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub retries: u32,
    /// Runs also what failed for good in earlier sweeps
    #[arg(long)]
    pub retry_failed: bool,
    /// Stops at the first trial that failed for good
    #[arg(long)]
    pub fail_fast: bool,
    /// Kills a process that says nothing for so long (it speaks after each epoch, at each step of
    /// scoring, and every ten seconds of a step while it computes), and counts its trial as failed
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..))]
    pub epoch_limit: u64,
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
    pub heartbeat: Option<u32>,
    /// Says nothing on stderr but errors and the closing summary
    #[arg(long, short)]
    pub quiet: bool,
    /// Where the report goes [default: report/NAME in the checkout]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Runs this `dml` rather than building the checkout's
    #[arg(long, value_name = "PROGRAM")]
    pub dml: Option<PathBuf>,
    /// Trains up to N trials at once in one process, where they have the same shape; for a GPU, as
    /// it saves nothing on a processor
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub stack: u16,
    /// Trains only the best trials to the end, as the sweep file says; without this, what was
    /// stopped goes on
    #[arg(long, long_help = STOP_EARLY)]
    pub stop_early: bool,
    /// Takes every decision of --stop-early again from what is recorded, says whether all are the
    /// same, and runs nothing
    #[arg(long, requires = "stop_early", conflicts_with_all = ["plan", "dry_run", "status"])]
    pub replay: bool,
    /// Where processes run: here, or as the tasks of one Slurm array job
    #[arg(long, value_enum, default_value_t)]
    pub executor: Executor,
    /// Options for sbatch, as in --sbatch="--partition=gpu --comment='my run'"
    ///
    /// They are split as a shell splits them.
    /// Not --output, --error and --open-mode: a task's log is where the sweep reads how the task
    /// died.
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub sbatch: Vec<SbatchOptions>,
    /// Slurm tasks at a time [default: as many as Slurm likes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub at_once: Option<u16>,
    /// Further arguments of `dml run`, as in `-- --tensorboard`
    #[arg(last = true, value_name = "DML RUN ARGUMENTS")]
    pub more: Vec<String>,
}

/// Where processes run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Executor {
    /// On this machine.
    #[default]
    Local,
    /// As the tasks of an array job.
    Slurm,
}

impl SweepArguments {
    /// Whether what is for one executor alone is asked of that one.
    ///
    /// # Errors
    /// Names the options that are not.
    pub(crate) fn check(&self) -> Result<()> {
        let of_slurm = [("--sbatch", !self.sbatch.is_empty()), ("--at-once", self.at_once.is_some())];
        let of_this_machine = [("--jobs", self.jobs.is_some()), ("--fail-fast", self.fail_fast)];
        let (options, place, right) = match self.executor {
            Executor::Local => (of_slurm, "Slurm", "add --executor slurm, or leave it out"),
            Executor::Slurm => (of_this_machine, "processes on this machine", "leave it out"),
        };
        if let Some((option, _)) = options.into_iter().find(|(_, is_given)| *is_given) {
            bail!("{option} is for {place}: {right}");
        }
        Ok(())
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from)
    }

    /// The command that goes on with this sweep.
    pub(crate) fn command(&self) -> String {
        let mut words = self.selected.words();
        let paths = [("--out", &self.out), ("--dml", &self.dml)];
        let given = |(option, path): (&str, &Option<PathBuf>)| {
            path.as_ref().map(|path| format!("{option} {}", quoted(&path.to_string_lossy())))
        };
        words.extend(paths.into_iter().filter_map(given));
        words.extend(self.stop_early.then(|| "--stop-early".to_owned()));
        format!("cargo xtask sweep {}", words.join(" "))
    }
}
