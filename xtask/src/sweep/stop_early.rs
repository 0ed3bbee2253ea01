//! Early stopping that can be replayed: trials rest at rungs, and only the best of them are trained on.
//!
//! The rule is a pure function ([`rule`]) of what a journal in the store holds ([`journal`]); `dml run --until-epoch` does the rest.

mod journal;
mod rule;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use dml_store::{FORMAT, RunStore, lookup};
use serde::{Deserialize, Serialize};

use super::expand::{SEED_KEY, Trial};
use super::plan::count;
use super::state::Standing;
use journal::Journal;
use rule::{Entry, History, Line};

pub(crate) use rule::{Outcome, Why};

/// `[stop_early]` of a sweep file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopEarly {
    /// The first rung; 1 or more.
    pub first_epochs: u32,
    /// One of so many trials goes on from a rung, to so many times its epochs; 2 or more.
    pub reduction_factor: u32,
    /// The score of the validation split by which trials are ranked, the largest first, as `test_folds.knn.accuracy`.
    pub score: String,
    /// Trials compete with those that are equal in these keys. Those of different seeds never do: a mean over seeds would else be one over the
    /// luckiest seeds.
    pub within: Vec<String>,
}

impl StopEarly {
    /// # Errors
    /// When a number is too small.
    pub(crate) fn check(&self) -> Result<()> {
        for (key, value, least) in
            [("first_epochs", self.first_epochs, 1), ("reduction_factor", self.reduction_factor, 2)]
        {
            ensure!(value >= least, "`stop_early.{key}` is {value}; {least} or more would be right");
        }
        Ok(())
    }

    /// # Errors
    /// When `within` names a key that no trial has.
    pub(crate) fn check_keys(&self, trials: &[Trial]) -> Result<()> {
        for key in &self.within {
            let is_there = trials.iter().any(|trial| lookup(&trial.table, key).is_some());
            ensure!(is_there, "`stop_early.within` names `{key}`, a key that no trial has");
        }
        Ok(())
    }

