//! A store of small trials, and `dml` at work on it.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use dml_store::{RunStore, TrialResult};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::arrays::TINY;
use crate::call::{Answer, DML, call, nowhere, text};

/// A run store in a folder that goes away with it.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
    runs: RunStore,
}

impl Store {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runs = RunStore::open(&folder.path().join("runs")).unwrap();
        Self { folder, runs }
    }

    /// Enters the small trial with some of its keys set otherwise, in TOML; its directory.
    pub(crate) fn add(&self, settings: &str) -> PathBuf {
        self.enter(&trial(settings))
    }

    /// Enters a trial; its directory.
    pub(crate) fn enter(&self, trial: &toml::Table) -> PathBuf {
        let id = self.runs.add(trial).unwrap();
        self.runs.trial_directory(&id)
    }
}

/// The result of the trial in a directory, as the report reads it.
pub(crate) fn result(directory: &Path) -> TrialResult {
    let store = RunStore::open(directory.parent().and_then(Path::parent).unwrap()).unwrap();
    store.result(&id(directory)).unwrap().unwrap_or_else(|| panic!("{} has no result", id(directory)))
}

/// A directory's trial.
pub(crate) fn id(directory: &Path) -> String {
    directory.file_name().unwrap().to_str().unwrap().to_string()
}

/// tests/trial.toml on the small data set, with some keys set otherwise.
pub(crate) fn trial(settings: &str) -> toml::Table {
    let mut trial: toml::Table = include_str!("trial.toml").parse().unwrap();
    let small = "
        data.labelled_percent = 10.0
        model.encoder.hidden = [16]
        model.decoder.hidden = [16]
        training.learning_rate = 0.01
    ";
    set(&mut trial, &format!("data.name = {:?}", text(&TINY)));
    set(&mut trial, small);
    set(&mut trial, settings);
    trial
}

/// Sets keys otherwise, in TOML.
pub(crate) fn set(trial: &mut toml::Table, settings: &str) {
    merge(trial, settings.parse().unwrap());
}

/// Sets keys at any depth. A table that says its kind takes the whole place of another.
fn merge(table: &mut toml::Table, settings: toml::Table) {
    for (key, value) in settings {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(settings))
                if !settings.contains_key("kind") =>
            {
                merge(inner, settings);
            }
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// How a `dml run` ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
}

/// `dml run OPTIONS DIRECTORIES`, to its end.
pub(crate) fn run(options: &[&str], directories: &[impl AsRef<Path>]) -> Ran {
    let mut arguments = vec!["run"];
    arguments.extend(options);
    arguments.extend(directories.iter().map(|directory| text(directory.as_ref())));
    let Answer { code, out, err: stderr } = call(&arguments);
    let events = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Ran { code, events, stderr }
}

impl Ran {
    /// The events of one trial in a few words each.
    pub(crate) fn events_of(&self, directory: &Path) -> Vec<String> {
        let id = id(directory);
        self.events.iter().filter(|event| event["id"] == id.as_str()).map(words).collect()
    }

    /// This run, if it ended with the exit code 0.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{:?} {}", self.events, self.stderr);
        self
    }
}

fn words(event: &Value) -> String {
    let word = |key: &str| event[key].as_str().unwrap_or_default().to_string();
    match event["event"].as_str().unwrap() {
        "started" => format!("started with {} of {}", event["resumed_at"], event["epochs"]),
        "epoch" => format!("epoch {} of {}", event["epoch"], event["epochs"]),
        "scoring" => format!("scoring {}", word("step")),
        "finished" => format!("finished {}", word("outcome")),
        "skipped" => format!("skipped {}", word("why")),
        "failed" => format!("failed, retry {}", event["retry"]),
        other => other.to_string(),
    }
}

/// The files of a trial's directory, by name.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The bytes of a trial's result and of its weights.
pub(crate) fn outcome(directory: &Path) -> [Vec<u8>; 2] {
    ["result.json", "weights.safetensors"].map(|name| fs::read(directory.join(name)).unwrap())
}

/// A `dml run` whose standard output holds only a few events that no one has read: it cannot run
/// ahead of its reader by more than [`Running::AHEAD`] epochs, so it can be stopped in the middle
/// without a clock.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// How many epochs it can run ahead of its reader.
    pub(crate) const AHEAD: usize = Self::PIPE / Self::EVENT + 1;
    /// Bytes that the event of an epoch has at least.
    const EVENT: usize = 130;
    /// The smallest pipe there is on Linux.
    const PIPE: usize = 4096;

    pub(crate) fn start(options: &[&str], directories: &[PathBuf]) -> Self {
        let mut command = std::process::Command::new(DML);
        command.arg("run").args(options).args(directories).env("DML_CACHE", nowhere());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        rustix::pipe::fcntl_setpipe_size(&stdout, Self::PIPE).unwrap();
        // A reader that reads ahead would let the process run ahead.
        let lines = BufReader::with_capacity(16, stdout).lines();
        Self { child, lines }
    }

    /// Reads on until an epoch is over.
    pub(crate) fn read_until_epoch(mut self, epoch: u64) -> Self {
        loop {
            let line = self.lines.next().expect("an end before that epoch").unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == "epoch" {
                assert!(line.len() >= Self::EVENT, "{line}");
                if event["epoch"] == epoch {
                    return self;
                }
            }
        }
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads what is left; the exit code, `None` for a process that was killed.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.lines.by_ref().for_each(drop);
        self.child.wait().unwrap().code()
    }

    /// Goes away without reading what is left.
    pub(crate) fn hang_up(mut self) -> Option<i32> {
        drop(self.lines);
        self.child.wait().unwrap().code()
    }
}
