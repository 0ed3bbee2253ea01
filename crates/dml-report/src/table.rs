//! A table of scores: ours beside the published, holes as holes.

mod render;
pub(crate) use render::{escape_html, pipes};

use dml_spec::{Selection, TableSpec, alternatives, same};
use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use crate::estimate::{Estimate, SCOPE};
use crate::evidence::{Evidence, Keyed, Ranks, Seeds, label, varying_keys};
use crate::published::Published;
use crate::text::{key_text, value_text};

/// A table, ready to be written as Markdown, CSV, LaTeX or HTML.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// File stem and anchor.
    pub(crate) name: String,
    /// One line.
    pub(crate) title: String,
    /// Dotted keys that name a row.
    pub(crate) keys: Vec<String>,
    /// Score names.
    pub(crate) scores: Vec<String>,
    /// Sorted by their keys.
    pub(crate) rows: Vec<Row>,
    /// What has to be said under it, a sentence or more each.
    pub(crate) notes: Vec<String>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Values of the table's keys; `None`: means nothing here.
    pub(crate) values: Vec<Option<Value>>,
    /// A baseline, not a model.
    pub(crate) baseline: bool,
    /// One a score.
    pub(crate) cells: Vec<Cell>,
    /// Ids of its trials.
    pub(crate) trials: Vec<String>,
}

/// A score of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// Mean over seeds with its 95% t interval, if at least one trial has the score.
    pub(crate) ours: Option<Estimate>,
    /// Seeds the sweep asks for.
    pub(crate) asked: usize,
    /// Seeds of which a trial diverged; the mean leaves them out.
    pub(crate) diverged: usize,
    /// Seeds that ended well but were not scored this way.
    pub(crate) unscored: usize,
    /// The published number as printed.
    pub(crate) published: Option<String>,
    /// How it stands within its group.
    pub(crate) mark: Mark,
}

/// How a cell stands within its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing to say.
    None,
    /// The best model.
    Best,
    /// A model whose interval overlaps the best model's.
    Overlaps,
    /// A baseline that reaches the best model.
    Reaches,
}

impl Table {
    /// Makes the table of a specification. Trials without a result are holes.
    pub(crate) fn build(spec: &TableSpec, baselines: &Selection, trials: &[Evidence], ranks: &Ranks) -> Self {
        let published = spec.published.as_deref().and_then(Published::load);
        let mut groups: BTreeMap<String, (Keyed, bool, Vec<&Evidence>)> = BTreeMap::new();
        for trial in trials {
            let baseline = !baselines.0.is_empty() && baselines.matches(trial.trial);
            let free = |key: &str| !trial.is_relevant(key) || (baseline && baselines.0.contains_key(key));
            if !spec.select.matches_but_for(trial.trial, free) {
                continue;
            }
            let values: Keyed = spec.rows.iter().map(|key| trial.value(key).cloned()).collect();
            let (_, _, of_row) = groups.entry(label(&values)).or_insert((values, baseline, Vec::new()));
            of_row.push(trial);
        }
        let mut sorted: Vec<_> = groups.into_values().collect();
        sorted.sort_by(|(a, _, _), (b, _, _)| ranks.order_all(&spec.rows, a, b));
        sorted.sort_by_key(|(_, baseline, _)| *baseline);
        let head = |values: &Keyed| places(spec).map(|place| values[place].clone()).collect();
        sorted.sort_by(|(a, _, _), (b, _, _)| ranks.order_all(&spec.best_within, &head(a), &head(b)));

        let mut mixed = BTreeSet::new();
        let mut rows = Vec::new();
        for (values, baseline, trials) in sorted {
            mixed.extend(varying_keys(&trials));
            let row = published.as_ref().and_then(|p| p.row_of_all(&trials));
            let printed = row.zip(published.as_ref()).map(|(row, p)| p.scores(row)).unwrap_or_default();
            let cell = |score: &String| {
                Cell::of(&trials, score, printed.get(score.as_str()).map(|s| (*s).to_string()))
            };
            let cells = spec.scores.iter().map(cell).collect();
            rows.push(Row { values, baseline, cells, trials: trials.iter().map(|t| t.id.clone()).collect() });
        }
        let missing = missing_baselines(spec, baselines, &rows);
        // A baseline that has none of these scores has nothing to say here.
        rows.retain(|row| !row.baseline || row.cells.iter().any(|cell| cell.unscored < cell.asked));
        mark(&mut rows, spec);
        let has_trial =
            |p: &Published| trials.iter().filter_map(|t| p.row_of(t.trial)).collect::<BTreeSet<_>>();
        let left_out = published.map_or(0, |p| p.len() - has_trial(&p).len());
        let mut table = Self {
            name: spec.name.clone(),
            title: spec.title.clone(),
            keys: spec.rows.clone(),
            scores: spec.scores.clone(),
            rows,
            notes: Vec::new(),
        };
        table.notes = notes(spec, missing, &table.rows, left_out, &mixed);
        table
    }
}

impl Cell {
    fn of(trials: &[&Evidence], score: &str, published: Option<String>) -> Self {
        let Seeds { means, asked, diverged, unscored } = Seeds::of(trials, score);
        Self { ours: Estimate::of(&means), asked, diverged, unscored, published, mark: Mark::None }
    }

