//! What the page's script reads of all trials: columns of indices, scores and curves.

use std::collections::{BTreeSet, HashMap};

use dml_store::Outcome;
use serde::Serialize;
use serde_json::{Value, json};

use crate::evidence::{Evidence, MISSING};
use crate::text::value_text;

/// Keys, their distinct values, and the trials: an index of a value for each key (-1: does not have
/// it), scores and curves.
#[derive(Serialize)]
struct Data<'a> {
    keys: Vec<&'a str>,
    values: Vec<Vec<Value>>,
    scores: Vec<&'a str>,
    curves: Vec<&'a str>,
    trials: Vec<Trial<'a>>,
}

#[derive(Serialize)]
struct Trial<'a> {
    id: &'a str,
    /// `scored`, `missing`, or why it diverged.
    o: String,
    v: Vec<i64>,
    s: Vec<Option<f64>>,
    c: Vec<Vec<Option<f64>>>,
}

pub(super) fn json(trials: &[Evidence]) -> String {
    let keys: BTreeSet<&str> = trials.iter().flat_map(|t| t.leaves.keys().map(String::as_str)).collect();
    let mut scores = BTreeSet::new();
    let mut curves = BTreeSet::new();
    for result in trials.iter().filter_map(|t| t.result) {
        curves.extend(result.curves.keys().map(String::as_str));
        if let Outcome::Scored { scores: of, .. } = &result.outcome {
            scores.extend(of.keys().map(String::as_str));
        }
    }
    let keys: Vec<&str> = keys.into_iter().collect();
    let mut values: Vec<Vec<Value>> = vec![Vec::new(); keys.len()];
    let mut places: Vec<HashMap<String, i64>> = vec![HashMap::new(); keys.len()];
    let mut index = |trial: &Evidence, key: usize| -> i64 {
        let Some(value) = trial.leaves.get(keys[key]) else { return -1 };
        let next = places[key].len() as i64;
        *places[key].entry(value_text(value)).or_insert_with(|| {
            values[key].push(shown(value));
            next
        })
    };
    let indices: Vec<Vec<i64>> =
        trials.iter().map(|t| (0..keys.len()).map(|key| index(t, key)).collect()).collect();
    let (scores, curves): (Vec<&str>, Vec<&str>) =
        (scores.into_iter().collect(), curves.into_iter().collect());
    let trial = |(t, v): (&'_ Evidence<'_>, Vec<i64>)| {
        let curve = |name: &&str| {
            let values = t.result.and_then(|r| r.curves.get(*name));
            values.map_or_else(Vec::new, |c| c.iter().map(|x| x.map(short)).collect())
        };
        (
            outcome(t),
            v,
            scores.iter().map(|s| t.score(s).map(short)).collect(),
            curves.iter().map(curve).collect(),
        )
    };
    let rows = trials.iter().zip(indices).map(trial).zip(trials);
    let trials = rows.map(|((o, v, s, c), t)| Trial { id: &t.id, o, v, s, c }).collect();
    let data = Data { keys, values, scores: scores.clone(), curves: curves.clone(), trials };
    in_script(&serde_json::to_string(&data).expect("plain data"))
}

fn outcome(trial: &Evidence) -> String {
    match trial.result.map(|r| &r.outcome) {
        None => MISSING.to_owned(),
        Some(outcome @ Outcome::Scored { .. }) => outcome.ending().to_string(),
        Some(outcome @ Outcome::Diverged { epoch, reason }) => {
            format!("{} in epoch {epoch}: {reason}", outcome.ending())
        }
    }
}

/// Numbers stay numbers, so that they sort as such.
fn shown(value: &toml::Value) -> Value {
    match value {
        toml::Value::Integer(i) => json!(i),
        toml::Value::Float(x) => json!(x),
        _ => json!(value_text(value)),
    }
}

/// Six significant digits are more than is read off a page.
pub(super) fn short(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// Text that cannot end or open anything within a script element.
pub(super) fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}
