//! What a sweep says on stderr: a live table on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use dml_store::Ending;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::plan::Estimate;
use super::words::{brief, duration};
use crate::experiment::Trial;

/// Without a terminal, a sweep that has said nothing for so long says what runs.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Counts and measured times of a running sweep.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub total: usize,
    pub done: usize,
    pub failed: usize,
    /// Stopped early, so far.
    pub stopped: usize,
    pub workers: usize,
    pub estimate: Estimate,
}

impl Tally {
    /// Seconds to the end, with `fraction` trials' worth of work done of the running ones.
    fn eta(&self, fraction: f64) -> f64 {
        let left = self.total.saturating_sub(self.done + self.failed + self.stopped);
        let busy = self.workers.min(left).max(1);
        self.estimate.seconds_per_trial() * (left as f64 - fraction).max(0.0) / busy as f64
    }
}

/// Running trials that are shown one by one; a stack may have hundreds.
const SHOWN: usize = 16;

/// A running trial.
#[derive(Debug)]
struct Running {
    label: String,
    /// Epochs done.
    epoch: u32,
    /// Epochs in all.
    epochs: u32,
    text: String,
    bar: Option<ProgressBar>,
}

/// Says how a sweep goes.
#[derive(Debug)]
pub(crate) struct Progress {
    tally: Tally,
    running: BTreeMap<String, Running>,
    output: Output,
}

#[derive(Debug)]
enum Output {
    Quiet,
    Lines { said: Instant },
    Table { bars: MultiProgress, sweep: ProgressBar },
}

impl Output {
    /// A line for the sweep and one for each trial, each cut to the width of the terminal.
    fn table(bars: MultiProgress, trials: usize) -> Self {
        let sweep = bars.add(ProgressBar::new(trials as u64));
        sweep.set_style(style("{bar:24} {pos}/{len} trials, {wide_msg}"));
        sweep.enable_steady_tick(Duration::from_secs(1));
        Self::Table { bars, sweep }
    }
}

impl Progress {
    /// A live table where stderr is a terminal.
    pub(crate) fn new(tally: Tally, quiet: bool) -> Self {
        let output = if quiet {
            Output::Quiet
        } else if std::io::stderr().is_terminal() {
            let bars = MultiProgress::new();
            Output::table(bars, tally.total)
        } else {
            Output::Lines { said: Instant::now() }
        };
        Self::on(output, tally)
    }

    fn on(output: Output, tally: Tally) -> Self {
        let mut progress = Self { tally, running: BTreeMap::new(), output };
        progress.tick();
        progress
    }

    pub(crate) fn started(&mut self, trial: &Trial, resumed_at: u32, epochs: u32) {
        let bar = match &self.output {
            Output::Table { bars, .. } if self.running.len() < SHOWN => {
                let bar = bars.add(ProgressBar::new(epochs.into()));
                bar.set_style(style("  {bar:12} {pos}/{len} {wide_msg}"));
                bar.set_message(trial.label.clone());
                bar.set_position(resumed_at.into());
                Some(bar)
            }
            _ => None,
        };
        let label = trial.label.clone();
        let running = Running { label, epoch: resumed_at, epochs, text: String::new(), bar };
        self.running.insert(trial.id.clone(), running);
        if resumed_at > 0 {
            self.note(&format!("goes on after epoch {resumed_at}: {}", trial.label));
        }
    }

    pub(crate) fn epoch(
        &mut self,
        id: &str,
        epoch: u32,
        epochs: u32,
        losses: &BTreeMap<String, Option<f64>>,
    ) {
        let known = losses.iter().filter_map(|(name, loss)| Some(format!("{name} {:.4}", (*loss)?)));
        let text = known.collect::<Vec<_>>().join(", ");
        self.update(id, |running| {
            (running.epoch, running.epochs) = (epoch, epochs);
            running.text = text;
        });
    }

    pub(crate) fn scoring(&mut self, id: &str, step: &str) {
        self.update(id, |running| running.text = format!("scoring {step}"));
    }

    fn update(&mut self, id: &str, change: impl FnOnce(&mut Running)) {
        let Some(running) = self.running.get_mut(id) else { return };
        change(running);
        if let Some(bar) = &running.bar {
            bar.set_length(running.epochs.into());
            bar.set_position(running.epoch.into());
            bar.set_message(format!("{}  {}", running.label, running.text));
        }
    }

    pub(crate) fn finished(&mut self, trial: &Trial, outcome: Ending, seconds: f64) {
        self.tally.done += 1;
        self.tally.estimate.over(trial, Some(seconds));
        self.idle(&trial.id);
        let diverged = if outcome == Ending::Diverged { " (diverged)" } else { "" };
        self.line(&format!("{}{diverged}, {}", trial.label, duration(seconds)));
    }

    /// The trial pauses after an epoch: it is stopped early unless it is sent on.
    pub(crate) fn pauses(&mut self, trial: &Trial, epoch: u32, value: Option<f64>) {
        self.tally.stopped += 1;
        self.idle(&trial.id);
        let value = value.map_or("no finite score".into(), |value| format!("{value:.4}"));
        self.line(&format!("{} pauses after epoch {epoch} with {value}", trial.label));
    }

