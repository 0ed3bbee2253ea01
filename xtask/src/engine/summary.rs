//! What a sweep says of itself when asked (`--status`) and when it ends.

use std::path::Path;

use super::state::{Counts, Standing};
use super::words::{brief, count};
use crate::experiment::Trial;

/// Lines of a list before it only counts.
const NAMED: usize = 20;

/// `--status`: how many stand where, what runs, what was stopped early, what failed and why.
pub(crate) fn status(name: &str, trials: &[Trial], standings: &[Standing]) -> String {
    let counts = Counts::of(standings);
    let running =
        named(trials, standings, |standing| matches!(standing, Standing::Running).then(|| "running".into()));
    let failed = named(trials, standings, failure);
    let stopped = stopped(trials, standings);
    format!("sweep {name}: {}: {counts}\n{running}{stopped}{failed}", count(trials.len(), "trial"))
}

/// After which epochs trials were stopped early.
pub(crate) fn stopped(trials: &[Trial], standings: &[Standing]) -> String {
    named(trials, standings, |standing| match standing {
        Standing::Stopped { epoch } => Some(format!("stopped early, after epoch {epoch}")),
        _ => None,
    })
}

/// The end of a sweep that is not complete: what failed, and how to run just that again.
pub(crate) fn closing(command: &str, store: &Path, trials: &[Trial], standings: &[Standing]) -> String {
    let counts = Counts::of(standings);
    let failed = named(trials, standings, failure);
    let without = trials.len() - counts.done;
    let (total, store) = (trials.len(), store.display());
    format!(
        "{without} of {total} trials have no result ({counts})\n{failed}\
         their whole stories: {store}/trials/ID/log.txt and failure.json\n\
         run just these again: {command} --retry-failed\n"
    )
}

fn failure(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Failed(failure) => {
            let times = if failure.attempts == 1 {
                String::new()
            } else {
                format!(" ({} attempts)", failure.attempts)
            };
            Some(format!("failed{times}: {}", brief(&failure.reason)))
        }
        Standing::Unreadable(reason) => Some(format!("unreadable: {}", brief(reason))),
        Standing::Done { .. } | Standing::Running | Standing::Missing | Standing::Stopped { .. } => None,
    }
}

/// A line for each thing there is to say, with the first trial of which it is to be said.
fn named(trials: &[Trial], standings: &[Standing], say: impl Fn(&Standing) -> Option<String>) -> String {
    let mut groups: Vec<(String, &Trial, usize)> = Vec::new();
    for (trial, standing) in trials.iter().zip(standings) {
        let Some(said) = say(standing) else { continue };
        match groups.iter_mut().find(|group| group.0 == said) {
            Some(group) => group.2 += 1,
            None => groups.push((said, trial, 0)),
        }
    }
    let lines: Vec<_> = groups
        .iter()
        .map(|(said, trial, others)| {
            let others = if *others == 0 { String::new() } else { format!(" and {others} more") };
            format!("  {}  {}{others}: {said}\n", trial.id, trial.label)
        })
        .collect();
    let more = lines.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!("  and {more} more\n") };
    lines[..lines.len() - more].concat() + &rest
}

#[cfg(test)]
mod tests {
    use super::super::state::{survey, tests::*};
    use super::*;

    #[test]
    fn what_failed_is_named_with_its_reason_and_the_way_to_run_it_again() {
        let (_folder, store, trials) = four_trials();
        finish(&store, &trials[0], 1.0);
        let _claim = store.claim(&trials[1].id).unwrap();
        for _ in 0..2 {
            store.fail(&trials[2].id, "memory ran out", true, vec![]).unwrap();
        }
        let standings = survey(&store, &trials);
        insta::assert_snapshot!(status("quick", &trials, &standings), @r"
        sweep quick: 4 trials: 1 done, 1 running, 1 failed, 1 missing
          fbe47f6d82b435a8  seed=1: running
          a61e75dcd6780103  seed=2: failed (2 attempts): memory ran out
        ");
        let stopped = [
            Standing::Missing,
            Standing::Stopped { epoch: 2 },
            Standing::Missing,
            Standing::Stopped { epoch: 2 },
        ];
        insta::assert_snapshot!(status("quick", &trials, &stopped), @r"
        sweep quick: 4 trials: 0 done, 0 running, 0 failed, 2 missing, 2 stopped early
          fbe47f6d82b435a8  seed=1 and 1 more: stopped early, after epoch 2
        ");
        insta::assert_snapshot!(closing("cargo xtask sweep quick", Path::new("runs"), &trials, &standings), @r"
        3 of 4 trials have no result (1 done, 1 running, 1 failed, 1 missing)
          a61e75dcd6780103  seed=2: failed (2 attempts): memory ran out
        their whole stories: runs/trials/ID/log.txt and failure.json
        run just these again: cargo xtask sweep quick --retry-failed
        ");
    }

    #[test]
    fn long_lists_are_cut() {
        let (_folder, _store, trials) = four_trials();
        let many = vec![trials[0].clone(); 30];
        let unlike: Vec<_> = (0..30).map(|i| Standing::Unreadable(format!("reason {i}"))).collect();
        assert!(status("q", &many, &unlike).ends_with("reason 19\n  and 10 more\n"));
        let alike: Vec<_> = (0..30).map(|_| Standing::Unreadable("no such data".into())).collect();
        assert!(status("q", &many, &alike).ends_with("seed=0 and 29 more: unreadable: no such data\n"));
    }
}
