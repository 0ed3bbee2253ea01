//! Dotted keys of nested tables.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The value under a dotted key, as in `data.labelled_percent`.
pub fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value = table.get(first)?;
    rest.map_or(Some(value), |rest| lookup(value.as_table()?, rest))
}

/// A trial's leaves under dotted keys; an array is a leaf.
pub fn flatten(trial: &Table) -> BTreeMap<String, &Value> {
    fn walk<'a>(table: &'a Table, prefix: &str, leaves: &mut BTreeMap<String, &'a Value>) {
        for (key, value) in table {
            match value {
                Value::Table(inner) => walk(inner, &format!("{prefix}{key}."), leaves),
                _ => drop(leaves.insert(format!("{prefix}{key}"), value)),
            }
        }
    }
    let mut leaves = BTreeMap::new();
    walk(trial, "", &mut leaves);
    leaves
}

/// The table that a dotted key stands in, if it is there, and the key's last part.
pub(crate) fn parent_mut<'a, 'k>(table: &'a mut Table, key: &'k str) -> Option<(&'a mut Table, &'k str)> {
    match key.split_once('.') {
        None => Some((table, key)),
        Some((first, rest)) => parent_mut(table.get_mut(first)?.as_table_mut()?, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_keys_find_nested_values() {
        let table: Table = "a = 1\n[b]\nc = 2".parse().unwrap();
        assert_eq!(lookup(&table, "b.c").and_then(Value::as_integer), Some(2));
        assert_eq!(lookup(&table, "a").and_then(Value::as_integer), Some(1));
        assert!(lookup(&table, "a.c").is_none());
        assert!(lookup(&table, "b.x").is_none());
        assert_eq!(flatten(&table).into_keys().collect::<Vec<_>>(), ["a", "b.c"]);
    }
}