    /// A trial that paused is sent on.
    pub(crate) fn sent_on(&mut self) {
        // It may not have been counted: after a failure it stands as failed.
        self.tally.stopped = self.tally.stopped.saturating_sub(1);
    }

    /// Another process finished the trial.
    pub(crate) fn found_done(&mut self, trial: &Trial) {
        self.tally.done += 1;
        self.tally.estimate.over(trial, None);
        self.line(&format!("{}, by another process", trial.label));
    }

    pub(crate) fn failed(&mut self, trial: &Trial, reason: &str, again: bool) {
        self.idle(&trial.id);
        let (label, reason) = (&trial.label, brief(reason));
        if again {
            return self.note(&format!("failed, and is tried again: {label}: {reason}"));
        }
        self.tally.failed += 1;
        self.tally.estimate.over(trial, None);
        self.note(&format!("failed: {label}: {reason}"));
    }

    /// The trial does not run any more.
    pub(crate) fn idle(&mut self, id: &str) {
        if let Some(Running { bar: Some(bar), .. }) = self.running.remove(id) {
            bar.finish_and_clear();
        }
    }

    /// A finished trial: one line in a log; on a terminal the table shows it.
    fn line(&mut self, text: &str) {
        if matches!(self.output, Output::Lines { .. }) {
            let state = self.state();
            let (total, done) = (self.tally.total, self.tally.done);
            self.note(&format!("{done}/{total} done, {state}: {text}"));
        }
        self.tick();
    }

    /// A line that is worth saying anywhere.
    pub(crate) fn note(&mut self, text: &str) {
        match &mut self.output {
            Output::Quiet => {}
            Output::Lines { said } => {
                *said = Instant::now();
                eprintln!("sweep: {text}");
            }
            // An error here is a terminal that went away.
            Output::Table { bars, .. } => drop(bars.println(text)),
        }
    }

    /// Keeps the table true as time passes.
    pub(crate) fn tick(&mut self) {
        let state = self.state();
        match &self.output {
            Output::Table { sweep, .. } => {
                sweep.set_position(self.tally.done as u64);
                sweep.set_message(state);
            }
            Output::Lines { said } if said.elapsed() >= HEARTBEAT && !self.running.is_empty() => {
                let now = self.running.values().take(SHOWN).map(
                    |Running { label, epoch, epochs, text, .. }| {
                        format!("{label} epoch {epoch}/{epochs} {text}")
                    },
                );
                let now = now.collect::<Vec<_>>().join("; ");
                self.note(&format!("{state}: {now}"));
            }
            Output::Quiet | Output::Lines { .. } => {}
        }
    }

    fn state(&self) -> String {
        let fraction = self.running.values().map(|r| f64::from(r.epoch) / f64::from(r.epochs.max(1))).sum();
        let failed = self.tally.failed;
        format!("{} running, {failed} failed, ETA {}", self.running.len(), duration(self.tally.eta(fraction)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Output::Table { bars, .. } = &self.output {
            drop(bars.clear());
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template of ours").progress_chars("━╸─")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    /// A terminal of forty columns that keeps the lines that it was sent.
    #[derive(Debug, Clone, Default)]
    struct Narrow(Arc<Mutex<Vec<String>>>);

    impl TermLike for Narrow {
        fn width(&self) -> u16 {
            40
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_of_a_running_trial_is_cut_to_the_width_of_the_terminal() {
        let terminal = Narrow::default();
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 200);
        let estimate = Estimate::of(&[], &[], &[], 1.0);
        let tally = Tally { total: 2, done: 0, failed: 0, stopped: 0, workers: 1, estimate };
        let output = Output::table(MultiProgress::with_draw_target(target), 2);
        let mut progress = Progress::on(output, tally);
        let label = "labelled_percent=0.1 system=dml latent_dim=2".to_owned();
        let trial = Trial { id: "a".into(), table: toml::Table::new(), label };
        progress.started(&trial, 0, 20);
        progress.epoch("a", 7, 20, &BTreeMap::from([("supervised".into(), Some(0.5))]));
        let Output::Table { bars, .. } = &progress.output else { panic!("it is a table") };
        bars.suspend(|| {}); // Draws all once more.
        let lines = terminal.0.lock().unwrap();
        let shown: Vec<&str> =
            lines.iter().map(|line| line.trim_end()).filter(|line| line.contains("7/20")).collect();
        assert_eq!(shown.last(), Some(&"  ━━━━╸─────── 7/20 labelled_percent=0.1"), "{lines:?}");
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:?}");
    }

    #[test]
    fn the_eta_is_the_work_left_over_the_workers_that_have_work() {
        let trial = Trial { id: "a".into(), table: toml::Table::new(), label: String::new() };
        let estimate = Estimate::of(&[], &[], &[], 99.0);
        let mut tally = Tally { total: 11, done: 2, failed: 1, stopped: 1, workers: 2, estimate };
        tally.estimate.over(&trial, Some(10.0));
        assert_eq!(duration(tally.eta(0.0)), "35 s");
        assert_eq!(duration(tally.eta(1.0)), "30 s");
        tally.estimate.over(&trial, Some(20.0));
        tally.done = 8;
        assert_eq!(duration(tally.eta(0.0)), "15 s");
    }
}
