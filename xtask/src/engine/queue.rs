//! The trials that wait for a worker, and how many a worker gets at once.

use std::collections::VecDeque;

use crate::experiment::Trial;

/// The one trial key whose meaning the engine knows: trials of one data set go to one process,
/// which reads it once, and it is fetched before the workers could race for it.
pub(crate) const DATA_KEY: &str = "data.name";

/// At most this many trials go to one process: few enough to balance, enough to read data once.
pub(crate) const LARGEST_CHUNK: usize = 8;

/// The data set of a trial.
pub(crate) fn data_set(trial: &Trial) -> Option<&str> {
    dml_store::lookup(&trial.table, DATA_KEY)?.as_str()
}

/// Brings the trials of each data set together and otherwise keeps their order.
pub(crate) fn by_data_set(mut trials: Vec<Trial>) -> Vec<Trial> {
    let mut names: Vec<Option<String>> = Vec::new();
    trials.sort_by_cached_key(|trial| {
        let name = data_set(trial).map(str::to_owned);
        names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        })
    });
    trials
}

/// Trials in the order in which they will run.
#[derive(Debug)]
pub(crate) struct Queue {
    trials: VecDeque<Trial>,
    workers: usize,
    largest: usize,
}

impl Queue {
    /// At most `largest` trials go to one process.
    pub(crate) fn new(trials: Vec<Trial>, workers: usize, largest: usize) -> Self {
        Self { trials: by_data_set(trials).into(), workers, largest }
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.trials.is_empty()
    }

    /// Puts trials back that a process left when it ended: they come next.
    pub(crate) fn put_back(&mut self, trials: VecDeque<Trial>) {
        for trial in trials.into_iter().rev() {
            self.trials.push_front(trial);
        }
    }

    /// A trial to be tried again comes last: what made it fail may have passed by then.
    pub(crate) fn again(&mut self, trial: Trial) {
        self.trials.push_back(trial);
    }

    /// The next process's trials, of one data set. Chunks shrink towards the end, so that the
    /// workers finish together. Empty when nothing waits.
    pub(crate) fn next_chunk(&mut self) -> VecDeque<Trial> {
        let size = (self.trials.len() / (2 * self.workers)).clamp(1, self.largest);
        let mut chunk = VecDeque::new();
        while chunk.len() < size {
            let Some(next) = self.trials.front() else { break };
            if chunk.front().is_some_and(|first| data_set(first) != data_set(next)) {
                break;
            }
            chunk.extend(self.trials.pop_front());
        }
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(id: usize, data: &str) -> Trial {
        let table = format!("seed = 0\n[data]\nname = '{data}'").parse().unwrap();
        Trial { id: id.to_string(), table, label: String::new() }
    }

    fn chunks(mut queue: Queue) -> Vec<String> {
        let mut all = Vec::new();
        while !queue.is_empty() {
            all.push(queue.next_chunk().iter().map(|trial| trial.id.clone()).collect::<Vec<_>>().join(" "));
        }
        all
    }

    #[test]
    fn chunks_are_of_one_data_set_and_shrink_towards_the_end() {
        let trials = (0..10).map(|i| trial(i, if i % 2 == 0 { "a" } else { "b" })).collect();
        assert_eq!(chunks(Queue::new(trials, 1, 8)), ["0 2 4 6 8", "1 3", "5", "7", "9"]);
        let sizes: Vec<_> = chunks(Queue::new((0..50).map(|i| trial(i, "a")).collect(), 2, 8))
            .iter()
            .map(|chunk| chunk.split(' ').count())
            .collect();
        assert_eq!(sizes, [8, 8, 8, 6, 5, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn what_a_dead_process_left_comes_next_and_what_failed_comes_last() {
        let mut queue = Queue::new((0..3).map(|i| trial(i, "a")).collect(), 4, 8);
        queue.again(trial(9, "a"));
        queue.put_back(VecDeque::from([trial(7, "a"), trial(8, "a")]));
        assert_eq!(chunks(queue), ["7", "8", "0", "1", "2", "9"]);
    }
}
