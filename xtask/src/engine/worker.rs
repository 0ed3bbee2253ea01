//! One `dml run` process and the trials it was given.

use std::collections::{HashSet, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dml_store::Event;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::log::KEPT_LINES;
use crate::experiment::Trial;

/// How workers are started.
#[derive(Debug, Clone)]
pub(crate) struct Dml {
    pub program: PathBuf,
    pub device: String,
    /// Trials trained at once in one process.
    pub stack: u16,
    /// Further arguments of the user's.
    pub more: Vec<String>,
}

/// One thread each: two one-thread processes do 1.25 times the work of one with two threads. The
/// wait policy keeps OpenMP from spinning, and has to be set before the process starts.
pub(crate) const ENVIRONMENT: [(&str, &str); 3] =
    [("OMP_NUM_THREADS", "1"), ("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "20000")];

impl Dml {
    /// The command that runs the trials of these directories.
    pub(crate) fn command(&self, directories: impl Iterator<Item = PathBuf>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments()).args(directories.map(PathBuf::into_os_string)).envs(ENVIRONMENT);
        command
    }

    /// The arguments before the trial directories.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut words = ["run", "--device", &self.device, "--threads", "1"].map(str::to_owned).to_vec();
        if self.stack > 1 {
            words.extend(["--stack".into(), self.stack.to_string()]);
        }
        words.extend(self.more.iter().cloned());
        words
    }
}

/// What reaches the engine.
#[derive(Debug)]
pub(crate) enum Message {
    /// A worker said something.
    Event(u64, Event),
    /// A worker's stdout was closed: it has ended.
    Closed(u64),
    /// The engine itself got SIGINT, SIGTERM or SIGHUP.
    Signal(i32),
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    stderr: Arc<Mutex<VecDeque<String>>>,
    stderr_reader: JoinHandle<()>,
    /// The trials without an outcome yet.
    pub trials: VecDeque<Trial>,
    /// Ids of those that have begun: one, or a stack.
    pub begun: HashSet<String>,
    /// When it last said something.
    pub heard: Instant,
    /// Set when the engine killed it for its silence.
    pub hung: bool,
}

impl Worker {
    /// Starts a process in a group apart: a Ctrl-C reaches the engine, which passes it on once.
    pub(crate) fn start(
        mut command: Command,
        number: u64,
        trials: VecDeque<Trial>,
        sender: Sender<Message>,
    ) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().expect("piped above");
        thread::spawn(move || {
            for event in lines(stdout).filter_map(|line| Event::parse(&line)) {
                if sender.send(Message::Event(number, event)).is_err() {
                    return; // The engine has ended: closing the pipe tells the process.
                }
            }
            let _ = sender.send(Message::Closed(number));
        });
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let (kept, pipe) = (Arc::clone(&stderr), child.stderr.take().expect("piped above"));
        let stderr_reader = thread::spawn(move || {
            for line in lines(pipe) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(line);
                if kept.len() > KEPT_LINES {
                    kept.pop_front();
                }
            }
        });
        Ok(Self {
            child,
            stderr,
            stderr_reader,
            trials,
            begun: HashSet::new(),
            heard: Instant::now(),
            hung: false,
        })
    }

    /// Takes out the trial that an event names.
    pub(crate) fn take(&mut self, id: &str) -> Option<Trial> {
        self.begun.remove(id);
        let place = self.trials.iter().position(|trial| trial.id == id)?;
        self.trials.remove(place)
    }

    /// Takes out the trials that the process died in: those that had begun, or else the next.
    pub(crate) fn take_begun(&mut self) -> VecDeque<Trial> {
        let trials = std::mem::take(&mut self.trials);
        let (begun, left): (VecDeque<Trial>, _) =
            trials.into_iter().partition(|trial| self.begun.contains(&trial.id));
        self.trials = left;
        if begun.is_empty() { self.trials.pop_front().into_iter().collect() } else { begun }
    }

    /// Asks the process to write its checkpoint and end.
    pub(crate) fn ask_to_end(&self) {
        // A process that has ended by now is no error.
        let _ = kill_process(self.pid(), Signal::TERM);
    }

    /// Ends the process, and what it may have started, at once.
    pub(crate) fn kill(&self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits a moment for a process that has closed its stdout, and for its last words.
    pub(crate) fn reap(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline
            && !(self.stderr_reader.is_finished() && self.child.try_wait()?.is_some())
        {
            thread::sleep(Duration::from_millis(5));
        }
        if self.child.try_wait()?.is_none() {
            self.kill();
        }
        Ok(self.child.wait()?)
    }

    /// The last lines of its stderr.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// An engine that ends early, by an error or a panic, leaves no process behind.
impl Drop for Worker {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// Lines as text, whatever bytes they are.
fn lines(pipe: impl Read) -> impl Iterator<Item = String> {
    let lines = BufReader::new(pipe).split(b'\n').map_while(Result::ok);
    lines.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// The signals that ask the engine to stop: a lost terminal is none where it was started to outlive
/// it, as `nohup` does. (Where there is no /proc, nobody can tell.)
pub(super) fn signals() -> Vec<i32> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let is_heeded = |signal: &i32| *signal != SIGHUP || ignored >> (SIGHUP - 1) & 1 == 0;
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(is_heeded).collect()
}

/// How a process ended, for a sentence: `was killed by signal 9`.
pub(crate) fn how(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "was killed by signal 9 (by hand, or because memory ran out)".into(),
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".into(),
    }
}
