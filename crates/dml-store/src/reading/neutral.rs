//! Neutral values in a text that is read: nothing of it is moved from its line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::identity::NEUTRAL;

/// What stands nowhere in the text.
pub(super) const NOWHERE: std::ops::Range<usize> = usize::MAX..usize::MAX;

/// Fills in the keys that a trial lacks, as [`complete`](crate::complete) does.
pub(super) fn fill(trial: &mut DeTable) {
    for (key, value) in NEUTRAL {
        if let Some((table, last)) = parent(trial, key)
            && !table.contains_key(last)
        {
            let value = DeValue::parse(value).expect("a neutral value is TOML");
            table.insert(Spanned::new(NOWHERE, last.into()), without_place(value));
        }
    }
}

/// The table that a dotted key stands in, if it is there, and the key's last part.
fn parent<'a, 'i, 'k>(table: &'a mut DeTable<'i>, key: &'k str) -> Option<(&'a mut DeTable<'i>, &'k str)> {
    let Some((first, rest)) = key.split_once('.') else { return Some((table, key)) };
    match table.get_mut(first)?.get_mut() {
        DeValue::Table(inner) => parent(inner, rest),
        _ => None,
    }
}

/// Places in a value are those of its own text, and would be taken for others' in the trial's.
fn without_place(value: Spanned<DeValue>) -> Spanned<DeValue> {
    let value = match value.into_inner() {
        DeValue::Table(table) => {
            let entries = table.into_iter();
            let entries =
                entries.map(|(key, value)| (Spanned::new(NOWHERE, key.into_inner()), without_place(value)));
            DeValue::Table(entries.collect())
        }
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(without_place).collect()),
        other => other,
    };
    Spanned::new(NOWHERE, value)
}
