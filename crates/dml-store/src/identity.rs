//! What a trial is called: an identity that survives keys which later versions add.

use toml::{Table, Value};

use crate::keys::parent_mut;

/// Keys that were added to trials after the first version, each with its neutral value, written in
/// TOML: the value that means what versions did which did not know the key.
///
/// A trial with the neutral value is the same trial as one without the key: it has the same id, the
/// same `trial.toml` and the same `result.json`. So old trial files, sweep files and results stay
/// good.
///
/// To add a key to trials, write it here, and nowhere
/// else. The key may name a value or a whole table. The table that it stands in has to be there in
/// every trial, and must not be one whose fields depend on its `kind`: the key is filled into each
/// trial that lacks it. An entry never changes and never goes away.
pub const NEUTRAL: &[(&str, &str)] = &[
    ("training.precision", "\"f32\""),
    ("evaluation.posterior", "false"),
    ("training.schedule", "\"constant\""),
    ("model.length", "\"free\""),
    ("reconstruction.weight", "1.0"),
    ("views", "{ rotation = 0.0, scale = 0.0, shear = 0.0, shift = 0.0 }"),
    ("instance", "{ weight = 0.0, loss = { kind = \"sup_con\", temperature = 0.2 } }"),
    ("pseudo_labels", "{ kind = \"none\" }"),
    ("data.fold", "{ index = 0, of = 1 }"),
    ("distance", "{ kind = \"euclidean\" }"),
    ("views.brightness", "0.0"),
    ("views.contrast", "0.0"),
    ("evaluation.hits", "[]"),
    ("evaluation.geodesic_pairs", "0"),
    ("model.decoders", "1"),
    ("evaluation.train_clustering", "false"),
];

/// The identity of a trial: the first 16 hex digits of the SHA-256 of its canonical JSON (sorted
/// keys, no spaces, no key with its neutral value).
pub fn trial_id(trial: &Table) -> String {
    id(trial, NEUTRAL)
}

/// A trial without the keys that have their neutral value, as it stands on disk.
#[must_use]
pub fn canonical(trial: Table) -> Table {
    without(trial, NEUTRAL)
}

/// Fills the neutral values of missing keys into a trial, or into what a sweep makes trials of;
/// whether any was missing.
pub fn complete(trial: &mut Table) -> bool {
    fill(trial, NEUTRAL)
}

fn id(trial: &Table, neutral: &[(&str, &str)]) -> String {
    let trial = without(trial.clone(), neutral);
    let json = serde_json::to_string(&trial).expect("a TOML table of a trial has string keys only");
    dml_data::files::sha256(json.as_bytes())[..16].to_owned()
}

fn without(mut trial: Table, neutral: &[(&str, &str)]) -> Table {
    // The last first, as a key may have been added to a table that was added.
    for (key, value) in neutral.iter().rev() {
        if let Some((table, last)) = parent_mut(&mut trial, key)
            && table.get(last) == Some(&parsed(value))
        {
            table.remove(last);
        }
    }
    trial
}

fn fill(trial: &mut Table, neutral: &[(&str, &str)]) -> bool {
    let mut was_missing = false;
    for (key, value) in neutral {
        if let Some((table, last)) = parent_mut(trial, key)
            && !table.contains_key(last)
        {
            table.insert((*last).to_owned(), parsed(value));
            was_missing = true;
        }
    }
    was_missing
}

fn parsed(value: &str) -> Value {
    value.parse().expect("a neutral value is TOML")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDED: &[(&str, &str)] =
        &[("training.precision", "\"f32\""), ("augmentation", "{ kind = \"none\" }")];

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn the_id_does_not_depend_on_the_order_of_keys_but_on_every_value_and_type() {
        let id = trial_id(&table("a = 1\n[b]\nc = 2\nd = 'x'"));
        assert_eq!(id, trial_id(&table("b = { d = 'x', c = 2 }\na = 1")));
        assert_ne!(id, trial_id(&table("a = 1\n[b]\nc = 3\nd = 'x'")));
        assert_ne!(id, trial_id(&table("a = 1.0\n[b]\nc = 2\nd = 'x'")));
        assert_eq!(id, "51f80d95392fec37");
    }

    #[test]
    fn a_trial_is_the_same_with_the_neutral_values_and_without_them() {
        let old = table("seed = 1\ntraining = { epochs = 2 }");
        let mut new = old.clone();
        assert!(fill(&mut new, ADDED) && !fill(&mut new.clone(), ADDED));
        let text = "seed = 1\ntraining = { epochs = 2, precision = 'f32' }\naugmentation = { kind = 'none' }";
        assert_eq!(new, table(text));
        assert_eq!(without(new.clone(), ADDED), old);
        assert_eq!(id(&new, ADDED), trial_id(&old));
        for (value, other) in [("'f32'", "'bf16'"), ("'none'", "'flip'")] {
            assert_ne!(id(&table(&text.replace(value, other)), ADDED), trial_id(&old), "{other}");
        }
    }

    #[test]
    fn a_key_may_be_added_to_a_table_that_was_added() {
        let added = [ADDED, &[("augmentation.strength", "0.0")]].concat();
        let old = table("seed = 1\ntraining = { epochs = 2 }");
        let mut new = old.clone();
        assert!(fill(&mut new, &added));
        assert_eq!(new["augmentation"], Value::from(table("kind = 'none'\nstrength = 0.0")));
        assert_eq!(without(new, &added), old);
        let strong =
            table("seed = 1\ntraining = { epochs = 2 }\naugmentation = { kind = 'none', strength = 0.5 }");
        assert_eq!(without(strong.clone(), &added), strong);
    }

    #[test]
    fn a_value_that_is_there_stays_and_no_table_is_made_up() {
        let mut trial = table("training = { precision = 'bf16' }\naugmentation = { kind = 'flip' }");
        assert!(!fill(&mut trial, ADDED));
        let mut no_trial = table("seed = 1");
        fill(&mut no_trial, ADDED);
        assert!(!no_trial.contains_key("training"));
    }

    #[test]
    fn every_neutral_value_is_toml() {
        assert!(NEUTRAL.iter().all(|(key, value)| !key.is_empty() && value.parse::<Value>().is_ok()));
    }
}
