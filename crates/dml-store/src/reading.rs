//! Reading TOML that people write: all mistakes of a text at once, each with its line and, for a
//! word that is not known, the nearest one that is.

mod neutral;
mod wrong;

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeString, DeTable, DeValue, Deserializer, Error};

use wrong::{Wrong, found};

/// What is wrong with a text, in one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Counted from 1; `None` where there is no such place, as that of a key that is missing.
    pub line: Option<usize>,
    /// Names key and value, and says what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    /// As in `line 5: there is no sedes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Reads a value from a text, and tells all that is wrong with it, in the order of its lines.
///
/// With mistakes, the value is what the text says without the entries that have them; `None` where
/// nothing can be made of the rest.
///
/// ```
/// # #[derive(serde::Deserialize)]
/// # #[serde(default, deny_unknown_fields)]
/// # #[derive(Default)]
/// struct Plan { seeds: u32, claim: String }
///
/// let (plan, mistakes) = dml_store::read_toml::<Plan>("sedes = 3\nseeds = -1\nclaim = 'c'");
/// assert_eq!(mistakes[0].to_string(), "line 1: there is no key `sedes`; `seeds` is the nearest");
/// assert!(mistakes[1].to_string().starts_with("line 2: `seeds` is the integer `-1`; an integer"));
/// assert_eq!(plan.unwrap().claim, "c");
/// ```
pub fn read_toml<T: DeserializeOwned>(text: &str) -> (Option<T>, Vec<Mistake>) {
    read(text, |_| ())
}

/// As [`read_toml`], of a trial: keys that later versions added and that it lacks have their
/// neutral values.
pub fn read_trial<T: DeserializeOwned>(text: &str) -> (Option<T>, Vec<Mistake>) {
    read(text, neutral::fill)
}

/// `before` changes what the text says before it is read.
fn read<T: DeserializeOwned>(text: &str, before: impl FnOnce(&mut DeTable)) -> (Option<T>, Vec<Mistake>) {
    let (mut table, errors) = DeTable::parse_recoverable(text);
    before(table.get_mut());
    let line = |at: usize| Some(text[..at.min(text.len())].matches('\n').count() + 1);
    let mut mistakes: Vec<Mistake> = errors
        .iter()
        .map(|error| Mistake {
            line: error.span().and_then(|span| line(span.start)),
            what: error.message().to_owned(),
        })
        .collect();
    let (mut value, mut all_taken) = (None, Vec::<Taken>::new());
    // What is no TOML has no keys to look at.
    while mistakes.is_empty() || errors.is_empty() {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(all) => {
                value = Some(all);
                break;
            }
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        // A key that was taken out is missing by our own doing.
        let is_ours =
            |key: &String| all_taken.iter().any(|taken| taken.of == span && taken.key.as_ref() == Some(key));
        let mut lacking = missing(&error).map(|key| lacking::<T>(table.clone(), &span, key));
        if let Some(keys) = &mut lacking {
            keys.retain(|key| !is_ours(key));
        }
        let taken = take_out(table.get_mut(), &(0..0), &span, Wrong::of(&error));
        if lacking.as_ref().is_none_or(|keys| !keys.is_empty()) {
            let place = taken.as_ref().and_then(|taken| line(taken.at));
            let what = sentence(&error, taken.as_ref(), lacking.as_deref());
            mistakes.push(Mistake { line: place, what });
        }
        let Some(taken) = taken else { break };
        all_taken.push(taken);
    }
    mistakes.sort();
    mistakes.dedup();
    (value, mistakes)
}

/// The line of an entry, by the keys and the numbers of items on the way to it.
///
/// ```
/// let text = "a = 1\n[[grid]]\n[[grid]]\n'b.c' = 2\n";
/// assert_eq!(dml_store::line_of(text, &["grid", "1", "b.c"]), Some(4));
/// assert_eq!(dml_store::line_of(text, &["grid", "2"]), None);
/// ```
pub fn line_of(text: &str, path: &[&str]) -> Option<usize> {
    let (table, _) = DeTable::parse_recoverable(text);
    let (mut here, mut at) = (&DeValue::Table(table.into_inner()), 0);
    for step in path {
        match here {
            DeValue::Table(table) => {
                let (key, value) = table.get_key_value(*step)?;
                (here, at) = (value.get_ref(), key.span().start);
            }
            DeValue::Array(items) => {
                let item = items.get(step.parse::<usize>().ok()?)?;
                (here, at) = (item.get_ref(), item.span().start);
            }
            _ => return None,
        }
    }
    Some(text[..at].matches('\n').count() + 1)
}

/// The known word that one may have been meant to be, if any is near.
///
/// ```
/// assert_eq!(dml_store::nearest("tabel-1", ["table-1", "table-2"]), Some("table-1"));
/// assert_eq!(dml_store::nearest("quick", ["table-1"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = |known: &&str| strsim::damerau_levenshtein(word, known);
    let nearest = known.into_iter().min_by_key(far)?;
    (far(&nearest) <= word.chars().count().div_ceil(3)).then_some(nearest)
}

/// An entry that was taken out of a text.
struct Taken {
    /// Bytes before it.
    at: usize,
    /// Its key, or that of the array it stood in.
    key: Option<String>,
    /// The table that it stood in.
    of: Range<usize>,
}

