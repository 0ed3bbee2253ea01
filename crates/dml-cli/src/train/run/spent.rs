//! What the earlier attempts of a trial have taken, also what was lost when they were killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::train::session::Job;

/// Goes away when the trial ends, as its name begins as a checkpoint's does.
const NAME: &str = "checkpoint.seconds";

/// Between two writings.
const EVERY: Duration = Duration::from_secs(1);

/// Seconds that the trials of a stack have taken and no checkpoint counts.
pub(super) struct Spent {
    /// Of each member.
    lost: Vec<f64>,
    written: Option<Instant>,
}

impl Spent {
    /// `counted`: what the checkpoints count, of each member.
    pub(super) fn read(jobs: &[Job], counted: impl Fn(usize) -> f64) -> Self {
        let lost = jobs.iter().enumerate().map(|(member, job)| {
            let text = fs::read_to_string(path(&job.directory)).unwrap_or_default();
            let seconds = text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite());
            (seconds.unwrap_or(0.0) - counted(member)).max(0.0)
        });
        Self { lost: lost.collect(), written: None }
    }

    /// What a member has taken in all its attempts, of which its checkpoint and this one count so
    /// much.
    pub(super) fn of(&self, member: usize, counted: f64) -> f64 {
        self.lost[member] + counted
    }

    /// Notes, now and then, what the members have taken.
    pub(super) fn note(&mut self, jobs: &[Job], counted: impl Fn(usize) -> f64) {
        if self.written.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.written = Some(Instant::now());
        for (member, job) in jobs.iter().enumerate() {
            write(job, self.of(member, counted(member)));
        }
    }
}

/// Notes what a trial has taken. No result depends on it, so a full disk is no reason to end.
pub(super) fn write(job: &Job, seconds: f64) {
    let _ = fs::write(path(&job.directory), format!("{seconds}\n"));
}

fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}
