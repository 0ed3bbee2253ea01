//! Slurm as the executor: one array job, whose tasks are the same `dml run DIR...` as here.
//!
//! ```text
//! STORE/slurm/NAME-N/job.sh     what was submitted
//!                    tasks/I    trial directories of task I, one a line
//!                    logs/I     what it said
//!                    ended/I    empty; there once the trials it died in are recorded as failed
//!                    job        the job's number
//! ```
//! The store says what is done, and `squeue` what is under way; not every cluster has `sacct`.

mod script;
mod settle;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use dml_data::files::write_aside;
use dml_store::{RunStore, names};

use super::queue::by_data_set;
use super::words::count;
use super::worker::Dml;
use crate::experiment::Trial;
use script::{Job, script};
pub(crate) use settle::settle;

/// Slurm's `MaxArraySize` is 1001 unless the cluster says otherwise; indices stay below it.
const MOST_TASKS: usize = 1000;
/// Below this number of tasks, a task has a single trial.
const FEW_TASKS: usize = 32;
/// More trials than this a task has only where the array would become too large.
const LARGEST_TASK: usize = 8;

/// Short options of `sbatch` without a value: the letter behind one is an option too.
const SHORT_WITHOUT_VALUE: [char; 9] = ['H', 'h', 'k', 'O', 'Q', 's', 'V', 'v', 'W'];

/// What the user says about the job.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The sweep.
    pub name: &'a str,
    pub dml: Dml,
    /// Options for `sbatch`; they win over the script's own.
    pub sbatch: &'a [SbatchOptions],
    /// Tasks at a time.
    pub at_once: Option<u16>,
}

/// A task that Slurm has not ended yet.
#[derive(Debug)]
pub(crate) struct Task {
    pub job: String,
    /// In Slurm's words, as `PENDING`.
    pub state: String,
    /// Ids of its trials.
    pub trials: Vec<String>,
}

/// Words for `sbatch`, of a text that is split as a shell splits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SbatchOptions(Vec<String>);

impl FromStr for SbatchOptions {
    type Err = String;

    /// Refuses what would put the logs where no sweep finds them.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = shlex::split(text).ok_or_else(|| {
            format!("{text:?} has a quote without its end, or a backslash at its end; a shell's quotes would be right")
        })?;
        // Also glued to their value, behind letters that take none, or abbreviated.
        let moves_logs = |word: &&String| {
            let short = word.strip_prefix('-').map(|letters| letters.trim_start_matches(SHORT_WITHOUT_VALUE));
            let long = word.split('=').next().unwrap_or_default();
            short.is_some_and(|letters| letters.starts_with(['o', 'e']))
                || (long.len() >= 4
                    && ["--output", "--error", "--open-mode"].iter().any(|o| o.starts_with(long)))
        };
        match words.iter().find(moves_logs) {
            None => Ok(Self(words)),
            Some(word) => Err(format!(
                "leave out {word}: the logs are in STORE/slurm/NAME-N/logs, where the sweep reads how a task died"
            )),
        }
    }
}

/// Trials per task: several, but not so few tasks that a small sweep stays on one node, nor more
/// than an array may have.
fn task_size(trials: usize) -> usize {
    (trials / FEW_TASKS).clamp(1, LARGEST_TASK).max(trials.div_ceil(MOST_TASKS))
}

/// Submits the trials as one array job, and returns a sentence that says so.
///
/// # Errors
/// When the store cannot be written, or `sbatch` is not there or refuses the job.
pub(crate) fn submit(request: &Request, store: &RunStore, trials: Vec<Trial>) -> Result<String> {
    let root = fs::canonicalize(store.root()).with_context(|| store.root().display().to_string())?;
    let n_trials = trials.len();
    let mut trials = by_data_set(trials);
    // What was begun before may be what its task died of: it comes last.
    trials.sort_by_key(|trial| store.trial_directory(&trial.id).join("log.txt").exists());
    check_folder(&root)?;
    let folder = new_folder(&root.join(names::SLURM), request.name)?;
    for part in ["tasks", "logs", "ended"] {
        fs::create_dir_all(folder.join(part)).with_context(|| folder.display().to_string())?;
    }
    let mut n_tasks = 0;
    for (index, task) in trials.chunks(task_size(n_trials)).enumerate() {
        let mut lines = String::new();
        for trial in task {
            store.add(&trial.table)?;
            writeln!(lines, "{}", root.join("trials").join(&trial.id).display())?;
        }
        write(&folder.join("tasks").join(index.to_string()), &lines)?;
        n_tasks = index + 1;
    }
    let job =
        Job { name: request.name, folder: &folder, dml: &request.dml, n_tasks, at_once: request.at_once };
    let path = folder.join("job.sh");
    write(&path, &script(&job))?;
    let number = sbatch(request.sbatch, &path)?;
    write(&folder.join("job"), &format!("{number}\n"))?;
    Ok(format!(
        "Slurm job {number}: {} in {}; its logs are in {}",
        count(n_trials, "trial"),
        count(n_tasks, "task"),
        folder.join("logs").display()
    ))
}

