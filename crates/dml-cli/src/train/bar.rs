//! How far a training is, for a person who waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dml_store::Event;
use indicatif::{ProgressBar, ProgressStyle};

/// Where there is no terminal to draw on: between two lines.
const EVERY: Duration = Duration::from_secs(30);

/// A bar of epochs over several trainings; a line now and then where there is no terminal.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    drawn: ProgressBar,
    /// Epochs of the trainings before this one.
    before: Arc<AtomicU64>,
    /// Where this process began, and when it last wrote a line.
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug)]
struct Lines {
    epoch: u64,
    start: Instant,
    last: Instant,
}

impl Bar {
    pub(crate) fn new(epochs: u64) -> Self {
        let style = "{prefix}: epoch {pos} of {len} {wide_bar} {eta} left  {msg}";
        let bar = ProgressBar::new(epochs)
            .with_style(ProgressStyle::with_template(style).expect("a template that is written here"));
        bar.enable_steady_tick(Duration::from_secs(1));
        let now = Instant::now();
        let lines = Lines { epoch: 0, start: now, last: now };
        Self { drawn: bar, before: Arc::default(), lines: Arc::new(Mutex::new(lines)) }
    }

    /// The next training begins, which `epochs` came before.
    pub(crate) fn begin(&self, name: &str, epochs: u64) {
        if self.drawn.is_finished() {
            self.drawn.reset();
            self.drawn.enable_steady_tick(Duration::from_secs(1));
        }
        self.drawn.set_prefix(name.to_owned());
        self.before.store(epochs, Ordering::Relaxed);
        self.drawn.set_position(epochs);
    }

    /// Takes the bar away, so that others may write.
    pub(crate) fn end(&self) {
        self.drawn.finish_and_clear();
    }

    pub(crate) fn show(&self, event: &Event) {
        match event {
            // What another process has done before does not tell how fast this one is.
            Event::Started { resumed_at, .. } => {
                let epoch = self.before.load(Ordering::Relaxed) + u64::from(*resumed_at);
                self.drawn.set_position(epoch);
                self.drawn.reset_eta();
                let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                *lines = Lines { epoch, start: Instant::now(), ..*lines };
            }
            Event::Epoch { epoch, .. } => {
                self.drawn.set_position(self.before.load(Ordering::Relaxed) + u64::from(*epoch));
                self.drawn.set_message("");
                self.line();
            }
            Event::Scoring { step, .. } => {
                self.drawn.set_message(step.clone());
                self.line();
            }
            _ => {}
        }
    }

    /// What the bar would show, as a line.
    fn line(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.drawn.is_hidden() || lines.last.elapsed() < EVERY {
            return;
        }
        lines.last = Instant::now();
        let (name, done, all) =
            (self.drawn.prefix(), self.drawn.position(), self.drawn.length().unwrap_or(0));
        let rate = done.saturating_sub(lines.epoch) as f64 / lines.start.elapsed().as_secs_f64();
        let left = if rate > 0.0 {
            format!(", about {:.0} s left", all.saturating_sub(done) as f64 / rate)
        } else {
            String::new()
        };
        eprintln!("{name}: epoch {done} of {all}{left} {}", self.drawn.message());
    }
}
