//! From a sweep file to its trials: a pure function.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Result, bail, ensure};
use dml_store::{complete, flatten, lookup, trial_id};
use toml::{Table, Value};

use super::file::SweepFile;

/// The key that `seeds` varies.
pub(crate) const SEED_KEY: &str = "seed";

/// One complete trial.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// [`trial_id`] of `table`.
    pub id: String,
    pub table: Table,
    /// What sets it apart in its sweep, for people: `system=dml latent_dim=2 seed=0`. Alone it is its id.
    pub label: String,
}

/// All trials of a sweep, each once: seed by seed, in the order of the grids.
///
/// # Errors
/// When a grid names a key that the trial does not have, or gives it a value of another type. The sentence names
/// the grid (counted from 1) and the key, and says what would be right.
pub(crate) fn expand(file: &SweepFile) -> Result<Vec<Trial>> {
    let Some(&Value::Integer(first)) = file.base.get(SEED_KEY) else {
        bail!("[base] has no `seed`; `seed = 0` would be right (`seeds` then counts it up)");
    };
    let mut base = file.base.clone();
    complete(&mut base);
    let mut tables = Vec::new();
    for (index, grid) in file.grid.iter().enumerate() {
        if let Err(error) = expand_grid(&base, grid, &mut tables) {
            bail!("grid {}: {error}", index + 1);
        }
    }
    if file.grid.is_empty() {
        tables.push(base);
    }
    // A grid may have put a whole table in the place of one that was complete.
    for table in &mut tables {
        complete(table);
    }
    let mut seen = HashSet::new();
    let mut trials = Vec::new();
    for seed in (first..).take(file.seeds as usize) {
        for table in &tables {
            let mut table = table.clone();
            table.insert(SEED_KEY.into(), Value::Integer(seed));
            let id = trial_id(&table);
            if seen.insert(id.clone()) {
                trials.push(Trial { id, table, label: String::new() });
            }
        }
    }
    label(&mut trials);
    Ok(trials)
}

/// The Cartesian product of one grid over the base.
fn expand_grid(base: &Table, grid: &Table, tables: &mut Vec<Table>) -> Result<()> {
    ensure!(!grid.contains_key(SEED_KEY), "`{SEED_KEY}` is set by `seeds`, not by a grid");
    let mut axes: Vec<(&str, &[Value])> = Vec::new();
    for (key, value) in grid {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        ensure!(!values.is_empty(), "`{key}` is varied over an empty array; give it at least one value");
        axes.push((key, values));
    }
    // Shallow keys first, so that a whole table is replaced before a key inside it is set.
    axes.sort_by_key(|(key, _)| (key.matches('.').count(), *key));
    let mut partial = vec![base.clone()];
    for (key, values) in axes {
        let product = partial.iter().flat_map(|table| values.iter().map(move |value| (table, value)));
        partial = product.map(|(table, value)| replaced(table, key, value)).collect::<Result<_>>()?;
    }
    tables.append(&mut partial);
    Ok(())
}

fn replaced(table: &Table, key: &str, value: &Value) -> Result<Table> {
    let mut table = table.clone();
    let Some(slot) = slot(&mut table, key) else {
        bail!("there is no key `{key}`; {}", alternatives(&table, key))
    };
    if !slot.same_type(value) {
        let hint = match (&*slot, value) {
            (Value::Float(_), Value::Integer(number)) => format!("write {number}.0"),
            (Value::Array(_), _) => {
                "an array in a grid is varied: to set one array, wrap it, as in [[512, 256]]".into()
            }
            (old, _) => format!("{} like the base's {old} would be right", old.type_str()),
        };
        bail!("`{key}` is given the {} {value}; {hint}", value.type_str());
    }
    *slot = value.clone();
    Ok(table)
}

fn slot<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        None => table.get_mut(key),
        Some((first, rest)) => slot(table.get_mut(first)?.as_table_mut()?, rest),
    }
}

/// What a key could have been: the keys beside it, in the deepest table on its way that is there.
fn alternatives(table: &Table, key: &str) -> String {
    let parent = key.rsplit_once('.').map(|(parent, _)| parent);
    let Some(parent) = parent else { return format!("a trial has {}", list(table, "")) };
    match lookup(table, parent) {
        Some(Value::Table(inner)) => format!("`{parent}` has here {}", list(inner, parent)),
        Some(other) => format!("`{parent}` is here the {} {other}", other.type_str()),
        None => alternatives(table, parent),
    }
}

fn list(table: &Table, parent: &str) -> String {
    let dot = if parent.is_empty() { "" } else { "." };
    table.keys().map(|key| format!("`{parent}{dot}{key}`")).collect::<Vec<_>>().join(", ")
}