/// Refuses a folder that no `#SBATCH` line and no list of trials can name: a backslash anywhere in
/// a path takes the meaning from `%a` in all of it.
fn check_folder(root: &Path) -> Result<()> {
    ensure!(
        root.to_str().is_some_and(|path| !path.contains(['\\', '\n'])),
        "{}: Slurm cannot name a folder with a backslash, a line break or bytes that are no UTF-8 in its path; use another --store",
        root.display()
    );
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    write_aside(path, text.as_bytes()).with_context(|| path.display().to_string())
}

/// `NAME-1`, `NAME-2`, …: the first that is not there yet.
fn new_folder(parent: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    for number in 1.. {
        let folder = parent.join(format!("{name}-{number}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| folder.display().to_string()),
        }
    }
    unreachable!("some number is free")
}

fn sbatch(options: &[SbatchOptions], script: &Path) -> Result<String> {
    let words = options.iter().flat_map(|options| &options.0);
    let mut command = Command::new("sbatch");
    // These would win over the script's own.
    for variable in ["SBATCH_OUTPUT", "SBATCH_ERROR", "SBATCH_OPEN_MODE"] {
        command.env_remove(variable);
    }
    let output = command.arg("--parsable").args(words).arg(script).output();
    let output = output.context("cannot start sbatch: is Slurm's client on this machine?")?;
    if !output.status.success() {
        bail!("sbatch refused {}: {}", script.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    // JOB or JOB;CLUSTER
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().split(';').next().unwrap_or_default().to_owned())
}

/// A job that was submitted for a store.
struct Submitted {
    folder: PathBuf,
    /// Slurm's name for it.
    number: String,
}

fn jobs(store: &RunStore) -> impl Iterator<Item = Submitted> {
    let folders = fs::read_dir(store.root().join(names::SLURM)).into_iter().flatten().flatten();
    folders.filter_map(|entry| {
        let number = fs::read_to_string(entry.path().join("job")).ok()?;
        Some(Submitted { folder: entry.path(), number: number.trim().to_owned() })
    })
}

/// Ids of a task's trials.
fn trials(folder: &Path, index: &str) -> Vec<String> {
    let list = fs::read_to_string(folder.join("tasks").join(index)).unwrap_or_default();
    list.lines().map(|directory| directory.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

/// All tasks of this store's jobs that are still under way. None where `squeue` cannot say.
pub(crate) fn tasks(store: &RunStore) -> Vec<Task> {
    let jobs: Vec<_> = jobs(store).collect();
    let squeue = if jobs.is_empty() { None } else { squeue() }.unwrap_or_default();
    let mut tasks = Vec::new();
    for Submitted { folder, number } in jobs {
        for Listed { index, state, .. } in under_way(&squeue).filter(|task| task.job == number) {
            let trials = trials(&folder, index);
            tasks.push(Task { job: number.clone(), state: state.to_owned(), trials });
        }
    }
    tasks
}

/// Job, index and state of every task on the cluster; `None` where Slurm does not answer.
fn squeue() -> Option<String> {
    let output = Command::new("squeue").args(["--noheader", "--array", "--format=%F %K %T"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A task in the words of squeue.
#[derive(Debug, PartialEq, Eq)]
struct Listed<'a> {
    job: &'a str,
    index: &'a str,
    state: &'a str,
}

/// Each task that squeue names and that has not ended.
fn under_way(squeue: &str) -> impl Iterator<Item = Listed<'_>> {
    const OVER: &str = "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY TIMEOUT";
    let listed = squeue.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(Listed { job: words.next()?, index: words.next()?, state: words.next()? })
    });
    listed.filter(|task| !OVER.split(' ').any(|over| over == task.state))
}

/// Ids of the trials that a task will still come to.
pub(crate) fn queued(tasks: &[Task]) -> HashSet<String> {
    tasks.iter().flat_map(|task| task.trials.iter().cloned()).collect()
}

/// A line for each job: `Slurm job 7: 3 pending, 2 running`.
pub(crate) fn status(tasks: &[Task]) -> String {
    let mut jobs: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for task in tasks {
        *jobs.entry(&task.job).or_default().entry(task.state.to_lowercase()).or_default() += 1;
    }
    jobs.iter().fold(String::new(), |text, (job, counts)| {
        let states: Vec<_> = counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
        text + &format!("Slurm job {job}: tasks: {}\n", states.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_trials_fit_into_an_array_and_eight_are_spread() {
        assert_eq!([1, 8, 100, 256, 5000].map(task_size), [1, 1, 3, 8, 8]);
        for trials in [8000_usize, 8001, 10_000, 11_520, 1_000_000] {
            assert!(trials.div_ceil(task_size(trials)) <= MOST_TASKS, "{trials}");
        }
    }

    #[test]
    fn what_would_move_the_logs_is_refused_in_any_spelling() {
        let moves = "--output=x|-o x|-ox|--outp x|--error=x|-e x|--err=x|--open-mode=truncate|-Hox|-QWex";
        for option in moves.split('|') {
            let said = format!("--partition=gpu {option}").parse::<SbatchOptions>().unwrap_err();
            let word = option.split(' ').next().unwrap();
            assert!(said.starts_with(&format!("leave out {word}: the logs are in ")), "{said}");
        }
        let fine = "--partition=gpu --exclusive --export=ALL --exclude=n1 --overcommit --oversubscribe -p output -Hpo -Joe -O";
        let words = fine.split(' ').map(str::to_owned).collect();
        assert_eq!(fine.parse(), Ok(SbatchOptions(words)));
    }

    #[test]
    fn options_are_split_as_a_shell_splits_them() {
        let options = r#"--comment='my run' --mail-user="it's me" -J a\ b"#;
        let words = ["--comment=my run", "--mail-user=it's me", "-J", "a b"].map(str::to_owned).to_vec();
        assert_eq!(options.parse(), Ok(SbatchOptions(words)));
        let said = "--comment='my run".parse::<SbatchOptions>().unwrap_err();
        assert_eq!(
            said,
            r#""--comment='my run" has a quote without its end, or a backslash at its end; a shell's quotes would be right"#
        );
    }

    #[test]
    fn a_store_that_no_line_of_slurms_can_name_is_refused() {
        assert!(check_folder(Path::new("/data/my store 50%a #1 'new'")).is_ok());
        let said = check_folder(Path::new(r"/data/a\b")).unwrap_err().to_string();
        assert!(said.starts_with(r"/data/a\b: Slurm cannot name") && said.ends_with("--store"), "{said}");
        assert!(check_folder(Path::new("/data/a\nb")).is_err());
    }

    #[test]
    fn tasks_that_have_ended_are_not_under_way() {
        let squeue = "7 3 PENDING\n7 0 RUNNING\n7 1 COMPLETED\n7 2 OUT_OF_MEMORY\n9 N/A RUNNING\n";
        let expected = [("7", "3", "PENDING"), ("7", "0", "RUNNING"), ("9", "N/A", "RUNNING")];
        let expected = expected.map(|(job, index, state)| Listed { job, index, state });
        assert_eq!(under_way(squeue).collect::<Vec<_>>(), expected);
        let task =
            |state: &str, id: &str| Task { job: "7".into(), state: state.into(), trials: vec![id.into()] };
        let tasks = [task("PENDING", "a"), task("RUNNING", "b"), task("PENDING", "c")];
        assert_eq!(status(&tasks), "Slurm job 7: tasks: 2 pending, 1 running\n");
        assert_eq!(queued(&tasks).len(), 3);
    }
}
