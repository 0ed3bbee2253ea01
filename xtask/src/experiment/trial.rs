//! One trial of a sweep, and what it is called.

use std::collections::{BTreeMap, BTreeSet};

use dml_spec::Ignore;
use dml_store::flatten;
use toml::{Table, Value};

/// The key that `seeds` varies.
pub(crate) const SEED_KEY: &str = "seed";

/// One complete trial.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// [`dml_store::trial_id`] of `table`.
    pub id: String,
    pub table: Table,
    /// What sets it apart in its sweep: `system=dml latent_dim=2 seed=0`. Alone it is its id.
    pub label: String,
}

/// The leaves of a trial under their dotted keys.
type Leaves<'a> = BTreeMap<String, &'a Value>;

/// Names every trial by the keys that not all trials share and that mean something for it.
pub(crate) fn label(trials: &mut [Trial], ignore: &Ignore) {
    let flat: Vec<_> = trials.iter().map(|trial| meant(&trial.table, ignore)).collect();
    let telling = telling(&flat);
    let words = |leaves: &Leaves| {
        let word = |key: &&String| {
            let name = key.strip_suffix(".kind").unwrap_or(key);
            let name = name.rsplit('.').next().unwrap_or(name);
            leaves.get(*key).map(|value| format!("{name}={}", text(value)))
        };
        telling.iter().filter_map(word).collect::<Vec<_>>().join(" ")
    };
    let labels: Vec<String> = flat.iter().map(words).collect();
    for (trial, label) in trials.iter_mut().zip(labels) {
        trial.label = if label.is_empty() { trial.id.clone() } else { label };
    }
}

/// The keys that tell trials apart, without those that follow from another.
fn telling<'a>(flat: &'a [Leaves]) -> Vec<&'a String> {
    let Some(first) = flat.first() else { return vec![] };
    let all: BTreeSet<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    let varies = |key: &&String| flat.iter().any(|leaves| leaves.get(*key) != first.get(*key));
    let mut telling: Vec<&String> = all.into_iter().filter(varies).collect();
    let is_any = |key: &String, is: fn(&Value) -> bool| {
        flat.iter().any(|leaves| leaves.get(key).is_some_and(|value| is(value)))
    };
    // What a system, or a kind, says by itself; of two that say the same the first stays.
    for key in telling.clone().into_iter().rev() {
        let is_said_by = |other: &&String| {
            *other != key
                && is_any(other, Value::is_str)
                && flat.iter().all(|leaves| leaves.contains_key(*other) || !leaves.contains_key(key))
                && follows(flat, key, |leaves| leaves.get(*other).and_then(|value| value.as_str()))
        };
        if telling.iter().any(is_said_by) {
            telling.retain(|other| *other != key);
        }
    }
    // A long value is worth its room only where it alone tells two trials apart.
    for key in telling.clone().into_iter().filter(|key| is_any(key, Value::is_array)) {
        let others: Vec<_> = telling.iter().copied().filter(|other| *other != key).collect();
        let of_others = |leaves: &Leaves| -> Vec<_> {
            others.iter().map(|other| leaves.get(*other).map(ToString::to_string)).collect()
        };
        if follows(flat, key, of_others) {
            telling = others;
        }
    }
    telling
}

/// Whether trials that are alike in something are alike in the value of a key.
fn follows<'a, K: Ord>(flat: &'a [Leaves], key: &String, from: impl Fn(&'a Leaves) -> K) -> bool {
    let mut seen = BTreeMap::new();
    flat.iter().all(|leaves| {
        let value = leaves.get(key);
        *seen.entry(from(leaves)).or_insert(value) == value
    })
}

/// What means something for a trial.
fn meant<'a>(trial: &'a Table, ignore: &Ignore) -> Leaves<'a> {
    let mut leaves = flatten(trial);
    let applies = ignore.iter().filter_map(|(key, by_value)| by_value.get(&text(leaves.get(key)?)));
    let ignored: Vec<&String> = applies.flatten().collect();
    leaves.retain(|key, _| !ignored.iter().any(|of| is_of(key, of)));
    leaves
}

/// Whether a key is this one, or goes with it: all of a table goes with its kind.
fn is_of(key: &str, of: &str) -> bool {
    key == of || of.strip_suffix("kind").is_some_and(|table| table.ends_with('.') && key.starts_with(table))
}

fn text(value: &Value) -> String {
    value.to_string().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_named_by_what_means_something_for_it_and_differs() {
        let of = |system: &str, routine: &str, protocols: &str, seed: u32| {
            let text = format!(
                "seed = {seed}\nepochs = 2\nprotocols = {protocols}\nroutine = {{ {routine} }}\nmodel.system = '{system}'"
            );
            Trial { id: seed.to_string(), table: text.parse().unwrap(), label: String::new() }
        };
        let joint = "kind = 'joint', gamma = 5.0";
        let mut trials = [
            of("dml", "kind = 'alternate', alpha = 0.5", "['folds', 'labelled']", 0),
            of("dml", "kind = 'alternate', alpha = 1.0", "['folds', 'labelled']", 1),
            of("vae", joint, "['folds']", 0),
            of("vae", joint, "['folds']", 1),
        ];
        let ignore = toml::from_str("'model.system' = { dml = ['routine.kind'] }").unwrap();
        label(&mut trials, &ignore);
        let labels = trials.each_ref().map(|trial| trial.label.as_str());
        // The routine follows from the system.
        insta::assert_snapshot!(labels.join("\n"), @r"
        system=dml seed=0
        system=dml seed=1
        system=vae seed=0
        system=vae seed=1
        ");
        let mut trials = [
            of("dml", "kind = 'alternate', alpha = 0.5", "['folds']", 0),
            of("vae", "kind = 'alternate', alpha = 1.0", "['folds']", 0),
            of("vae", joint, "['folds']", 0),
        ];
        label(&mut trials, &ignore);
        let labels = trials.each_ref().map(|trial| trial.label.as_str());
        insta::assert_snapshot!(labels.join("\n"), @r"
        system=dml
        system=vae routine=alternate
        system=vae routine=joint
        ");
        // Two that differ in nothing else are told apart by a list.
        let mut alike = [of("dml", joint, "['folds', 'labelled']", 0), of("dml", joint, "['folds']", 0)];
        label(&mut alike, &ignore);
        assert_eq!(alike[1].label, "protocols=[\"folds\"]");
    }
}
