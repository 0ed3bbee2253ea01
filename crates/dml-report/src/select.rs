//! Which trials: dotted keys against values, and how keys and values are written for people.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use dml_store::lookup;
use serde::Deserialize;
use toml::Value;

/// Dotted trial keys, each with a value or a list of values of which one must be met. Empty: every
/// trial.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Selection(pub BTreeMap<String, Value>);

impl Selection {
    /// Whether a trial meets every key.
    pub fn matches(&self, trial: &toml::Table) -> bool {
        self.matches_but_for(trial, |_| false)
    }

    /// Whether a trial meets every key that is not `free`.
    pub(crate) fn matches_but_for(&self, trial: &toml::Table, free: impl Fn(&str) -> bool) -> bool {
        self.0.iter().filter(|(key, _)| !free(key)).all(|(key, value)| {
            lookup(trial, key).is_some_and(|found| alternatives(value).iter().any(|v| same(v, found)))
        })
    }
}

/// The values of which one must be met: those of an array, or the value itself.
pub(crate) fn alternatives(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// An integer or a float as a number.
pub(crate) fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|i| i as f64))
}

/// Whether two values are equal, integers and floats as numbers.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}

/// Numbers in their order, before everything else in the order of its text.
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => value_text(a).cmp(&value_text(b)),
    }
}

/// A value as people write it: strings bare, `10.0` as `10`.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ => number(value).map_or_else(|| value.to_string(), |x| x.to_string()),
    }
}

/// A key as people read it: `model.latent_dim` as `latent dim`, `prior.kind` as `prior`.
pub(crate) fn key_text(key: &str) -> String {
    let parts: Vec<&str> = key.split('.').collect();
    let last = parts[parts.len() - 1];
    let shown = if matches!(last, "kind" | "name") { parts[parts.len().saturating_sub(2)] } else { last };
    shown.replace('_', " ")
}

/// A score as people read it: `test_folds.knn.accuracy` as `knn accuracy (test folds)`,
/// `retrieval.recall_at_1` as `recall at 1`.
pub(crate) fn score_text(score: &str) -> String {
    let (protocol, name) = score.split_once('.').unwrap_or(("", score));
    let words = |text: &str| text.replace(['.', '_'], " ");
    match protocol {
        "" | "clustering" | "retrieval" | "likelihood" => words(name),
        _ => format!("{} ({})", words(name), words(protocol)),
    }
}

/// A case in a few words, as in `data mnist, labelled percent 0.1`.
pub(crate) fn case_text(keys: &[String], values: &[Option<Value>]) -> String {
    let text = |(key, value): (&String, &Option<Value>)| {
        format!("{} {}", key_text(key), value.as_ref().map_or_else(|| "–".to_string(), value_text))
    };
    keys.iter().zip(values).map(text).collect::<Vec<_>>().join(", ")
}

/// Whether a key is this one, or stands in the table of this name.
pub(crate) fn is_in(key: &str, of: &str) -> bool {
    key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(text: &str) -> Selection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_selection_is_met_by_value_by_list_and_by_number() {
        let trial: toml::Table = "a = 10.0\nb = { c = 'x' }".parse().unwrap();
        assert!(selection("").matches(&trial));
        assert!(selection("a = 10\n'b.c' = ['y', 'x']").matches(&trial));
        assert!(!selection("a = 10\n'b.c' = 'y'").matches(&trial));
        assert!(!selection("'b.d' = 'y'").matches(&trial));
        assert!(selection("a = 10\n'b.c' = 'y'").matches_but_for(&trial, |key| key == "b.c"));
    }

    #[test]
    fn keys_and_values_read_well() {
        assert_eq!(key_text("model.latent_dim"), "latent dim");
        assert_eq!(key_text("prior.kind"), "prior");
        assert_eq!(key_text("seed"), "seed");
        assert_eq!(score_text("test_folds.random_forest.accuracy"), "random forest accuracy (test folds)");
        assert_eq!(value_text(&Value::Float(10.0)), "10");
        assert_eq!(value_text(&Value::Float(0.01)), "0.01");
    }
}
