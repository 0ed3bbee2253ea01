//! From a base trial and grids to all trials: a pure function.

use std::collections::HashSet;

use dml_store::{complete, flatten, lookup, nearest, trial_id};
use toml::{Table, Value};

use super::trial::{SEED_KEY, Trial};

/// More trials than this are a mistake in a file: no run would end, and no memory holds them.
const MOST_TRIALS: usize = 100_000;

/// What is wrong with a base or a grid.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Keys, and numbers of items, on the way to it in the sweep file.
    pub path: Vec<String>,
    /// Names the key and says what would be right.
    pub what: String,
}

fn wrong(path: &[&str], what: impl Into<String>) -> Wrong {
    Wrong { path: path.iter().map(|step| (*step).to_owned()).collect(), what: what.into() }
}

/// All trials, each once: seed by seed, from the base's on, in the order of the grids. In a grid
/// scalars and tables are fixed, arrays are varied; without a grid the base runs alone.
///
/// # Errors
/// When a grid names a key that the trial does not have, or gives it a value of another type; when
/// there are too many trials, or seeds that no trial can have. All of it is told.
pub(crate) fn expand(base: &Table, grids: &[Table], seeds: u32) -> Result<Vec<Trial>, Vec<Wrong>> {
    let mut all_wrong = Vec::new();
    let first = first_seed(base, seeds).unwrap_or_else(|wrong| {
        all_wrong.push(wrong);
        0
    });
    if let Err(wrong) = check_number(grids, seeds) {
        all_wrong.push(wrong);
        return Err(all_wrong);
    }
    let mut base = base.clone();
    complete(&mut base);
    let mut tables = Vec::new();
    for (index, grid) in grids.iter().enumerate() {
        for (key, what) in expand_grid(&base, grid, &mut tables) {
            all_wrong.push(wrong(&["grid", &index.to_string(), &key], what));
        }
    }
    if !all_wrong.is_empty() {
        return Err(all_wrong);
    }
    if grids.is_empty() {
        tables.push(base);
    }
    // A grid may have put a whole table in the place of one that was complete.
    for table in &mut tables {
        complete(table);
    }
    let mut seen = HashSet::new();
    let mut trials = Vec::new();
    for seed in (0..i64::from(seeds)).map(|number| first + number) {
        for table in &tables {
            let mut table = table.clone();
            table.insert(SEED_KEY.into(), Value::Integer(seed));
            let id = trial_id(&table);
            if seen.insert(id.clone()) {
                trials.push(Trial { id, table, label: String::new() });
            }
        }
    }
    Ok(trials)
}

/// The base's seed, where so many seeds from there on are all seeds of trials.
fn first_seed(base: &Table, seeds: u32) -> Result<i64, Wrong> {
    let at_seed = |what: String| Err(wrong(&["base", SEED_KEY], what));
    match base.get(SEED_KEY) {
        Some(&Value::Integer(first)) if first < 0 => {
            at_seed(format!("`{SEED_KEY}` is {first}; 0 or more would be right"))
        }
        Some(&Value::Integer(first)) if first.checked_add(i64::from(seeds) - 1).is_none() => {
            let largest = i64::MAX - i64::from(seeds) + 1;
            at_seed(format!(
                "`{SEED_KEY}` is {first}, which leaves no room for {seeds} seeds; at most {largest} would be right"
            ))
        }
        Some(&Value::Integer(first)) => Ok(first),
        Some(other) => at_seed(format!(
            "`{SEED_KEY}` is the {} {other}; an integer from 0 on would be right",
            other.type_str()
        )),
        None => Err(wrong(
            &["base"],
            "[base] has no `seed`; `seed = 0` would be right (`seeds` then counts it up)",
        )),
    }
}

