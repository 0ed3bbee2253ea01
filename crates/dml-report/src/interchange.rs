//! Results as files that other programs open.

use std::collections::BTreeSet;

use dml_store::Outcome;

use crate::evidence::{Evidence, MISSING};
use crate::text::value_text;

/// One line a trial of the sweep: id, outcome (`scored`, `diverged`, `missing`), every key and
/// every score under its dotted name.
pub(crate) fn csv(trials: &[Evidence]) -> String {
    let keys: BTreeSet<&str> = trials.iter().flat_map(|t| t.leaves.keys().map(String::as_str)).collect();
    let scored = |t: &Evidence| match t.result.map(|r| &r.outcome) {
        Some(Outcome::Scored { scores, .. }) => scores.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let scores: BTreeSet<String> = trials.iter().flat_map(scored).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header =
        ["id", "outcome"].into_iter().chain(keys.iter().copied()).chain(scores.iter().map(String::as_str));
    writer.write_record(header).expect("memory");
    for trial in trials {
        let ending = trial.result.map(|result| result.outcome.ending().to_string());
        let key = |key: &&str| trial.leaves.get(*key).map_or_else(String::new, |v| value_text(v));
        let score = |score: &String| trial.score(score).map_or_else(String::new, |x| x.to_string());
        let head = [trial.id.clone(), ending.unwrap_or_else(|| MISSING.into())];
        let record = head.into_iter().chain(keys.iter().map(key)).chain(scores.iter().map(score));
        writer.write_record(record).expect("memory");
    }
    String::from_utf8(writer.into_inner().expect("memory")).expect("made of strings")
}

/// One result a line, as in `result.json`: with the whole trial, all scores and all curves.
pub(crate) fn json_lines(trials: &[Evidence]) -> String {
    let results = trials.iter().filter_map(|t| t.result);
    results.map(|result| serde_json::to_string(result).expect("plain data") + "\n").collect()
}
