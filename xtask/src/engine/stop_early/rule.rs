//! Asynchronous successive halving (Li et al. 2020, "A system for massively parallel hyperparameter
//! tuning", algorithm 2) as a pure function: from what has happened to the next decision.
//!
//! Rungs are the epochs `first_epochs * reduction_factor^k`. A group is the trials that compete. At
//! a rung of a group trials are ranked by score, the largest first; equal ones stand in the order
//! in which the trials began, and those without a finite score, or that diverged on the way, come
//! last. Whenever there is room for a trial, the first of these is decided:
//!
//! 1. *promote*: from the highest rung down, and group by group, the best trial that pauses among
//!    the first `⌊n / reduction_factor⌋` of the n that arrived there so far goes on to the next
//!    rung (or to its end, if that comes first);
//! 2. *start*: the next trial that has not begun goes to the first rung;
//! 3. *`last_one`*: where nothing of a group is under way and none of those that competed has come
//!    to its end, the best of its highest rung goes on, so that every group ends with a result.
//!    (The paper's supply of trials has no end, so it needs no such rule.)
//!
//! Trials that end on the way to the first rung (baselines, few epochs) do not compete.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, ensure};
use dml_store::FORMAT;
use serde::{Deserialize, Serialize};

use crate::experiment::StopEarly;

/// A line of the journal: something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(crate) enum Line {
    /// A sweep began, or went on; these of its trials may be started and promoted from now on, and
    /// `gone` are those of before that it does not ask for any more: they compete with none.
    Begin {
        format: u32,
        settings: StopEarly,
        trials: Vec<Entry>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gone: Vec<String>,
    },
    /// A trial was sent on its way.
    Decision(Decision),
    /// A trial that was sent on its way arrived.
    Arrival { id: String, outcome: Outcome },
}

/// A trial and those that it competes with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub id: String,
    pub group: String,
}

/// A trial is trained until an epoch, or to its end if that comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub why: Why,
    pub id: String,
    pub until_epoch: u32,
}

/// The part of the rule that a decision follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    Start,
    Promote,
    LastOne,
}

/// How a trial arrived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// At the rung, with its score; none for embeddings that are not finite.
    Rung { value: Option<f64> },
    /// With a result: it diverged before the rung.
    Diverged,
    /// With a result: the rung was not before its end.
    Finished,
    /// Without anything.
    Failed,
}

/// All that has happened.
#[derive(Debug, Default)]
pub(crate) struct History {
    settings: Option<StopEarly>,
    entrants: Vec<Entrant>,
    places: HashMap<String, usize>,
    /// In order of appearance.
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Entrant {
    id: String,
    group: usize,
    takes_part: bool,
    /// The sweep does not ask for it any more.
    is_gone: bool,
    sent_to: Option<u32>,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Group {
    name: String,
    /// Rung by epoch: who arrived there, the best first.
    rungs: BTreeMap<u32, Vec<Ranked>>,
}

/// A trial at a rung.
#[derive(Debug)]
struct Ranked {
    value: Option<f64>,
    /// Among the entrants.
    place: usize,
}

impl Entrant {
    fn is_under_way(&self) -> bool {
        self.takes_part && self.sent_to.is_some() && self.outcome.is_none()
    }

    fn pauses_at(&self, epoch: u32) -> bool {
        self.takes_part
            && self.sent_to == Some(epoch)
            && matches!(self.outcome, Some(Outcome::Rung { value: Some(_) }))
    }
}

/// The best that pauses at an epoch, of those ranked there.
fn paused<'e>(ranked: &[&'e Entrant], epoch: u32) -> Option<&'e Entrant> {
    ranked.iter().find(|entrant| entrant.pauses_at(epoch)).copied()
}

impl History {
    /// What happens next.
    ///
    /// # Errors
    /// When it cannot follow what happened before.
    pub(crate) fn apply(&mut self, line: &Line) -> Result<()> {
        match line {
            Line::Begin { format, settings, trials, gone } => {
                ensure!(*format == FORMAT, "has format {format}, this version reads {FORMAT}");
                ensure!(
                    self.settings.as_ref().is_none_or(|before| before == settings),
                    "was begun with other settings of [stop_early]; set those again, or delete the file to decide anew from the scores \
                     that the trials keep"
                );
                self.settings = Some(settings.clone());
                for entrant in &mut self.entrants {
                    entrant.takes_part = false;
                    entrant.is_gone = gone.contains(&entrant.id);
                }
                for entry in trials {
                    self.enter(entry);
                }
            }
            Line::Decision(Decision { id, until_epoch, .. }) => {
                let entrant = self.entrant(id)?;
                (entrant.sent_to, entrant.outcome) = (Some(*until_epoch), None);
            }
            Line::Arrival { id, outcome } => {
                let entrant = self.entrant(id)?;
                let epoch =
                    entrant.sent_to.with_context(|| format!("trial {id} arrives, but was never started"))?;
                entrant.outcome = Some(*outcome);
                match outcome {
                    Outcome::Rung { value } => self.rank(id, epoch, *value),
                    Outcome::Diverged => self.rank(id, epoch, None),
                    Outcome::Finished | Outcome::Failed => {}
                }
            }
        }
        Ok(())
    }

