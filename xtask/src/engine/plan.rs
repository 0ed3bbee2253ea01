//! What a sweep would do, and for how long: `--plan` and `--dry-run`.

use std::collections::HashMap;
use std::fmt;

use super::state::{Counts, Standing};
use super::words::{count, duration};
use crate::experiment::Trial;
use crate::experiment::trial::SEED_KEY;

/// The estimate of a sweep's time: a trial without a result takes as long as those that are like it
/// in all but the seed, or, before there is one, as the kinds of trials that are known.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    /// Measured seconds of each kind, and of how many trials.
    known: HashMap<String, (f64, usize)>,
    /// Trials of each kind that are to run.
    left: HashMap<String, usize>,
    /// What the sweep file says of a trial.
    of_file: f64,
}

impl Estimate {
    /// From those of the sweep's trials that are done, or else from what its file says.
    pub(crate) fn of(trials: &[Trial], standings: &[Standing], to_run: &[Trial], of_file: f64) -> Self {
        let mut estimate = Self { known: HashMap::new(), left: HashMap::new(), of_file };
        for (trial, standing) in trials.iter().zip(standings) {
            if let Standing::Done { seconds } = standing {
                estimate.know(trial, *seconds);
            }
        }
        for trial in to_run {
            *estimate.left.entry(kind(trial)).or_default() += 1;
        }
        estimate
    }

    /// A trial that was to run is done, or will have no result; its seconds, where it was measured.
    pub(crate) fn over(&mut self, trial: &Trial, seconds: Option<f64>) {
        self.left.entry(kind(trial)).and_modify(|left| *left = left.saturating_sub(1));
        self.know(trial, seconds);
    }

    fn know(&mut self, trial: &Trial, seconds: Option<f64>) {
        if let Some(seconds) = seconds {
            let (sum, n) = self.known.entry(kind(trial)).or_default();
            (*sum, *n) = (*sum + seconds, *n + 1);
        }
    }

    /// Trials that were measured; 0: the sweep file's own number.
    fn measured(&self) -> usize {
        self.known.values().map(|(_, n)| n).sum()
    }

    /// Seconds of one of the trials that are to run, in the mean.
    pub(crate) fn seconds_per_trial(&self) -> f64 {
        let of_kind = |(sum, n): &(f64, usize)| sum / *n as f64;
        let of_any = mean(self.known.values().map(|known| (of_kind(known), 1)));
        let of_any = of_any.unwrap_or(self.of_file);
        let left = self.left.iter().map(|(kind, n)| (self.known.get(kind).map_or(of_any, of_kind), *n));
        mean(left).unwrap_or(of_any)
    }

    /// Seconds that `trials` trials take `workers` workers.
    fn seconds(&self, trials: usize, workers: usize) -> f64 {
        self.seconds_per_trial() * trials as f64 / workers.clamp(1, trials.max(1)) as f64
    }
}

/// What a trial is but for its seed.
fn kind(trial: &Trial) -> String {
    let mut kind = trial.table.clone();
    kind.remove(SEED_KEY);
    kind.to_string()
}

/// The mean of values, each counted so many times; `None` of none.
fn mean(values: impl Iterator<Item = (f64, usize)>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0), |(sum, n), (value, times)| (sum + value * times as f64, n + times));
    (n > 0).then(|| sum / n as f64)
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
        let source = match estimate.measured() {
            0 => "the sweep file's number".to_string(),
            n => format!("as {n} done took"),
        };
        let (time, each) = (duration(estimate.seconds(*to_run, *workers)), estimate.seconds_per_trial());
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

    fn plan(trials: &[Trial], standings: &[Standing], to_run: &[Trial], workers: usize) -> String {
        let estimate = Estimate::of(trials, standings, to_run, 10.0);
        Plan { name: "quick", standings, to_run: to_run.len(), workers, estimate }.to_string()
    }

    #[test]
    fn the_estimate_comes_from_done_trials_and_before_any_from_the_file() {
        let (_folder, store, trials) = four_trials();
        insta::assert_snapshot!(plan(&trials, &survey(&store, &trials), &trials, 2), @r"
        sweep quick: 4 trials: 0 done, 0 running, 0 failed, 4 missing
        to run: 4 trials, about 20 s with 2 workers (10.0 s a trial, the sweep file's number)
        ");
        finish(&store, &trials[0], 100.0);
        finish(&store, &trials[1], 200.0);
        insta::assert_snapshot!(plan(&trials, &survey(&store, &trials), &trials[2..], 1), @r"
        sweep quick: 4 trials: 2 done, 0 running, 0 failed, 2 missing
        to run: 2 trials, about 5 min 0 s with 1 worker (150.0 s a trial, as 2 done took)
        ");
        assert!(plan(&[], &[], &[], 2).ends_with("to run: nothing\n"));
    }

    #[test]
    fn a_trial_takes_as_long_as_those_that_are_like_it_and_of_a_new_kind_as_all_kinds_do() {
        let trial = |system: &str, seed: u32| {
            let table = format!("seed = {seed}\nsystem = '{system}'").parse().unwrap();
            Trial { id: format!("{system}{seed}"), table, label: String::new() }
        };
        let trials =
            [trial("a", 0), trial("b", 0), trial("a", 1), trial("b", 1), trial("c", 0), trial("a", 2)];
        let done = |seconds| Standing::Done { seconds: Some(seconds) };
        let standings =
            [done(10.0), done(100.0), done(20.0), Standing::Missing, Standing::Missing, Standing::Missing];
        // The last one is not to run, as one that has failed too often.
        let mut estimate = Estimate::of(&trials, &standings, &trials[3..5], 7.0);
        let is_now = |estimate: &Estimate, seconds: f64| {
            assert!((estimate.seconds_per_trial() - seconds).abs() < 1e-9, "{seconds}: {estimate:?}");
        };
        is_now(&estimate, f64::midpoint(100.0, 57.5));
        estimate.over(&trials[3], Some(50.0));
        is_now(&estimate, f64::midpoint(75.0, 15.0));
        estimate.over(&trials[4], Some(30.0));
        is_now(&estimate, (15.0 + 75.0 + 30.0) / 3.0);
    }
}
