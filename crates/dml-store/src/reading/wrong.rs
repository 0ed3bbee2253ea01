//! Which key of a table an error is about that names the table alone.

use toml::de::{DeTable, DeValue, Error};

/// What an error about a whole table says of the key in it that is wrong.
#[derive(Clone, Copy)]
pub(super) enum Wrong<'a> {
    /// It is not known.
    Unknown(&'a str),
    /// It has this value, as the error describes it.
    Value(&'a str),
    /// It has this word.
    Word(&'a str),
    Nothing,
}

impl<'a> Wrong<'a> {
    pub(super) fn of(error: &'a Error) -> Self {
        let message = error.message();
        if let Some(rest) = message.strip_prefix("unknown field `") {
            return rest.split('`').next().map_or(Wrong::Nothing, Wrong::Unknown);
        }
        if let Some(rest) = message.strip_prefix("unknown variant `") {
            return rest.split('`').next().map_or(Wrong::Nothing, Wrong::Word);
        }
        found(message).map_or(Wrong::Nothing, |(found, _)| Wrong::Value(found))
    }

    pub(super) fn key_in(self, table: &DeTable) -> Option<String> {
        let is_it = |key: &str, value: &DeValue| match self {
            Wrong::Unknown(unknown) => key == unknown,
            Wrong::Value(found) => describes(found, value),
            Wrong::Word(word) => value.as_str() == Some(word),
            Wrong::Nothing => false,
        };
        let mut keys = table.iter().map(|(key, value)| (key.get_ref(), value.get_ref()));
        keys.find(|(key, value)| is_it(key, value)).map(|(key, _)| key.to_string())
    }
}

/// What an error has found in place of what.
pub(super) fn found(message: &str) -> Option<(&str, &str)> {
    let what = ["invalid type: ", "invalid value: "].iter().find_map(|kind| message.strip_prefix(kind));
    what?.rsplit_once(", expected ")
}

/// Whether an error has found this number, of this kind.
fn is_number(found: &str, kind: &str, number: &str) -> bool {
    let found = found.strip_prefix(kind).and_then(|found| found.strip_suffix('`')?.parse::<f64>().ok());
    found.is_some() && found == number.parse().ok()
}

/// Whether serde says so of a value.
fn describes(found: &str, value: &DeValue) -> bool {
    match value {
        DeValue::String(text) => found == format!("string {text:?}"),
        DeValue::Integer(number) => is_number(found, "integer `", number.as_str()),
        DeValue::Float(number) => is_number(found, "floating point `", number.as_str()),
        DeValue::Boolean(is_true) => found == format!("boolean `{is_true}`"),
        DeValue::Array(_) => found == "sequence",
        DeValue::Table(_) => found == "map",
        DeValue::Datetime(_) => false,
    }
}