    fn entrant(&mut self, id: &str) -> Result<&mut Entrant> {
        let place = self.places.get(id).with_context(|| format!("trial {id} was never entered"))?;
        Ok(&mut self.entrants[*place])
    }

    fn enter(&mut self, Entry { id, group }: &Entry) {
        if let Some(&place) = self.places.get(id) {
            let entrant = &mut self.entrants[place];
            entrant.takes_part = true;
            // It has no result: what failed is tried anew, and so is one whose result was deleted.
            entrant.outcome = entrant.outcome.filter(|outcome| matches!(outcome, Outcome::Rung { .. }));
            return;
        }
        let known = self.groups.iter().position(|known| known.name == *group);
        let group = known.unwrap_or_else(|| {
            self.groups.push(Group { name: group.clone(), rungs: BTreeMap::new() });
            self.groups.len() - 1
        });
        self.places.insert(id.clone(), self.entrants.len());
        let (id, takes_part, is_gone) = (id.clone(), true, false);
        self.entrants.push(Entrant { id, group, takes_part, is_gone, sent_to: None, outcome: None });
    }

    fn rank(&mut self, id: &str, epoch: u32, value: Option<f64>) {
        let place = self.places[id];
        let ranked = self.groups[self.entrants[place].group].rungs.entry(epoch).or_default();
        let or_last = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
        let is_better = |other: &Ranked| {
            or_last(other.value).total_cmp(&or_last(value)).then(place.cmp(&other.place)).is_gt()
        };
        // One whose result was deleted arrives once more.
        ranked.retain(|other| other.place != place);
        ranked.insert(ranked.partition_point(is_better), Ranked { value, place });
    }

    /// The decision that the rule takes now; none while only arrivals can bring one, or at the end.
    pub(crate) fn next(&self) -> Option<Decision> {
        let StopEarly { first_epochs, reduction_factor, .. } = self.settings.as_ref()?;
        let decision =
            |why, entrant: &Entrant, until_epoch| Decision { why, id: entrant.id.clone(), until_epoch };
        let competing = |ranked: &[Ranked]| -> Vec<&Entrant> {
            let entrants = ranked.iter().map(|one| &self.entrants[one.place]);
            entrants.filter(|entrant| !entrant.is_gone).collect()
        };
        let epochs: BTreeSet<u32> =
            self.groups.iter().flat_map(|group| group.rungs.keys().copied()).collect();
        for epoch in epochs.into_iter().rev() {
            for ranked in self.groups.iter().filter_map(|group| group.rungs.get(&epoch)) {
                let ranked = competing(ranked);
                let quota = ranked.len() / *reduction_factor as usize;
                if let Some(entrant) = paused(&ranked[..quota], epoch) {
                    return Some(decision(Why::Promote, entrant, epoch.saturating_mul(*reduction_factor)));
                }
            }
        }
        if let Some(entrant) =
            self.entrants.iter().find(|entrant| entrant.takes_part && entrant.sent_to.is_none())
        {
            return Some(decision(Why::Start, entrant, *first_epochs));
        }
        let mut waits = vec![true; self.groups.len()];
        for entrant in &self.entrants {
            let finished =
                entrant.outcome == Some(Outcome::Finished) && entrant.sent_to > Some(*first_epochs);
            waits[entrant.group] &= !(entrant.is_under_way() || finished && !entrant.is_gone);
        }
        let waiting = self.groups.iter().zip(waits).filter(|(_, waits)| *waits);
        waiting.into_iter().find_map(|(group, _)| {
            let mut rungs = group.rungs.iter().rev();
            let (entrant, epoch) =
                rungs.find_map(|(&epoch, ranked)| Some((paused(&competing(ranked), epoch)?, epoch)))?;
            Some(decision(Why::LastOne, entrant, epoch.saturating_mul(*reduction_factor)))
        })
    }

    /// Ids of all trials that ever took part.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.entrants.iter().map(|entrant| entrant.id.as_str())
    }

    /// Ids of the trials that were sent on their way and have not arrived.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &str> {
        self.entrants.iter().filter(|entrant| entrant.is_under_way()).map(|entrant| entrant.id.as_str())
    }

    /// The epoch that a trial was last sent to.
    pub(crate) fn sent_to(&self, id: &str) -> Option<u32> {
        self.entrants[*self.places.get(id)?].sent_to
    }

    /// The epoch after which a trial pauses, if it does.
    pub(crate) fn pauses_after(&self, id: &str) -> Option<u32> {
        let entrant = &self.entrants[*self.places.get(id)?];
        entrant.sent_to.filter(|_| matches!(entrant.outcome, Some(Outcome::Rung { .. })))
    }
}

#[cfg(test)]
mod tests;
