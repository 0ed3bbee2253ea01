//! How keys and values are ordered and written for people.

use std::cmp::Ordering;

use dml_spec::number;
pub(crate) use dml_spec::value_text;
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

/// A key as people read it: `model.latent_dim` as `latent dim`, `prior.kind` as `prior`, and
/// `instance.weight` whole, as a word that says too little alone.
pub(crate) fn key_text(key: &str) -> String {
    let shown = match key.rsplit_once('.') {
        Some((table, "kind" | "name")) => table.rsplit('.').next().unwrap_or(table),
        Some((_, "weight")) | None => key,
        Some((_, last)) => last,
    };
    shown.replace(['_', '.'], " ")
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
    fn keys_and_scores_read_well() {
        assert_eq!(key_text("model.latent_dim"), "latent dim");
        assert_eq!(key_text("prior.kind"), "prior");
        assert_eq!(key_text("model.encoder.kind"), "encoder");
        assert_eq!(key_text("seed"), "seed");
        assert_eq!(key_text("instance.weight"), "instance weight");
        assert_eq!(key_text("reconstruction.weight"), "reconstruction weight");
        assert_eq!(score_text("test_folds.random_forest.accuracy"), "random forest accuracy (test folds)");
    }
}
