//! The trials of a sweep joined with what is known of them.

use std::collections::{BTreeMap, HashMap};

use dml_spec::Ignore;
use dml_store::{Outcome, TrialResult, flatten, trial_id};
use toml::Value;

use crate::text::{order, value_text};

/// The key over which means are taken.
pub(crate) const SEED: &str = "seed";

/// What stands where a trial's ending would, while it has no result.
pub(crate) const MISSING: &str = "missing";

/// A trial that the sweep asks for, with its result if it has one.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) id: String,
    pub(crate) trial: &'a toml::Table,
    /// The whole trial file.
    pub(crate) leaves: BTreeMap<String, &'a Value>,
    /// Keys that mean nothing for this trial.
    ignored: Vec<&'a str>,
    pub(crate) result: Option<&'a TrialResult>,
}

impl<'a> Evidence<'a> {
    /// Whether a key says something about this trial; `[ignore]` lists those that do not.
    pub(crate) fn is_relevant(&self, key: &str) -> bool {
        !self.ignored.contains(&key)
    }

    /// The value of a key, if the trial has it and it is relevant.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.leaves.get(key).copied().filter(|_| self.is_relevant(key))
    }

    pub(crate) fn seed(&self) -> String {
        self.leaves.get(SEED).map_or_else(String::new, |v| value_text(v))
    }

    pub(crate) fn score(&self, name: &str) -> Option<f64> {
        match &self.result?.outcome {
            Outcome::Scored { scores, .. } => scores.get(name).copied(),
            Outcome::Diverged { .. } => None,
        }
    }

    /// Which images a read-out was right about, where the result says it.
    pub(crate) fn hits(&self, readout: &str) -> Option<&'a [bool]> {
        match &self.result?.outcome {
            Outcome::Scored { hits, .. } => hits.get(readout).map(|hits| hits.0.as_slice()),
            Outcome::Diverged { .. } => None,
        }
    }

    pub(crate) fn diverged(&self) -> bool {
        self.result.is_some_and(|r| matches!(r.outcome, Outcome::Diverged { .. }))
    }
}

/// Every trial that is asked for, once, in the order of the sweep.
pub(crate) fn join<'a>(
    results: &'a [TrialResult],
    expected: &'a [toml::Table],
    ignore: &'a Ignore,
) -> Vec<Evidence<'a>> {
    let by_id: HashMap<&str, &TrialResult> = results.iter().map(|r| (r.id.as_str(), r)).collect();
    let mut seen = std::collections::HashSet::new();
    let trials =
        expected.iter().map(|trial| (trial_id(trial), trial)).filter(|(id, _)| seen.insert(id.clone()));
    trials
        .map(|(id, trial)| {
            let leaves = flatten(trial);
            let applies = ignore.iter().filter_map(|(key, by_value)| {
                leaves.get(key).and_then(|value| by_value.get(&value_text(value)))
            });
            let ignored = applies.flatten().map(String::as_str).collect();
            Evidence { result: by_id.get(id.as_str()).copied(), leaves, ignored, id, trial }
        })
        .collect()
}

/// A value in the order of a sweep: numbers by size, all else as the sweep first names them, what
/// means nothing last.
#[derive(Debug, Default)]
pub(crate) struct Ranks(HashMap<(String, String), usize>);

impl Ranks {
    pub(crate) fn of(trials: &[Evidence]) -> Self {
        let mut ranks = HashMap::new();
        for trial in trials {
            for (key, value) in &trial.leaves {
                let next = ranks.len();
                ranks.entry((key.clone(), value_text(value))).or_insert(next);
            }
        }
        Self(ranks)
    }

    pub(crate) fn order(&self, key: &str, a: Option<&Value>, b: Option<&Value>) -> std::cmp::Ordering {
        let rank = |v: &Value| self.0.get(&(key.to_string(), value_text(v))).copied().unwrap_or(usize::MAX);
        match (a, b) {
            (Some(a @ Value::String(_)), Some(b @ Value::String(_))) => rank(a).cmp(&rank(b)),
            (Some(a), Some(b)) => order(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }

    /// The order of two lists of values of these keys, the first key first.
    pub(crate) fn order_all(&self, keys: &[String], a: &Keyed, b: &Keyed) -> std::cmp::Ordering {
        let orders =
            keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| self.order(key, a.as_ref(), b.as_ref()));
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    }
}

/// Values of some keys; `None`: does not have the key, or it means nothing.
pub(crate) type Keyed = Vec<Option<Value>>;

/// Trials gathered by what `value` says of some keys, the groups in the order of the sweep.
pub(crate) fn group<'t, 'a>(
    trials: impl IntoIterator<Item = &'t Evidence<'a>>,
    keys: &[String],
    ranks: &Ranks,
    value: impl Fn(&Evidence<'a>, &str) -> Option<&'a Value>,
) -> Vec<(Keyed, Vec<&'t Evidence<'a>>)>
where
    'a: 't,
{
    let mut groups: Vec<(Keyed, Vec<&Evidence>)> = Vec::new();
    let mut places = HashMap::new();
    for trial in trials {
        let values: Keyed = keys.iter().map(|key| value(trial, key).cloned()).collect();
        let place = *places.entry(label(&values)).or_insert(groups.len());
        if place == groups.len() {
            groups.push((values, Vec::new()));
        }
        groups[place].1.push(trial);
    }
    groups.sort_by(|(a, _), (b, _)| ranks.order_all(keys, a, b));
    groups
}

/// Keys other than the seed in which these trials differ, at least one of them, so that their mean
/// goes over more than it seems to.
pub(crate) fn varying_keys(trials: &[&Evidence]) -> Vec<String> {
    let first = trials[0];
    let differs = |key: &str| trials.iter().any(|t| t.value(key) != first.value(key));
    first.leaves.keys().filter(|key| *key != SEED && differs(key)).cloned().collect()
}

/// What the seeds of some trials have of a score.
pub(crate) struct Seeds {
    /// One mean a seed, of those whose trials have all ended well and of which one has the score.
    pub(crate) means: Vec<f64>,
    /// Seeds there are.
    pub(crate) asked: usize,
    /// Those of which a trial diverged.
    pub(crate) diverged: usize,
    /// Those that ended well but were not scored this way.
    pub(crate) unscored: usize,
}

impl Seeds {
    /// The unit is the seed: trials of one seed (as a baseline that ran once for each latent
    /// dimension) count once, with their mean. A mean over some of a seed's trials is of something
    /// else, so a seed with a trial that diverged or has no result counts with none.
    pub(crate) fn of(trials: &[&Evidence], score: &str) -> Self {
        let mut seeds: BTreeMap<String, Vec<&Evidence>> = BTreeMap::new();
        for trial in trials {
            seeds.entry(trial.seed()).or_default().push(trial);
        }
        let mut of = Self { means: Vec::new(), asked: seeds.len(), diverged: 0, unscored: 0 };
        for trials in seeds.values() {
            let scored: Vec<f64> = trials.iter().filter_map(|t| t.score(score)).collect();
            if trials.iter().any(|t| t.diverged()) {
                of.diverged += 1;
            } else if trials.iter().any(|t| t.result.is_none()) {
            } else if scored.is_empty() {
                of.unscored += 1;
            } else {
                of.means.push(scored.iter().sum::<f64>() / scored.len() as f64);
            }
        }
        of
    }
}

/// The values of a group's keys in one line.
pub(crate) fn label(values: &[Option<Value>]) -> String {
    values
        .iter()
        .map(|v| v.as_ref().map_or_else(|| "–".to_string(), value_text))
        .collect::<Vec<_>>()
        .join(", ")
}