/// Refuses what would make too many trials, before any is made.
fn check_number(grids: &[Table], seeds: u32) -> Result<(), Wrong> {
    let mut without_seeds = 0_usize;
    for (index, grid) in grids.iter().enumerate() {
        let lengths = grid.values().map(|value| value.as_array().map_or(1, |values| values.len().max(1)));
        let of_grid = lengths.fold(1, usize::saturating_mul);
        if of_grid > MOST_TRIALS {
            let what =
                format!("this grid makes {of_grid} trials a seed; at most {MOST_TRIALS} would be right");
            return Err(wrong(&["grid", &index.to_string()], what));
        }
        without_seeds += of_grid;
    }
    let all = without_seeds.max(1).saturating_mul(seeds as usize);
    if all > MOST_TRIALS {
        let what = format!("{seeds} seeds make {all} trials; at most {MOST_TRIALS} would be right");
        return Err(wrong(&["seeds"], what));
    }
    Ok(())
}

/// The Cartesian product of one grid over the base; what is wrong with which key.
fn expand_grid(base: &Table, grid: &Table, tables: &mut Vec<Table>) -> Vec<(String, String)> {
    let mut all_wrong = Vec::new();
    let mut axes: Vec<(&str, &[Value])> = Vec::new();
    for (key, value) in grid {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        if key == SEED_KEY {
            all_wrong.push((key.clone(), format!("`{SEED_KEY}` is set by `seeds`, not by a grid")));
        } else if values.is_empty() {
            let what = format!("`{key}` is varied over an empty array; give it at least one value");
            all_wrong.push((key.clone(), what));
        } else {
            axes.push((key, values));
        }
    }
    // Shallow keys first, so that a whole table is replaced before a key inside it is set.
    axes.sort_by_key(|(key, _)| (key.matches('.').count(), *key));
    let mut partial = vec![base.clone()];
    for (key, values) in axes {
        let product = partial.iter().flat_map(|table| values.iter().map(move |value| (table, value)));
        match product.map(|(table, value)| replaced(table, key, value)).collect() {
            Ok(product) => partial = product,
            Err(what) => all_wrong.push((key.to_owned(), what)),
        }
    }
    tables.append(&mut partial);
    all_wrong
}

fn replaced(table: &Table, key: &str, value: &Value) -> Result<Table, String> {
    let mut table = table.clone();
    let Some(slot) = slot(&mut table, key) else {
        return Err(format!("there is no key `{key}`; {}", alternatives(&table, key)));
    };
    if !slot.same_type(value) {
        let hint = match (&*slot, value) {
            (Value::Float(_), Value::Integer(number)) => format!("write {number}.0"),
            (Value::Array(_), _) => {
                "an array in a grid is varied: to set one array, wrap it, as in [[512, 256]]".into()
            }
            (old, _) => format!("{} like the base's {old} would be right", old.type_str()),
        };
        return Err(format!("`{key}` is given the {} {value}; {hint}", value.type_str()));
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

/// What a key could have been: the nearest of all keys, or else the keys beside it, in the deepest
/// table on its way that is there.
fn alternatives(table: &Table, key: &str) -> String {
    let keys = flatten(table);
    if let Some(near) = nearest(key, keys.keys().map(String::as_str).chain(table.keys().map(String::as_str)))
    {
        return format!("`{near}` is the nearest");
    }
    beside(table, key)
}

fn beside(table: &Table, key: &str) -> String {
    let parent = key.rsplit_once('.').map(|(parent, _)| parent);
    let Some(parent) = parent else { return format!("a trial has {}", list(table, "")) };
    match lookup(table, parent) {
        Some(Value::Table(inner)) => format!("`{parent}` has here {}", list(inner, parent)),
        Some(other) => format!("`{parent}` is here the {} {other}", other.type_str()),
        None => beside(table, parent),
    }
}

fn list(table: &Table, parent: &str) -> String {
    let dot = if parent.is_empty() { "" } else { "." };
    table.keys().map(|key| format!("`{parent}{dot}{key}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
