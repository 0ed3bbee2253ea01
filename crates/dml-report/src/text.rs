//! How keys and values are ordered and written for people.

use std::cmp::Ordering;

use dml_spec::number;
use toml::Value;

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
        // As it stands: a seed may have more digits than a float.
        Value::Integer(number) => number.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_read_well() {
        assert_eq!(key_text("model.latent_dim"), "latent dim");
        assert_eq!(key_text("prior.kind"), "prior");
        assert_eq!(key_text("seed"), "seed");
        assert_eq!(score_text("test_folds.random_forest.accuracy"), "random forest accuracy (test folds)");
        assert_eq!(value_text(&Value::Float(10.0)), "10");
        assert_eq!(value_text(&Value::Float(0.01)), "0.01");
        assert_eq!(value_text(&Value::Integer(1_234_567_890_123_456_789)), "1234567890123456789");
    }
}
