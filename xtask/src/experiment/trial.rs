//! One trial of a sweep, and what it is called.

use std::collections::BTreeMap;

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

/// Names every trial by the keys that not all trials share.
pub(crate) fn label(trials: &mut [Trial]) {
    let flat: Vec<_> = trials.iter().map(|trial| flatten(&trial.table)).collect();
    let Some(first) = flat.first() else { return };
    let mut varied: Vec<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    varied.sort();
    varied.dedup();
    varied.retain(|key| flat.iter().any(|values| values.get(*key) != first.get(*key)));
    let of_its_kind = varied.clone();
    varied.retain(|key| {
        // What goes with a kind is worth a word only where it varies within the kind.
        let kind = key.rsplit_once('.').map(|(table, _)| format!("{table}.kind"));
        let Some(kind) = kind.filter(|kind| kind != *key && of_its_kind.contains(&kind)) else { return true };
        let mut seen = BTreeMap::new();
        flat.iter().any(|values| {
            let value = values.get(*key);
            *seen.entry(values.get(&kind).and_then(|kind| kind.as_str())).or_insert(value) != value
        })
    });
    let words = |values: &BTreeMap<String, &Value>| {
        let word = |key: &&String| {
            let name = key.strip_suffix(".kind").unwrap_or(key);
            let name = name.rsplit('.').next().unwrap_or(name);
            values.get(*key).map(|value| format!("{name}={}", value.to_string().trim_matches('"')))
        };
        varied.iter().filter_map(word).collect::<Vec<_>>().join(" ")
    };
    let labels: Vec<String> = flat.iter().map(words).collect();
    for (trial, label) in trials.iter_mut().zip(labels) {
        trial.label = if label.is_empty() { trial.id.clone() } else { label };
    }
}