/// Takes out the entry that an error is about, so that what follows is looked at too. Of a table
/// that was read as a whole before its keys, the one that is wrong alone.
fn take_out(table: &mut DeTable, own: &Range<usize>, span: &Range<usize>, wrong: Wrong) -> Option<Taken> {
    if own == span
        && let Some(name) = wrong.key_in(table)
        && let Some((key, _)) = table.remove_entry(name.as_str())
    {
        return Some(Taken { at: key.span().start, key: Some(name), of: own.clone() });
    }
    for (key, value) in table.iter_mut() {
        if let Some(taken) = take_from(value, span, wrong) {
            let key = taken.key.or_else(|| Some(key.get_ref().to_string()));
            return Some(Taken { key, ..taken });
        }
    }
    let is_meant =
        |(key, value): &(&Spanned<DeString>, &Spanned<DeValue>)| key.span() == *span || value.span() == *span;
    let (key, at) =
        table.iter().find(is_meant).map(|(key, _)| (key.get_ref().to_string(), key.span().start))?;
    table.remove(key.as_str());
    Some(Taken { at, key: Some(key), of: own.clone() })
}

fn take_from(value: &mut Spanned<DeValue>, span: &Range<usize>, wrong: Wrong) -> Option<Taken> {
    let own = value.span();
    match value.get_mut() {
        DeValue::Table(table) => take_out(table, &own, span, wrong),
        DeValue::Array(items) => {
            // What is wrong in an item that is read as a whole is said of the array.
            let is_all = own == *span;
            let take = |item: &mut Spanned<DeValue>| {
                let at = if is_all { item.span() } else { span.clone() };
                take_from(item, &at, wrong)
                    .map(|taken| if is_all { Taken { of: span.clone(), ..taken } } else { taken })
            };
            if let Some(taken) = items.iter_mut().find_map(take) {
                return Some(taken);
            }
            items.iter().any(|item| item.span() == *span).then(|| {
                let all = std::mem::replace(items, DeArray::new()).into_iter();
                *items = all.filter(|item| item.span() != *span).collect();
                Taken { at: span.start, key: None, of: own }
            })
        }
        _ => None,
    }
}

/// The key that an error says is missing.
fn missing(error: &Error) -> Option<&str> {
    error.message().strip_prefix("missing field `")?.split('`').next()
}

/// All keys that a table lacks, of which the first is known: each is told only where the others are
/// there, so something is put in their places.
fn lacking<T: DeserializeOwned>(mut root: Spanned<DeTable>, span: &Range<usize>, first: &str) -> Vec<String> {
    let mut keys = vec![first.to_owned()];
    'keys: while let Some(key) = keys.last().cloned() {
        let stand_ins = [
            DeValue::String("".into()),
            DeValue::Array(DeArray::new()),
            DeValue::Integer(DeInteger::default()),
            DeValue::Boolean(true),
            DeValue::Table(DeTable::new()),
        ];
        for stand_in in stand_ins {
            let Some(table) = table_at(root.get_mut(), span) else { break 'keys };
            table.insert(
                Spanned::new(neutral::NOWHERE, key.clone().into()),
                Spanned::new(neutral::NOWHERE, stand_in),
            );
            let next = T::deserialize(Deserializer::from(root.clone())).err();
            if let Some(next) =
                next.as_ref().filter(|error| error.span().as_ref() == Some(span)).and_then(missing)
            {
                // A key that is missing still is one of another table that stands nowhere.
                if keys.iter().any(|key| key == next) {
                    break 'keys;
                }
                keys.push(next.to_owned());
                continue 'keys;
            }
        }
        break;
    }
    keys
}

fn table_at<'a, 'i>(table: &'a mut DeTable<'i>, span: &Range<usize>) -> Option<&'a mut DeTable<'i>> {
    table.iter_mut().find_map(|(_, value)| table_in(value, span))
}

fn table_in<'a, 'i>(value: &'a mut Spanned<DeValue<'i>>, span: &Range<usize>) -> Option<&'a mut DeTable<'i>> {
    let is_it = value.span() == *span;
    match value.get_mut() {
        DeValue::Table(table) => {
            if is_it {
                return Some(table);
            }
            table_at(table, span)
        }
        DeValue::Array(items) => items.iter_mut().find_map(|item| table_in(item, span)),
        _ => None,
    }
}

fn sentence(error: &Error, taken: Option<&Taken>, lacking: Option<&[String]>) -> String {
    let message = error.message();
    let key = taken.and_then(|taken| taken.key.as_deref());
    for (kind, what) in [("unknown field `", "key "), ("unknown variant `", "")] {
        let Some((word, known)) = message.strip_prefix(kind).and_then(|rest| rest.split_once('`')) else {
            continue;
        };
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        let of = key.filter(|_| what.is_empty()).map(|key| format!("`{key}`: ")).unwrap_or_default();
        return match nearest(word, known.iter().copied()) {
            Some(near) => format!("{of}there is no {what}`{word}`; `{near}` is the nearest"),
            None if known.is_empty() => format!("{of}there is no {what}`{word}`, nor any other here"),
            None => format!("{of}there is no {what}`{word}`; there are `{}`", known.join("`, `")),
        };
    }
    let subject = key.map_or("this".to_owned(), |key| format!("`{key}`"));
    if let Some(keys) = lacking {
        return format!("{subject} has no `{}`", keys.join("`, `"));
    }
    if message == "u64 value was too large" {
        return format!("{subject} is too large; at most {} would be right", i64::MAX);
    }
    match found(message) {
        Some((found, expected)) => {
            let found = if found == "map" { "table" } else { found };
            format!("{subject} is the {found}; {} would be right", in_words(expected))
        }
        None => format!("{subject}: {message}"),
    }
}

/// What serde expects, in words for those who do not write Rust.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "usize" => "an integer from 0 on",
        "i64" => "an integer",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "a table",
        // What serde calls a table of ours.
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests;
