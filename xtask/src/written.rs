//! When the comparisons of a sweep were written down: before the first results that they judge, or
//! later. The history of the repository says it, by commit.
//!
//! A comparison is a verdict, an equivalence, a prediction or an analysis of effects, as the sweep
//! file has it now but for its prose: one that was changed is another. What it judges is known as
//! soon as each of its sides has a result, in the store or kept in `results/`.

mod history;

use std::collections::{HashMap, HashSet};
use std::fs;

use dml_spec::Selection;
use dml_store::RunStore;
use toml::{Table, Value};

use crate::experiment::Sweep;
use history::{Commit, History};

/// Parts of a sweep file that compare.
const KINDS: [&str; 4] = ["verdict", "equivalence", "prediction", "effects"];

/// Keys of such a part that are prose.
const PROSE: [&str; 4] = ["proposal", "says", "title", "note"];

/// The kind of a comparison, and its name.
type Name = (&'static str, String);

/// Which comparisons are late, one paragraph. Empty where the sweep makes none.
pub(crate) fn words(sweep: &Sweep, store: &RunStore) -> String {
    let texts = sweep.sources.iter().filter_map(|path| fs::read_to_string(path).ok());
    let now: Vec<(Name, Table)> = texts.flat_map(|text| comparisons(&text)).collect();
    let n = now.len();
    if n == 0 {
        return String::new();
    }
    let Some(history) = History::read(sweep) else {
        return "Whether what is compared here was written down before its first results is not known: the sweep file is in no git repository that has its whole history.".into();
    };
    let sides = sides(sweep);
    let (mut late, mut open, mut last) = (Vec::new(), Vec::new(), None::<&Commit>);
    for (name, comparison) in &now {
        let sides = sides.get(name).map_or(&[][..], Vec::as_slice);
        let kept = last_of_firsts(sides, |id| history.kept(id).map(|commit| commit.place as f64));
        let began = |id: &str| store.provenance(id).map(|run| run.finished_at as f64 - run.seconds);
        let began = last_of_firsts(sides, began);
        let is_at = |first: Option<f64>, written: f64| first.is_some_and(|first| first <= written);
        let written = history.written(name, comparison);
        let (kind, name) = name;
        match written {
            Some(written) => {
                if is_at(kept, written.place as f64) || is_at(began, written.time) {
                    late.push(format!("{kind} {name}, {}", written.words()));
                }
                last = last.into_iter().chain([written]).max_by_key(|commit| commit.place);
            }
            None if kept.is_some() || began.is_some() => open.push(format!("{kind} {name}")),
            None => {}
        }
    }
    let mut sentences = Vec::new();
    if !late.is_empty() {
        sentences.push(format!(
            "Of {n} things compared here {} got their present form after their first results, so take them as found, not as foretold: {}.",
            late.len(),
            late.join("; ")
        ));
    }
    if !open.is_empty() {
        let open = open.join("; ");
        sentences.push(format!(
            "In no commit yet, so whether it is older than its results nobody can tell: {open}."
        ));
    }
    match last {
        _ if !sentences.is_empty() => sentences.join(" "),
        None => "What is compared here is in no commit yet, and has no result.".into(),
        Some(last) => {
            let last = last.words();
            format!(
                "All that is compared here was written down before its first results, the last of {n} in {last}."
            )
        }
    }
}

/// All comparisons of a sweep file's text, without their prose; none where it is no TOML.
fn comparisons(text: &str) -> Vec<(Name, Table)> {
    let file = text.parse::<Table>().unwrap_or_default();
    let parts = KINDS.into_iter().flat_map(|kind| {
        let parts = file.get(kind).and_then(Value::as_array).into_iter().flatten();
        parts.filter_map(Value::as_table).map(move |part| (kind, part))
    });
    let comparison = |(kind, part): (&'static str, &Table)| {
        let mut part = part.clone();
        part.retain(|key, _| !PROSE.contains(&key));
        if let Some(select) = file.get("select").filter(|_| kind != "verdict") {
            part.insert("select of all".into(), select.clone());
        }
        let name = part.get("name").and_then(Value::as_str).unwrap_or_default();
        ((kind, name.to_owned()), part)
    };
    parts.map(comparison).collect()
}

/// Of each comparison, the ids of the trials on each of its sides.
fn sides(sweep: &Sweep) -> HashMap<Name, Vec<HashSet<&str>>> {
    let ids = |all: &[&Selection]| -> HashSet<&str> {
        let met = sweep.trials.iter().filter(|trial| all.iter().all(|select| select.matches(&trial.table)));
        met.map(|trial| trial.id.as_str()).collect()
    };
    let file = &sweep.file;
    let [verdict, equivalence, prediction, effects] = KINDS;
    let of_verdicts = file.verdict.iter().map(|v| {
        let sides = [&v.treatment, &v.control].map(|side| ids(&[&v.select, side]));
        ((verdict, v.name.clone()), sides.into())
    });
    let equivalences = file.equivalence.iter().map(|e| (equivalence, e.name.as_str(), &e.select));
    let predictions = file.prediction.iter().map(|p| (prediction, p.name(), p.select()));
    let effects = file.effects.iter().map(|e| (effects, e.name.as_str(), &e.select));
    let others = equivalences.chain(predictions).chain(effects);
    let of_others = others.map(|(kind, name, select)| ((kind, name.to_owned()), vec![ids(&[select])]));
    of_verdicts.chain(of_others).collect()
}

/// When the first trial of the last side came, by what says it of a trial; `None` while a side has
/// none.
fn last_of_firsts(sides: &[HashSet<&str>], when: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let first = |ids: &HashSet<&str>| ids.iter().filter_map(|id| when(id)).min_by(f64::total_cmp);
    let firsts: Option<Vec<f64>> = sides.iter().map(first).collect();
    firsts?.into_iter().max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests;