/// Names every trial by the keys that not all trials share.
pub(crate) fn label(trials: &mut [Trial]) {
    let flat: Vec<_> = trials.iter().map(|trial| flatten(&trial.table)).collect();
    let Some(first) = flat.first() else { return };
    let mut varied: Vec<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    varied.sort();
    varied.dedup();
    varied.retain(|key| flat.iter().any(|values| values.get(*key) != first.get(*key)));
    let of_its_kind = varied.clone();
    varied.retain(|key| {
        // What goes with a kind is worth a word only where it varies within the kind.
        let kind = key.rsplit_once('.').map(|(table, _)| format!("{table}.kind"));
        let Some(kind) = kind.filter(|kind| kind != *key && of_its_kind.contains(&kind)) else { return true };
        let mut seen = BTreeMap::new();
        flat.iter().any(|values| {
            let value = values.get(*key);
            *seen.entry(values.get(&kind).and_then(|kind| kind.as_str())).or_insert(value) != value
        })
    });
    let words = |values: &BTreeMap<String, &Value>| {
        let word = |key: &&String| {
            let name = key.strip_suffix(".kind").unwrap_or(key);
            let name = name.rsplit('.').next().unwrap_or(name);
            values.get(*key).map(|value| format!("{name}={}", value.to_string().trim_matches('"')))
        };
        varied.iter().filter_map(word).collect::<Vec<_>>().join(" ")
    };
    let labels: Vec<String> = flat.iter().map(words).collect();
    for (trial, label) in trials.iter_mut().zip(labels) {
        trial.label = if label.is_empty() { trial.id.clone() } else { label };
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;

    const HEAD: &str = r#"
claim = "c"
command = "x"
seeds = 1
seconds_per_trial = 1.0
[base]
seed = 0
[base.data]
name = "mnist"
percent = 0.1
[base.model]
hidden = [512, 256]
latent_dim = 10
[base.routine]
kind = "alternate"
alpha = 0.5
"#;

    fn trials(grids: &str) -> Result<Vec<Trial>> {
        expand(&parse(&format!("{HEAD}{grids}")).unwrap())
    }

    fn labels(grids: &str) -> String {
        let lines: Vec<_> = trials(grids).unwrap().into_iter().map(|trial| trial.label).collect();
        lines.join("\n")
    }

    fn complaint(grids: &str) -> String {
        format!("{:#}", trials(grids).unwrap_err())
    }

    #[test]
    fn without_a_grid_the_base_runs_alone() {
        let all = trials("").unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].id, trial_id(&parse(HEAD).unwrap().base));
    }

    #[test]
    fn arrays_are_varied_scalars_and_tables_are_fixed_and_equal_trials_are_one() {
        insta::assert_snapshot!(labels(r#"
[[grid]]
"data.percent" = [0.1, 10.0]
"model.latent_dim" = [2, 10]
"routine.alpha" = 1.0
[[grid]]
"data.percent" = 10.0
"routine.alpha" = [0.5, 1.0]
[[grid]]
"model.hidden" = [[64], [32, 16]]
routine = { kind = "joint", gamma = 2.0 }
"#), @"
        percent=0.1 hidden=[512, 256] latent_dim=2 alpha=1.0 routine=alternate
        percent=0.1 hidden=[512, 256] latent_dim=10 alpha=1.0 routine=alternate
        percent=10.0 hidden=[512, 256] latent_dim=2 alpha=1.0 routine=alternate
        percent=10.0 hidden=[512, 256] latent_dim=10 alpha=1.0 routine=alternate
        percent=10.0 hidden=[512, 256] latent_dim=10 alpha=0.5 routine=alternate
        percent=0.1 hidden=[64] latent_dim=10 routine=joint
        percent=0.1 hidden=[32, 16] latent_dim=10 routine=joint
        ");
    }

    #[test]
    fn a_deep_key_is_set_inside_the_table_that_a_shallow_key_put_there() {
        insta::assert_snapshot!(labels(r#"
[[grid]]
"routine.gamma" = [5.0, 10.0]
routine = { kind = "joint", gamma = 2.0 }
"#), @"
        gamma=5.0
        gamma=10.0
        ");
    }

    #[test]
    fn every_trial_runs_with_every_seed_one_seed_after_the_other() {
        let mut file = parse(&format!("{HEAD}[[grid]]\n'model.latent_dim' = [2, 4]\n")).unwrap();
        file.seeds = 2;
        for first in [0, 7] {
            file.base.insert(SEED_KEY.into(), Value::Integer(first));
            let labels: Vec<_> = expand(&file).unwrap().into_iter().map(|trial| trial.label).collect();
            let expected = [(2, 0), (4, 0), (2, 1), (4, 1)]
                .map(|(latent_dim, seed)| format!("latent_dim={latent_dim} seed={}", first + seed));
            assert_eq!(labels, expected);
        }
    }

    #[test]
    fn mistakes_are_answered_with_grid_key_and_what_would_be_right() {
        let fine = "[[grid]]\n'model.latent_dim' = 2\n";
        insta::assert_snapshot!(complaint(&format!("{fine}[[grid]]\n'model.latentdim' = 2")), @"grid 2: there is no key `model.latentdim`; `model` has here `model.hidden`, `model.latent_dim`");
        insta::assert_snapshot!(complaint("[[grid]]\nmodle = 2"), @"grid 1: there is no key `modle`; a trial has `data`, `model`, `routine`, `seed`");
        insta::assert_snapshot!(complaint("[[grid]]\n'modle.x.y' = 2"), @"grid 1: there is no key `modle.x.y`; a trial has `data`, `model`, `routine`, `seed`");
        insta::assert_snapshot!(complaint("[[grid]]\n'data.name.x' = 2"), @"grid 1: there is no key `data.name.x`; `data.name` is here the string \"mnist\"");
        insta::assert_snapshot!(complaint("[[grid]]\n'data.percent' = [0.1, 10]"), @"grid 1: `data.percent` is given the integer 10; write 10.0");
        insta::assert_snapshot!(complaint("[[grid]]\n'data.name' = 3"), @r#"grid 1: `data.name` is given the integer 3; string like the base's "mnist" would be right"#);
        insta::assert_snapshot!(complaint("[[grid]]\n'model.hidden' = [512, 256]"), @"grid 1: `model.hidden` is given the integer 512; an array in a grid is varied: to set one array, wrap it, as in [[512, 256]]");
        insta::assert_snapshot!(complaint("[[grid]]\nseed = [1, 2]"), @"grid 1: `seed` is set by `seeds`, not by a grid");
        insta::assert_snapshot!(complaint("[[grid]]\n'model.latent_dim' = []"), @"grid 1: `model.latent_dim` is varied over an empty array; give it at least one value");
    }
}
