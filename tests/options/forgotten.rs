//! Whether each key and each word of a trial file is among the options that are tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use dml_store::lookup;
use toml::{Table, Value};

use super::losses::pair_losses;
use super::{BASE, OPTIONS, cases, with};
use crate::call::{dml, text};
use crate::store::trial;

#[test]
fn no_option_is_forgotten_here() {
    let cases = cases();
    let flat: Vec<[BTreeMap<String, Leaf>; 2]> =
        cases.iter().map(|case| [0, 1].map(|i| flat(&case.trials[i]))).collect();
    // A key is tried where it alone is set otherwise; a kind brings keys of its own.
    let is_tried = |name: &String| {
        flat.iter().any(|[one, other]| {
            let mut names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            names.retain(|name| one.get(*name) != other.get(*name));
            names.contains(name) && (names.len() == 1 || name.ends_with("kind"))
        })
    };
    let names: BTreeSet<&String> = flat.iter().flatten().flat_map(BTreeMap::keys).collect();
    // What an instance term's loss has was tried where the loss is the metric one.
    let is_tried = |name: &String| name.starts_with("instance.loss{") || is_tried(name);
    let forgotten: Vec<_> = names.into_iter().filter(|name| !is_tried(name)).collect();
    assert!(forgotten.is_empty(), "never varied alone: {forgotten:?}");

    let mut values: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for Leaf { path, value } in flat.iter().flatten().flat_map(BTreeMap::values) {
        values.entry(path).or_default().extend(words(value));
    }
    let is_tried_as_loss = |path: &str| path.starts_with("instance.loss.") && path != "instance.loss.kind";
    values.retain(|path, words| !words.is_empty() && !is_tried_as_loss(path));
    let paths: Vec<&str> = values.keys().copied().collect();
    let known = variants(&paths);
    let free: Vec<_> = paths.into_iter().filter(|path| !known.contains_key(*path)).collect();
    assert_eq!(free, ["data.name", "evaluation.hits"], "takes any word, or words made of others");
    for (path, mut variants) in known {
        if path == "instance.loss.kind" {
            let kind = |loss| Table::try_from(loss).unwrap()["kind"].as_str().unwrap().to_owned();
            let kinds: BTreeSet<String> = pair_losses().into_iter().map(kind).collect();
            assert!(kinds.is_subset(&variants));
            variants = kinds;
        }
        assert_eq!(values[path.as_str()], variants, "{path}");
    }
}

/// A value of a trial file and its dotted key.
#[derive(Debug, PartialEq)]
struct Leaf {
    path: String,
    value: Value,
}

/// The values of a trial. Their names are their keys, with the kind of the table that they are in:
/// `loss{triplet}.margin`.
fn flat(trial: &Table) -> BTreeMap<String, Leaf> {
    fn walk(table: &Table, name: &str, path: &str, into: &mut BTreeMap<String, Leaf>) {
        let kind = table.get("kind").and_then(Value::as_str);
        for (key, value) in table {
            let of_kind = kind.filter(|_| key != "kind").map(|kind| format!("{{{kind}}}"));
            let [name, path] = [name.to_string() + &of_kind.unwrap_or_default(), path.to_string()]
                .map(|prefix| if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") });
            match value {
                Value::Table(inner) => walk(inner, &name, &path, into),
                value => drop(into.insert(name, Leaf { path, value: value.clone() })),
            }
        }
    }
    let mut flat = BTreeMap::new();
    walk(trial, "", "", &mut flat);
    flat
}

/// The words in a value. In a list, one with settings is the key of their table.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(word) => vec![word.clone()],
        Value::Array(values) => values.iter().filter_map(word).collect(),
        _ => vec![],
    }
}

fn word(value: &Value) -> Option<String> {
    let with_settings = || value.as_table().filter(|table| table.len() == 1)?.keys().next().cloned();
    value.as_str().map(str::to_owned).or_else(with_settings)
}

/// The words that may stand at a dotted key, as `dml check` tells them when another one does;
/// nothing for a key that takes any.
pub(super) fn variants(paths: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for path in paths {
        // A key of one kind stands in a table of that kind.
        let mut around = OPTIONS.iter().map(|(settings, _)| with(trial(BASE), settings));
        let (trial, value) = around.find_map(|t| lookup(&t, path).cloned().map(|v| (t, v))).unwrap();
        let other = if value.is_array() { "['?']" } else { "'?'" };
        let trial = with(trial, &format!("{path} = {other}"));
        files.push(folder.path().join(path));
        fs::write(files.last().unwrap(), toml::to_string(&trial).unwrap()).unwrap();
    }
    let arguments: Vec<&str> = ["check"].into_iter().chain(files.iter().map(|file| text(file))).collect();
    let stderr = String::from_utf8(dml(&arguments).output().unwrap().stderr).unwrap();
    let mut variants = BTreeMap::new();
    for (path, file) in paths.iter().zip(&files) {
        // …: there is no `?`; there are `a`, `b`
        let mut said = stderr.lines().filter(|line| line.contains(&format!("{}: ", text(file))));
        if let Some((_, known)) = said.find_map(|line| line.split_once("there is no `?`; there are ")) {
            let words = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            variants.insert((*path).to_string(), words);
        }
    }
    variants
}
