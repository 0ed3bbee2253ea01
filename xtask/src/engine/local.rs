//! The local engine: some `dml run` processes at a time, until every trial has an outcome.
//!
//! One loop owns everything; threads only carry what processes say. A trial has ended when the
//! store has its `result.json` or `failure.json`; for a dead process this is written here.

use std::collections::{BTreeMap, VecDeque};
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dml_store::{Event, Passed, RunStore};
use signal_hook::iterator::Signals;

use super::log;
use super::progress::Progress;
use super::queue::{LARGEST_CHUNK, Queue};
use super::state::is_claimed;
use super::stop_early::{self, Outcome, Sent, Tournament};
use super::worker::{Dml, Message, Worker, how, signals};
use crate::experiment::Trial;

/// How often silence and other people's trials are looked at.
const TICK: Duration = Duration::from_millis(250);

/// What does not change while a sweep runs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub dml: Dml,
    pub workers: usize,
    /// Attempts beyond the first.
    pub retries: u32,
    /// A process that says nothing for so long hangs.
    pub epoch_limit: Duration,
    /// Stop at the first trial that failed for good.
    pub fail_fast: bool,
}

/// What a sweep runs.
#[derive(Debug)]
pub(crate) struct Work {
    pub trials: Vec<Trial>,
    /// Decides which trials follow these.
    pub tournament: Option<Tournament>,
}

/// Why the engine stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every trial was tried.
    Through,
    /// A trial failed and `fail_fast` was set.
    FailedFast,
    /// By this signal, after the processes wrote their checkpoints.
    Interrupted(i32),
}

struct Engine<'a> {
    settings: &'a Settings,
    store: &'a RunStore,
    progress: &'a mut Progress,
    queue: Queue,
    tournament: Option<Tournament>,
    workers: BTreeMap<u64, Worker>,
    /// Trials that another process has.
    elsewhere: Vec<Trial>,
    next_number: u64,
    sender: Sender<Message>,
    /// Set once no new process shall start.
    stopping: Option<Ended>,
    /// Why no new process can start; those that run may still write their checkpoints.
    broken: Option<anyhow::Error>,
}

/// Runs the trials.
pub(crate) fn run(
    settings: &Settings,
    store: &RunStore,
    work: Work,
    progress: &mut Progress,
) -> Result<Ended> {
    let (sender, receiver) = channel();
    let mut signals = Signals::new(signals()).context("cannot watch for signals")?;
    let (handle, from_signals) = (signals.handle(), sender.clone());
    thread::spawn(move || {
        signals.forever().try_for_each(|signal| from_signals.send(Message::Signal(signal)))
    });
    let Work { trials, tournament } = work;
    // A decision is of one trial.
    let largest = if tournament.is_some() { 1 } else { LARGEST_CHUNK.max(settings.dml.stack.into()) };
    let queue = Queue::new(trials, settings.workers, largest);
    let mut engine = Engine {
        settings,
        store,
        progress,
        queue,
        tournament,
        workers: BTreeMap::new(),
        elsewhere: Vec::new(),
        next_number: 0,
        sender,
        stopping: None,
        broken: None,
    };
    let outcome = engine.turn(&receiver);
    handle.close();
    outcome?;
    Ok(engine.stopping.unwrap_or(Ended::Through))
}

