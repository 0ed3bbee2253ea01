//! What a sweep would do, and for how long: `--plan` and `--dry-run`.

use std::fmt;

use super::state::{Counts, Standing};
use super::words::{count, duration};
use crate::experiment::Trial;

/// The estimate of a sweep's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate {
    /// Mean of the measured seconds of one trial.
    pub seconds_per_trial: f64,
    /// Trials that were measured; 0: the sweep file's own number.
    pub measured: usize,
}

impl Estimate {
    /// From the trials that are done, or else from what the sweep file says.
    pub(crate) fn of(standings: &[Standing], seconds_per_trial: f64) -> Self {
        let known: Vec<f64> = standings.iter().filter_map(seconds).collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        Self {
            seconds_per_trial: if known.is_empty() { seconds_per_trial } else { mean },
            measured: known.len(),
        }
    }

    /// Seconds that `trials` trials take `workers` workers.
    pub(crate) fn seconds(&self, trials: usize, workers: usize) -> f64 {
        self.seconds_per_trial * trials as f64 / workers.clamp(1, trials.max(1)) as f64
    }
}

fn seconds(standing: &Standing) -> Option<f64> {
    match standing {
        Standing::Done { seconds } => *seconds,
        _ => None,
    }
}

/// What a sweep that begins now would do. Displayed, it is two lines.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// The sweep.
    pub name: &'a str,
    pub standings: &'a [Standing],
    /// Trials.
    pub to_run: usize,
    pub workers: usize,
    pub estimate: Estimate,
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, standings, to_run, workers, estimate } = self;
        writeln!(f, "sweep {name}: {}: {}", count(standings.len(), "trial"), Counts::of(standings))?;
        if *to_run == 0 {
            return writeln!(f, "to run: nothing");
        }
        let source = match estimate.measured {
            0 => "the sweep file's number".to_string(),
            n => format!("mean of {n} done"),
        };
        let (time, each) = (duration(estimate.seconds(*to_run, *workers)), estimate.seconds_per_trial);
        let (trials, workers) = (count(*to_run, "trial"), count(*workers, "worker"));
        writeln!(f, "to run: {trials}, about {time} with {workers} ({each:.1} s a trial, {source})")
    }
}

/// One line for each trial that would run.
pub(crate) fn dry_run(trials: &[Trial]) -> String {
    trials.iter().fold(String::new(), |text, trial| text + &format!("{}  {}\n", trial.id, trial.label))
}

#[cfg(test)]
mod tests {
    use super::super::state::{survey, tests::*};
    use super::*;

    fn plan(standings: &[Standing], to_run: usize, workers: usize) -> String {
        let estimate = Estimate::of(standings, 10.0);
        Plan { name: "quick", standings, to_run, workers, estimate }.to_string()
    }

    #[test]
    fn the_estimate_comes_from_done_trials_and_before_any_from_the_file() {
        let (_folder, store, trials) = four_trials();
        insta::assert_snapshot!(plan(&survey(&store, &trials), 4, 2), @r"
        sweep quick: 4 trials: 0 done, 0 running, 0 failed, 4 missing
        to run: 4 trials, about 20 s with 2 workers (10.0 s a trial, the sweep file's number)
        ");
        finish(&store, &trials[0], 100.0);
        finish(&store, &trials[1], 200.0);
        insta::assert_snapshot!(plan(&survey(&store, &trials), 2, 1), @r"
        sweep quick: 4 trials: 2 done, 0 running, 0 failed, 2 missing
        to run: 2 trials, about 5 min 0 s with 1 worker (150.0 s a trial, mean of 2 done)
        ");
        assert!(plan(&[], 0, 2).ends_with("to run: nothing\n"));
    }
}