    fn comparable(&self) -> Option<Estimate> {
        self.ours.filter(|_| self.diverged == 0)
    }
}

/// Where the keys of `best_within` stand among those of a row.
fn places(spec: &TableSpec) -> impl Iterator<Item = usize> {
    spec.best_within.iter().filter_map(|key| spec.rows.iter().position(|row| row == key))
}

/// Compares each row with the best model of its group. A baseline for which a key of the groups
/// means nothing stands in all of them. A row some of whose seeds diverged is not compared: its
/// mean is over those that went well.
fn mark(rows: &mut [Row], spec: &TableSpec) {
    let group = |row: &Row| places(spec).map(|p| row.values[p].as_ref().map(value_text)).collect::<Vec<_>>();
    let groups: Vec<_> = rows.iter().map(group).collect();
    for (column, score) in spec.scores.iter().enumerate() {
        let sign = if spec.lower_is_better.contains(score) { -1.0 } else { 1.0 };
        let mark = |(row, own): (&Row, &Vec<Option<String>>)| {
            let same = |(own, other): (&Option<String>, &Option<String>)| {
                own == other || (row.baseline && own.is_none())
            };
            let in_group = |other: &Vec<Option<String>>| own.iter().zip(other).all(same);
            let rivals = rows.iter().zip(&groups).filter(|(other, group)| !other.baseline && in_group(group));
            let best = rivals
                .filter_map(|(rival, _)| rival.cells[column].comparable())
                .max_by(|a, b| (sign * a.mean).total_cmp(&(sign * b.mean)));
            let (Some(best), Some(ours)) = (best, row.cells[column].comparable()) else { return Mark::None };
            match (row.baseline, sign * ours.mean >= sign * best.mean) {
                (true, true) => Mark::Reaches,
                (false, true) => Mark::Best,
                (false, false) if ours.overlaps(&best) => Mark::Overlaps,
                _ => Mark::None,
            }
        };
        let marks: Vec<Mark> = rows.iter().zip(&groups).map(mark).collect();
        for (row, mark) in rows.iter_mut().zip(marks) {
            row.cells[column].mark = mark;
        }
    }
}

fn notes(
    spec: &TableSpec,
    missing: Option<String>,
    rows: &[Row],
    left_out: usize,
    mixed: &BTreeSet<String>,
) -> Vec<String> {
    let cells = || rows.iter().flat_map(|row| &row.cells);
    let mut notes = vec![how_to_read(rows)];
    let holes: usize =
        cells().filter(|c| c.ours.map_or(0, |e| e.n) + c.diverged + c.unscored < c.asked).count();
    if holes > 0 {
        notes.push(format!(
            "{holes} of {} cells have trials without a result: “·” is a hole.",
            cells().count()
        ));
    }
    let diverged = cells().filter(|c| c.diverged > 0).count();
    if diverged > 0 {
        notes.push(format!(
            "In {diverged} of {} cells training diverged for some seeds, which the mean leaves out; these are no best, and are not compared with it.",
            cells().count()
        ));
    }
    if cells().any(|c| c.mark == Mark::Reaches) {
        notes.push("‡: a baseline that is at least as good as the best model of its group.".to_string());
    }
    if let Some(missing) = missing {
        notes.push(format!("Baselines that this sweep does not run: {missing}."));
    }
    if !mixed.is_empty() {
        let keys = mixed.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        notes.push(format!("Careful: rows are means over trials that differ in more than the seed: {keys}."));
    }
    if spec.published.is_some() {
        notes.push("No published number has a seed or an interval.".to_string());
    }
    if left_out > 0 {
        notes.push(format!("{left_out} rows of the published table have no trial in this sweep."));
    }
    if !spec.note.is_empty() {
        notes.push(spec.note.trim().to_string());
    }
    notes
}

/// What the cells show.
fn how_to_read(rows: &[Row]) -> String {
    match rows.iter().flat_map(|row| &row.cells).map(|cell| cell.asked).max() {
        _ if rows.is_empty() => "The sweep has no trial for this table.".to_string(),
        Some(1) => {
            "One seed: there are no intervals, and the number in bold is only the largest of its group, which need not be the better model. \
             Run more seeds."
                .to_string()
        }
        _ => format!(
            "Mean over seeds ± half of its 95% t interval (number of seeds). Bold: the best model of its group; ≈: a model whose interval \
             overlaps the best one's. {SCOPE}"
        ),
    }
}

fn missing_baselines(spec: &TableSpec, baselines: &Selection, rows: &[Row]) -> Option<String> {
    let mut missing = Vec::new();
    for (key, values) in &baselines.0 {
        let Some(place) = spec.rows.iter().position(|row| row == key) else { continue };
        let there =
            |v: &Value| rows.iter().any(|row| row.values[place].as_ref().is_some_and(|found| same(found, v)));
        missing.extend(
            alternatives(values)
                .iter()
                .filter(|v| !there(v))
                .map(|v| format!("{} {}", key_text(key), value_text(v))),
        );
    }
    (!missing.is_empty()).then(|| missing.join(", "))
}

#[cfg(test)]
mod tests;