    /// Names whom a trial competes with: `data.name="mnist" seed=0`.
    fn group(&self, trial: &Trial) -> String {
        let keys = self.within.iter().map(String::as_str).filter(|key| *key != SEED_KEY).chain([SEED_KEY]);
        let words = keys.filter_map(|key| Some(format!("{key}={}", lookup(&trial.table, key)?)));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// A sweep that stops early, under way.
#[derive(Debug)]
pub(crate) struct Tournament {
    settings: StopEarly,
    journal: Journal,
    trials: HashMap<String, Trial>,
}

impl Tournament {
    /// Begins, or goes on where the journal ends, with the trials that have no result yet.
    ///
    /// # Errors
    /// When the journal was begun with other settings, another sweep writes it, or it cannot be read or written.
    pub(crate) fn begin(
        settings: &StopEarly,
        name: &str,
        store: &RunStore,
        trials: &[Trial],
    ) -> Result<Self> {
        let mut journal = Journal::open(store, name)?;
        // Results that nobody was there to hear of.
        let arrived: Vec<_> = journal.history.under_way().map(str::to_owned).collect();
        for (id, outcome) in arrived.into_iter().filter_map(|id| Some((id.clone(), result(store, &id)?))) {
            journal.append(&Line::Arrival { id, outcome })?;
        }
        let entry = |trial: &Trial| Entry { id: trial.id.clone(), group: settings.group(trial) };
        let mut entries: Vec<Entry> = trials.iter().map(entry).collect();
        // The rule wants trials in random order: in that of a grid, each might be better than all before it, and so be promoted. Ids are
        // hashes, which is random enough and the same everywhere.
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        let begin = Line::Begin { format: FORMAT, settings: settings.clone(), trials: entries };
        journal.append(&begin)?;
        let trials = trials.iter().map(|trial| (trial.id.clone(), trial.clone())).collect();
        Ok(Self { settings: settings.clone(), journal, trials })
    }

    /// The trials that were sent on their way when the last sweep was killed.
    pub(crate) fn under_way(&self) -> Vec<Trial> {
        self.journal.history.under_way().map(|id| self.trials[id].clone()).collect()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.journal.history.next().is_none() && self.journal.history.under_way().next().is_none()
    }

    /// Decides who goes on or begins, and writes it down. None while only arrivals can bring a decision.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn next(&mut self) -> Result<Option<(Why, Trial)>> {
        let Some(decision) = self.journal.history.next() else { return Ok(None) };
        let next = (decision.why, self.trials[&decision.id].clone());
        self.journal.append(&Line::Decision(decision))?;
        Ok(Some(next))
    }

    /// Arguments of `dml run` for a trial that was sent on its way.
    pub(crate) fn arguments(&self, id: &str) -> [String; 4] {
        let epoch = self.journal.history.sent_to(id).unwrap_or(self.settings.first_epochs);
        ["--until-epoch".into(), epoch.to_string(), "--rung-score".into(), self.settings.score.clone()]
    }

    /// # Errors
    /// When it cannot be written.
    pub(crate) fn arrive(&mut self, id: &str, outcome: Outcome) -> Result<()> {
        self.journal.append(&Line::Arrival { id: id.to_owned(), outcome })
    }
}

/// How a trial arrived that has its result.
pub(crate) fn result(store: &RunStore, id: &str) -> Option<Outcome> {
    let result = store.result(id).ok()??;
    let diverged = matches!(result.outcome, dml_store::Outcome::Diverged { .. });
    Some(if diverged { Outcome::Diverged } else { Outcome::Finished })
}

/// What the journal of a sweep tells. One that cannot be read tells nothing; the sweep that needs it says why.
fn told(store: &RunStore, name: &str) -> History {
    let mut history = History::default();
    for line in journal::read(&journal::path(store, name)).unwrap_or_default() {
        if history.apply(&line).is_err() {
            return History::default();
        }
    }
    history
}

/// How many of these trials have no result because a sweep of the store stopped them early: theirs, or another that shares them.
pub(crate) fn n_stopped(store: &RunStore, trials: &[Trial]) -> usize {
    let histories: Vec<History> = journal::names(store).iter().map(|name| told(store, name)).collect();
    let rests = |id: &str| {
        histories.iter().any(|history| history.resting(id).is_some())
            && !store.trial_directory(id).join("result.json").exists()
    };
    trials.iter().filter(|trial| rests(&trial.id)).count()
}

/// Tells the trials that rest at a rung from those of which nothing is known.
pub(crate) fn mark_resting(store: &RunStore, name: &str, trials: &[Trial], standings: &mut [Standing]) {
    let history = told(store, name);
    for (trial, standing) in trials.iter().zip(standings) {
        if let (Standing::Missing, Some(epoch)) = (&*standing, history.resting(&trial.id)) {
            *standing = Standing::Stopped { epoch };
        }
    }
}

/// Takes every decision of a sweep's journal again, from what had happened before it, and returns what there is to say.
///
/// # Errors
/// When the journal is not there or cannot be read, or a decision is not the one that the rule takes.
pub(crate) fn replay(store: &RunStore, name: &str) -> Result<String> {
    let path: &Path = &journal::path(store, name);
    let lines = journal::read(path)?;
    if lines.is_empty() {
        bail!("{}: is not there; only what --stop-early has run can be replayed", path.display());
    }
    let (mut history, mut decisions, mut arrivals) = (History::default(), 0, 0);
    for (number, line) in lines.iter().enumerate() {
        let place = || format!("{}: line {}", path.display(), number + 1);
        match line {
            Line::Decision(decision) => {
                decisions += 1;
                let again = history.next();
                if again.as_ref() != Some(decision) {
                    let text = |decision| serde_json::to_string(decision).expect("plain data");
                    let again = again.as_ref().map_or("nothing".into(), text);
                    bail!("{}: the journal decides {}, the rule {again}", place(), text(decision));
                }
            }
            Line::Arrival { .. } => arrivals += 1,
            Line::Begin { .. } => {}
        }
        history.apply(line).with_context(place)?;
    }
    let (decisions, arrivals) = (count(decisions, "decision"), count(arrivals, "arrival"));
    Ok(format!("{}: {decisions} on {arrivals}: the rule takes every one again\n", path.display()))
}
