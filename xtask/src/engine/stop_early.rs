//! Early stopping that can be replayed: trials pause at rungs, and only the best go on.
//!
//! The rule is a pure function ([`rule`]) of what a journal in the store holds ([`journal`]); `dml
//! run --until-epoch` trains.

mod journal;
mod rule;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use dml_store::{FORMAT, RunStore, names};

use super::state::Standing;
use super::words::count;
use crate::experiment::{StopEarly, Trial};
use journal::Journal;
use rule::{Entry, History, Line, Why};

pub(crate) use rule::Outcome;

/// A trial that was sent on its way.
#[derive(Debug)]
pub(crate) struct Sent {
    pub trial: Trial,
    /// It begins; otherwise it had paused.
    pub is_new: bool,
}

/// A sweep that stops early, under way.
#[derive(Debug)]
pub(crate) struct Tournament {
    settings: StopEarly,
    journal: Journal,
    trials: HashMap<String, Trial>,
}

impl Tournament {
    /// Begins, or goes on where the journal ends, with the trials of a sweep that are to run.
    ///
    /// # Errors
    /// When the journal was begun with other settings, or another sweep writes it.
    pub(crate) fn begin(
        settings: &StopEarly,
        name: &str,
        store: &RunStore,
        asked: &[Trial],
        trials: &[Trial],
    ) -> Result<Self> {
        let mut journal = Journal::open(store, name)?;
        // Results that came while no sweep listened.
        let arrived: Vec<_> = journal.history.under_way().map(str::to_owned).collect();
        for (id, outcome) in arrived.into_iter().filter_map(|id| Some((id.clone(), result(store, &id)?))) {
            journal.append(&Line::Arrival { id, outcome })?;
        }
        let entry = |trial: &Trial| Entry { id: trial.id.clone(), group: settings.group(trial) };
        let mut entries: Vec<Entry> = trials.iter().map(entry).collect();
        // The rule wants trials in random order: in that of a grid, each might be better than all
        // before it, and so be promoted. Ids are hashes: random enough, the same everywhere.
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        let is_gone = |id: &&str| !asked.iter().any(|trial| trial.id == **id);
        let gone = journal.history.ids().filter(is_gone).map(str::to_owned).collect();
        let begin = Line::Begin { format: FORMAT, settings: settings.clone(), trials: entries, gone };
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

    /// Decides which trial goes on or begins; none while only arrivals can bring a decision.
    pub(crate) fn next(&mut self) -> Result<Option<Sent>> {
        let Some(decision) = self.journal.history.next() else { return Ok(None) };
        let sent = Sent { trial: self.trials[&decision.id].clone(), is_new: decision.why == Why::Start };
        self.journal.append(&Line::Decision(decision))?;
        Ok(Some(sent))
    }

    /// Arguments of `dml run` for a trial that was sent on its way.
    pub(crate) fn arguments(&self, id: &str) -> [String; 4] {
        let epoch = self.journal.history.sent_to(id).unwrap_or(self.settings.first_epochs);
        ["--until-epoch".into(), epoch.to_string(), "--rung-score".into(), self.settings.score.clone()]
    }

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

/// What the journal of a sweep holds: nothing where it cannot be read.
fn history(store: &RunStore, name: &str) -> History {
    journal::history(&journal::path(store, name)).unwrap_or_default()
}

/// How many of these trials have no result because a sweep of the store stopped them early: theirs,
/// or another that shares them.
pub(crate) fn n_stopped(store: &RunStore, trials: &[Trial]) -> usize {
    let histories: Vec<History> = journal::names(store).iter().map(|name| history(store, name)).collect();
    let is_stopped = |id: &str| {
        histories.iter().any(|history| history.pauses_after(id).is_some())
            && !store.file(id, names::RESULT).exists()
    };
    trials.iter().filter(|trial| is_stopped(&trial.id)).count()
}

/// Marks the trials that pause at a rung among those of which nothing else is known.
pub(crate) fn mark_stopped(store: &RunStore, name: &str, trials: &[Trial], standings: &mut [Standing]) {
    let history = history(store, name);
    for (trial, standing) in trials.iter().zip(standings) {
        if let (Standing::Missing, Some(epoch)) = (&*standing, history.pauses_after(&trial.id)) {
            *standing = Standing::Stopped { epoch };
        }
    }
}

/// Takes every decision of a sweep's journal again, from what had happened before it.
///
/// # Errors
/// When there is no journal to read, or a decision is not the one that the rule takes.
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
