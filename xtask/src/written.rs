//! When the comparisons of a sweep were written down: before the first results that they judge, or
//! later. The history of the repository says it, by commit.
//!
//! A comparison is a verdict, an equivalence, a prediction or an analysis of effects, as the sweep
//! file has it now but for its prose: one that was changed is another. Not looked at are the trials
//! that the file asks for (its base, its grids and the number of seeds), so that one which was
//! taken away goes unnoticed, and a `[select]` that comes from a file which this one extends. What
//! a comparison judges is known as soon as each of its sides has a result: in the store, which
//! knows the second, or in a commit of `results/`. Of a result that was somewhere else before, no
//! commit tells.

mod history;

use std::collections::{HashMap, HashSet};
use std::fs;

use dml_spec::Selection;
use dml_store::{RunStore, lookup};
use toml::{Table, Value};

use crate::experiment::{Sweep, Trial};
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
        return "Whether what is compared here was written down before its first results is not known: the sweep's files are in no git repository with its whole history.".into();
    };
    let sides = sides(sweep);
    let (mut late, mut open, mut new, mut last) = (vec![], vec![], vec![], None::<&Commit>);
    for (name, comparison) in &now {
        let sides = sides.get(name).map_or(&[][..], Vec::as_slice);
        let kept = last_of_firsts(sides, |id| history.kept(id).map(|commit| commit.place as f64));
        let done = last_of_firsts(sides, |id| store.provenance(id).map(|run| run.finished_at as f64));
        let has_results = kept.is_some() || done.is_some();
        let written = history.written(name, comparison);
        let (kind, name) = name;
        let words = format!("{kind} {name}");
        match written {
            Some(written) => {
                let place = written.place as f64;
                if kept.is_some_and(|kept| kept < place) || done.is_some_and(|done| done <= written.time) {
                    late.push(format!("{words}, {}", written.words()));
                } else if kept.is_some_and(|kept| kept <= place) {
                    open.push(words);
                }
                last = last.into_iter().chain([written]).max_by_key(|commit| commit.place);
            }
            None if has_results => open.push(words),
            None => new.push(words),
        }
    }
    let sentence = |which: &[String], words: &str| {
        (!which.is_empty()).then(|| format!("{words}: {}.", which.join("; ")))
    };
    let of_late = format!(
        "Of {n} things compared here {} got their present form after their first results, so take them as found, not as foretold",
        late.len()
    );
    let of_open = "In no commit yet, or in the one that kept their first results, so whether they are older than these nobody can tell";
    let of_new = "In no commit yet, and without a result";
    let sentences = [sentence(&late, &of_late), sentence(&open, of_open), sentence(&new, of_new)];
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    match last {
        Some(last) if sentences.is_empty() => {
            let last = last.words();
            format!(
                "All that is compared here was committed before its first results were, the last of {n} in {last}; whether the sweep had these trials then is not looked at."
            )
        }
        _ => sentences.join(" "),
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
    let met = |all: &[&Selection]| -> Vec<&Trial> {
        sweep.trials.iter().filter(|trial| all.iter().all(|select| select.matches(&trial.table))).collect()
    };
    let ids = |all: &[&Selection]| met(all).into_iter().map(|trial| trial.id.as_str()).collect();
    let file = &sweep.file;
    let [verdict, equivalence, prediction, effects] = KINDS;
    let of_verdicts = file.verdict.iter().map(|v| {
        let sides = [&v.treatment, &v.control].map(|side| ids(&[&v.select, side]));
        ((verdict, v.name.clone()), sides.into())
    });
    let equivalences = file.equivalence.iter().map(|e| {
        let mut sides: HashMap<String, HashSet<&str>> = HashMap::new();
        for trial in met(&[&e.select]) {
            let value = e.across.as_ref().and_then(|key| lookup(&trial.table, key)).map(Value::to_string);
            sides.entry(value.unwrap_or_default()).or_default().insert(trial.id.as_str());
        }
        ((equivalence, e.name.clone()), sides.into_values().collect())
    });
    let predictions = file.prediction.iter().map(|p| (prediction, p.name(), p.select()));
    let others = predictions.chain(file.effects.iter().map(|e| (effects, e.name.as_str(), &e.select)));
    let of_others = others.map(|(kind, name, select)| ((kind, name.to_owned()), vec![ids(&[select])]));
    of_verdicts.chain(equivalences).chain(of_others).collect()
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
