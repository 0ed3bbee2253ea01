//! One trial of a sweep, and what it is called.

use std::collections::BTreeMap;

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
    let flat: Vec<_> = trials.iter().map(|trial| flatten(&trial.table)).collect();
    let varied = varied(&flat);
    let words = |leaves: &Leaves| {
        let word = |key: &&String| {
            let name = key.strip_suffix(".kind").unwrap_or(key);
            let name = name.rsplit('.').next().unwrap_or(name);
            leaves.get(*key).map(|value| format!("{name}={}", text(value)))
        };
        let ignored = ignored(leaves, ignore);
        let telling = varied.iter().filter(|key| !ignored.iter().any(|of| is_of(key, of)));
        telling.filter_map(word).collect::<Vec<_>>().join(" ")
    };
    let labels: Vec<String> = flat.iter().map(words).collect();
    for (trial, label) in trials.iter_mut().zip(labels) {
        trial.label = if label.is_empty() { trial.id.clone() } else { label };
    }
}

/// The keys that tell trials apart.
fn varied<'a>(flat: &'a [Leaves]) -> Vec<&'a String> {
    let Some(first) = flat.first() else { return vec![] };
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
    // A long value is worth its room only where it alone tells two trials apart.
    let is_array =
        |key: &String| flat.iter().any(|values| values.get(key).is_some_and(|value| value.is_array()));
    let arrays: Vec<_> = varied.iter().copied().filter(|key| is_array(key)).collect();
    for array in arrays {
        let others = || varied.iter().filter(|key| **key != array);
        let mut seen = BTreeMap::new();
        let is_needed = flat.iter().any(|values| {
            let of_others: Vec<_> = others().map(|key| values.get(*key).map(ToString::to_string)).collect();
            let value = values.get(array);
            *seen.entry(of_others).or_insert(value) != value
        });
        if !is_needed {
            varied.retain(|key| *key != array);
        }
    }
    varied
}

/// The keys that mean nothing for a trial.
fn ignored<'a>(leaves: &Leaves, ignore: &'a Ignore) -> Vec<&'a str> {
    let applies = ignore.iter().filter_map(|(key, by_value)| by_value.get(&text(leaves.get(key)?)));
    applies.flatten().map(String::as_str).collect()
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
        insta::assert_snapshot!(labels.join("\n"), @r"
        system=dml seed=0
        system=dml seed=1
        system=vae routine=joint seed=0
        system=vae routine=joint seed=1
        ");
        // Two that differ in nothing else are told apart by a list.
        let mut alike = [of("dml", joint, "['folds', 'labelled']", 0), of("dml", joint, "['folds']", 0)];
        label(&mut alike, &ignore);
        assert_eq!(alike[1].label, "protocols=[\"folds\"]");
    }
}
