//! Which trials: dotted keys against values.

use std::collections::BTreeMap;

use dml_store::lookup;
use serde::{Deserialize, Serialize};
use toml::Value;

/// Dotted trial keys, each with a value or a list of values of which one must be met. Empty: every
/// trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selection(pub BTreeMap<String, Value>);

impl Selection {
    /// Whether a trial meets every key.
    pub fn matches(&self, trial: &toml::Table) -> bool {
        self.matches_but_for(trial, |_| false)
    }

    /// Whether a trial meets every key that is not `free`.
    pub fn matches_but_for(&self, trial: &toml::Table, free: impl Fn(&str) -> bool) -> bool {
        self.0.iter().filter(|(key, _)| !free(key)).all(|(key, value)| {
            lookup(trial, key).is_some_and(|found| alternatives(value).iter().any(|v| same(v, found)))
        })
    }
}

/// The values of which one must be met: those of an array, or the value itself.
pub fn alternatives(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// An integer or a float as a number.
pub fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|i| i as f64))
}

/// A value as people write it: strings bare, `10.0` as `10`.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // As it stands: a seed may have more digits than a float.
        Value::Integer(number) => number.to_string(),
        _ => number(value).map_or_else(|| value.to_string(), |x| x.to_string()),
    }
}

/// Whether two values are equal, integers and floats as numbers.
pub fn same(a: &Value, b: &Value) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}

/// Whether a key is this one, or stands in the table of this name.
pub fn is_in(key: &str, of: &str) -> bool {
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
    fn values_read_well() {
        assert_eq!(value_text(&Value::Float(10.0)), "10");
        assert_eq!(value_text(&Value::Float(0.01)), "0.01");
        assert_eq!(value_text(&Value::Integer(1_234_567_890_123_456_789)), "1234567890123456789");
    }
}
