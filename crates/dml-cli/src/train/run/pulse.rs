//! Signs of life while a trial is scored: a step may take longer than what started this process
//! waits for a word.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dml_store::Event;
use rustix::time::{ClockId, clock_gettime};

use crate::train::session::Session;

/// Between two signs.
const EVERY: Duration = Duration::from_secs(10);

/// Says the step that a trial is at, and says it again as long as this process computes. What waits
/// for something that never comes falls silent, and can be told from what takes long.
pub(super) struct Pulse {
    step: Arc<Mutex<String>>,
    say: Arc<dyn Fn(&str) + Send + Sync>,
    again: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Pulse {
    /// Of a trial that is scored.
    pub(super) fn of(session: &Session, id: &str) -> Self {
        let (voice, id) = (session.voice.clone(), id.to_owned());
        let say = move |step: &str| voice.say(&Event::Scoring { id: id.clone(), step: step.to_owned() });
        Self::start(EVERY, Arc::new(say))
    }

    fn start(every: Duration, say: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        let (stop, stopped) = channel();
        let step = Arc::new(Mutex::new(String::new()));
        let (its_step, its_say) = (Arc::clone(&step), Arc::clone(&say));
        let thread = thread::spawn(move || {
            let mut before = computed();
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let now = computed();
                let step = its_step.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if is_at_work(now.saturating_sub(before), every) && !step.is_empty() {
                    its_say(&step);
                }
                before = now;
            }
        });
        Self { step, say, again: Some((stop, thread)) }
    }

    /// A step begins.
    pub(super) fn step(&self, step: &str) {
        step.clone_into(&mut self.step.lock().unwrap_or_else(PoisonError::into_inner));
        (self.say)(step);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.again.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// Whether a process that has computed for so long in this time does something.
fn is_at_work(computed: Duration, time: Duration) -> bool {
    computed >= time / 10
}

/// How long the threads of this process have computed, all together.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_step_is_said_again_while_something_is_computed() {
        let (sender, said) = channel();
        let say = move |step: &str| drop(sender.send(step.to_owned()));
        let pulse = Pulse::start(Duration::from_millis(20), Arc::new(say));
        pulse.step("test_folds.knn");
        let mut words = Vec::new();
        // This loop is the work.
        while words.len() < 3 {
            words.extend(said.try_recv());
        }
        assert_eq!(words, ["test_folds.knn"; 3]);
        pulse.step("retrieval");
        drop(pulse);
        assert_eq!(said.iter().last().unwrap(), "retrieval");
    }

    #[test]
    fn a_process_that_waits_is_not_at_work() {
        let second = Duration::from_secs(1);
        assert!(is_at_work(second, second) && is_at_work(second * 8, second));
        assert!(!is_at_work(Duration::from_millis(1), second));
    }
}