impl Engine<'_> {
    fn turn(&mut self, receiver: &Receiver<Message>) -> Result<()> {
        let mut ticked = Instant::now();
        loop {
            while self.stopping.is_none() && self.workers.len() < self.settings.workers && self.has_work() {
                if let Err(error) = self.start() {
                    self.break_off(error);
                }
            }
            let is_waiting = self.stopping.is_none() && !self.elsewhere.is_empty();
            if self.workers.is_empty() && !is_waiting {
                return self.broken.take().map_or(Ok(()), Err);
            }
            match receiver.recv_timeout(TICK) {
                Ok(Message::Event(number, event)) => self.hear(number, event),
                Ok(Message::Closed(number)) => self.close(number)?,
                Ok(Message::Signal(signal)) => self.interrupt(signal),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.look_for_silence();
                self.look_elsewhere();
                self.progress.tick();
            }
        }
    }

    /// Whether a trial waits for a worker. Where none does, the tournament is asked for one.
    fn has_work(&mut self) -> bool {
        if let (true, Some(tournament)) = (self.queue.is_empty(), &mut self.tournament) {
            match tournament.next() {
                Ok(None) => {}
                Ok(Some(Sent { trial, is_new })) => {
                    if !is_new {
                        self.progress.sent_on();
                    }
                    self.queue.again(trial);
                }
                Err(error) => self.break_off(error),
            }
        }
        !self.queue.is_empty()
    }

    fn start(&mut self) -> Result<()> {
        let trials = self.queue.next_chunk();
        for trial in &trials {
            self.store.add(&trial.table)?;
        }
        let directories = trials.iter().map(|trial| self.store.trial_directory(&trial.id));
        let mut dml = self.settings.dml.clone();
        if let Some(tournament) = &self.tournament {
            dml.more.extend(tournament.arguments(&trials[0].id));
        }
        let command = dml.command(directories);
        let number = self.next_number;
        self.next_number += 1;
        let worker = Worker::start(command, number, trials, self.sender.clone())?;
        self.workers.insert(number, worker);
        Ok(())
    }

    fn hear(&mut self, number: u64, event: Event) {
        let Some(worker) = self.workers.get_mut(&number) else { return };
        worker.heard = Instant::now();
        match event {
            Event::Started { id, epochs, resumed_at } => {
                if let Some(trial) = worker.trials.iter().find(|trial| trial.id == id) {
                    self.progress.started(trial, resumed_at, epochs);
                    worker.begun.insert(id);
                }
            }
            Event::Epoch { id, epoch, epochs, losses } => self.progress.epoch(&id, epoch, epochs, &losses),
            Event::Scoring { id, step } => self.progress.scoring(&id, &step),
            Event::Rung { id, epoch, value, .. } => {
                if let Some(trial) = worker.take(&id) {
                    self.progress.pauses(&trial, epoch, value);
                    self.arrive(&id, Outcome::Rung { value });
                }
            }
            Event::Finished { id, outcome, seconds } => {
                if let Some(trial) = worker.take(&id) {
                    self.progress.finished(&trial, outcome, seconds);
                    self.arrive_with_result(&id);
                }
            }
            Event::Skipped { id, why } => match worker.take(&id) {
                Some(trial) if why == Passed::Claimed => self.elsewhere.push(trial),
                Some(trial) => {
                    self.progress.found_done(&trial);
                    self.arrive_with_result(&id);
                }
                None => {}
            },
            Event::Failed { id, reason, retry } => {
                if let Some(trial) = worker.take(&id) {
                    let attempts = self.store.failure(&id).ok().flatten().map_or(u32::MAX, |f| f.attempts);
                    self.failed(trial, &reason, retry && attempts <= self.settings.retries);
                }
            }
        }
    }

    /// A trial failed: it waits for another attempt, or that was the last.
    fn failed(&mut self, trial: Trial, reason: &str, again: bool) {
        self.progress.failed(&trial, reason, again);
        if again {
            self.queue.again(trial);
            return;
        }
        self.arrive(&trial.id, Outcome::Failed);
        if self.settings.fail_fast {
            self.stop(Ended::FailedFast);
        }
    }

    /// Tells the tournament how a trial arrived that it sent.
    fn arrive(&mut self, id: &str, outcome: Outcome) {
        if let Some(tournament) = &mut self.tournament
            && let Err(error) = tournament.arrive(id, outcome)
        {
            self.break_off(error);
        }
    }

    fn arrive_with_result(&mut self, id: &str) {
        if self.tournament.is_some() {
            self.arrive(id, stop_early::result(self.store, id).unwrap_or(Outcome::Failed));
        }
    }

    /// A process has ended. Unless it was asked to, the trial that it was in has failed.
    fn close(&mut self, number: u64) -> Result<()> {
        let Some(mut worker) = self.workers.remove(&number) else { return Ok(()) };
        worker.begun.iter().for_each(|id| self.progress.idle(id));
        let status = worker.reap()?;
        if self.stopping.is_some() || worker.trials.is_empty() {
            return Ok(());
        }
        match status.code() {
            Some(2) => bail!("dml run refused its command line: {}", worker.last_words().join(" ")),
            // This process alone was asked to end: from its checkpoint the trial goes on.
            Some(130 | 143) => {}
            _ => {
                let reason = self.reason(&worker, status);
                for trial in worker.take_begun() {
                    let again = self.record(&trial.id, &reason, self.log(&trial.id, &worker));
                    self.failed(trial, &reason, again);
                }
            }
        }
        self.queue.put_back(std::mem::take(&mut worker.trials));
        Ok(())
    }

    /// Records a failed attempt; whether another is left. What cannot be counted has none.
    fn record(&mut self, id: &str, reason: &str, log: Vec<String>) -> bool {
        match self.store.fail(id, reason, true, log) {
            Ok(failure) => failure.attempts <= self.settings.retries,
            Err(error) => {
                self.progress.note(&format!("cannot record a failure: {error}"));
                false
            }
        }
    }

    fn reason(&self, worker: &Worker, status: ExitStatus) -> String {
        if worker.hung {
            let limit = self.settings.epoch_limit.as_secs();
            return format!("nothing was heard of it for {limit} s (--epoch-limit), so it was killed");
        }
        let last_word = worker.last_words().pop().map(|word| format!(": {word}")).unwrap_or_default();
        format!("its process {} without a result{last_word}", how(status))
    }

    /// The last lines of the trial's log, and what the process said only on stderr.
    fn log(&self, id: &str, worker: &Worker) -> Vec<String> {
        let mut lines = log::of_trial(self.store, id);
        let more: Vec<_> = worker.last_words().into_iter().filter(|line| !lines.contains(line)).collect();
        lines.extend(more);
        lines
    }

    /// The first signal lets the processes write their checkpoints, the second ends them at once.
    fn interrupt(&mut self, signal: i32) {
        if matches!(self.stopping, Some(Ended::Interrupted(_))) {
            self.workers.values().for_each(Worker::kill);
            return;
        }
        self.progress
            .note("stopping: the running trials write their checkpoints; once more ends them at once");
        self.stop(Ended::Interrupted(signal));
    }

    /// Ends because no new process can start; those that run may still write their checkpoints.
    fn break_off(&mut self, error: anyhow::Error) {
        self.broken = Some(error);
        self.stop(Ended::FailedFast);
    }

    fn stop(&mut self, ended: Ended) {
        self.stopping = Some(ended);
        self.workers.values().for_each(Worker::ask_to_end);
    }

    fn look_for_silence(&mut self) {
        for worker in self.workers.values_mut() {
            if worker.heard.elapsed() >= self.settings.epoch_limit {
                worker.hung = true;
                worker.kill();
            }
        }
    }

    /// Trials that another process had: done by now, still held, or left by it and ours again.
    fn look_elsewhere(&mut self) {
        let mut ours = VecDeque::new();
        for trial in std::mem::take(&mut self.elsewhere) {
            if is_claimed(self.store, &trial.id) {
                self.elsewhere.push(trial);
            } else if matches!(self.store.result(&trial.id), Ok(Some(_))) {
                self.progress.found_done(&trial);
                self.arrive_with_result(&trial.id);
            } else {
                ours.push_back(trial);
            }
        }
        self.queue.put_back(ours);
    }
}
