//! The modules of a crate import each other in one direction only.
//!
//! A module imports another one where its code, tests aside, names something of it: in a `use`, or
//! in a path that begins with `crate`, `super` or `self`, inside a macro too. What a module
//! re-exports counts as an import of the module that defines it. Imports between a module and what
//! lies inside it are free. Among neighbours, the modules of one folder, each taken together with
//! all that lies inside it, a circle of imports is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Circles that were there when this guard came, as [`circles`] names them. One that is mended has
/// to leave the list.
const KNOWN: [&str; 5] = [
    "dml-cli: artifacts, run",
    "dml-data: checksum, manifest",
    "dml-models: stack, training_data",
    "dml-priors: config, prior",
    "dml-report: page, report",
];

/// Names of modules from the crate's root on, then of an item.
type Place = Vec<String>;

/// What a module says of others.
#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    /// Its `mod` lines.
    inside: Vec<String>,
    /// All that it names, as it stands there.
    named: Vec<Place>,
    /// What it may hand on under a name of its own, by that name.
    aliases: BTreeMap<String, Place>,
}

/// The modules of a crate by their place, without those for tests.
type Modules = BTreeMap<Place, Module>;

/// Reads the module that lies in `file`, and those inside it.
fn read(place: Place, file: &Path, text_of: &dyn Fn(&Path) -> String, modules: &mut Modules) {
    let tokens: TokenStream = text_of(file).parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut words = Vec::new();
    flatten(tokens, &mut words);
    let module = scan(&words.iter().map(String::as_str).collect::<Vec<_>>(), file);
    let is_root = place.is_empty();
    let folder = if is_root { file.with_file_name("") } else { file.with_extension("") };
    for name in &module.inside {
        let inner = [place.as_slice(), &[name.clone()]].concat();
        read(inner, &folder.join(format!("{name}.rs")), text_of, modules);
    }
    modules.insert(place, module);
}

/// All tokens in a row; every bracket but a curly one is a round one.
fn flatten(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            words.push(token.to_string());
            continue;
        };
        let [open, close] = if group.delimiter() == Delimiter::Brace { ["{", "}"] } else { ["(", ")"] };
        words.push(open.into());
        flatten(group.stream(), words);
        words.push(close.into());
    }
}

fn scan<'a>(mut words: &'a [&'a str], file: &Path) -> Module {
    let mut module = Module { file: file.to_owned(), ..Module::default() };
    while !words.is_empty() {
        let mut named = Vec::new();
        words = match words {
            ["#", "(", "cfg", "(", "test", ")", ")", rest @ ..] => after_item(rest),
            ["mod", name, ";", rest @ ..] => {
                module.inside.push((*name).to_owned());
                rest
            }
            ["use", rest @ ..] => {
                let rest = path(rest, &[], &mut named);
                module.aliases.extend(named.iter().cloned());
                rest
            }
            ["crate" | "super" | "self", ":", ":", ..] => path(words, &[], &mut named),
            [_, rest @ ..] => rest,
            [] => &[],
        };
        module.named.extend(named.into_iter().map(|(_, place)| place));
    }
    module
}

/// What follows an item: the first semicolon or closing brace that is not inside something else.
fn after_item<'a>(words: &'a [&'a str]) -> &'a [&'a str] {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match *word {
            "{" | "(" => depth += 1,
            "}" | ")" if depth == 0 => return &words[at..],
            "}" | ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 && (*word == ";" || *word == "}") {
            return &words[at + 1..];
        }
    }
    &[]
}

/// Reads a path, or the tree of paths of a `use`, each with the name that it has from then on;
/// returns what follows it.
fn path<'a>(mut words: &'a [&'a str], before: &[String], found: &mut Vec<(String, Place)>) -> &'a [&'a str] {
    let mut place = before.to_vec();
    loop {
        words = match words {
            ["{", rest @ ..] => {
                let mut rest = rest;
                while let [first, ..] = rest
                    && *first != "}"
                {
                    rest = path(rest, &place, found);
                    rest = rest.strip_prefix(&[","]).unwrap_or(rest);
                }
                return rest.get(1..).unwrap_or_default();
            }
            ["self", rest @ ..] if !place.is_empty() => rest,
            [name, rest @ ..] => {
                place.push((*name).to_owned());
                rest
            }
            [] => return words,
        };
        match words {
            [":", ":", rest @ ..] => words = rest,
            ["as", name, rest @ ..] => {
                found.push(((*name).to_owned(), place));
                return rest;
            }
            _ => {
                found.push((place.last().cloned().unwrap_or_default(), place));
                return words;
            }
        }
    }
}

/// The module that defines what module `here` names; `None` for what is of another crate.
fn definer(modules: &Modules, here: &Place, named: &[String]) -> Option<Place> {
    let (first, rest) = named.split_first()?;
    let (mut place, mut rest) = match first.as_str() {
        "crate" => (Place::new(), rest),
        "self" => (here.clone(), rest),
        "super" => {
            let n_up = named.iter().take_while(|word| *word == "super").count();
            (here[..here.len().checked_sub(n_up)?].to_vec(), &named[n_up..])
        }
        inner if modules[here].inside.iter().any(|name| name == inner) => (here.clone(), named),
        _ => return None,
    };
    while let Some((name, further)) = rest.split_first() {
        let module = &modules[&place];
        if module.inside.contains(name) {
            place.push(name.clone());
            rest = further;
        } else {
            let alias = module.aliases.get(name);
            return alias.and_then(|alias| definer(modules, &place, alias)).or(Some(place));
        }
    }
    Some(place)
}

/// Who names whom among neighbours, and in which file first.
type Imports = BTreeMap<(String, String), PathBuf>;

/// The imports among the modules of each folder.
fn imports(modules: &Modules) -> BTreeMap<Place, Imports> {
    let mut folders: BTreeMap<Place, Imports> = BTreeMap::new();
    for (here, module) in modules {
        for there in module.named.iter().filter_map(|named| definer(modules, here, named)) {
            let n_shared = here.iter().zip(&there).take_while(|(one, other)| one == other).count();
            if let (Some(from), Some(to)) = (here.get(n_shared), there.get(n_shared)) {
                let folder = folders.entry(here[..n_shared].to_vec()).or_default();
                folder.entry((from.clone(), to.clone())).or_insert_with(|| module.file.clone());
            }
        }
    }
    folders
}

/// All that a module imports, itself or through others.
fn reached<'a>(imports: &'a Imports, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(from) = next.pop() {
        for (_, to) in imports.keys().filter(|(one, _)| one == from) {
            if reached.insert(to.as_str()) {
                next.push(to);
            }
        }
    }
    reached
}

/// A sentence for each circle: `NAME: a, b: a.rs names b, b/inner.rs names a`.
fn circles(name: &str, modules: &Modules) -> Vec<String> {
    let mut sentences = BTreeSet::new();
    for (folder, imports) in imports(modules) {
        for (from, _) in imports.keys() {
            let mut circle = reached(&imports, from);
            circle.retain(|other| reached(&imports, other).contains(from.as_str()));
            if circle.is_empty() {
                continue;
            }
            let is_of_it = |one: &str| circle.contains(one);
            let within = imports.iter().filter(|((from, to), _)| is_of_it(from) && is_of_it(to));
            let files = within.map(|((_, to), file)| format!("{} names {to}", file.display()));
            let (files, folder) = (files.collect::<Vec<_>>().join(", "), [&[name.into()], &*folder].concat());
            let members = circle.iter().copied().collect::<Vec<_>>().join(", ");
            sentences.insert(format!("{}: {members}: {files}", folder.join("::")));
        }
    }
    sentences.into_iter().collect()
}

/// The circles of a crate of this workspace.
fn circles_in(folder: &Path) -> Vec<String> {
    let root = crate::root();
    let name = folder.file_name().unwrap().to_string_lossy();
    let files = ["src/lib.rs", "src/main.rs"].map(|file| folder.join(file));
    let text_of = |path: &Path| fs::read_to_string(root.join(path)).unwrap();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| root.join(file).exists()) {
        let mut modules = Modules::new();
        read(Place::new(), file, &text_of, &mut modules);
        found.extend(circles(&name, &modules));
    }
    found
}

#[test]
fn no_modules_of_this_workspace_import_each_other_in_a_circle() {
    let crates = fs::read_dir(crate::root().join("crates")).unwrap();
    let crates = crates.map(|entry| Path::new("crates").join(entry.unwrap().file_name()));
    let mut found: Vec<String> =
        crates.chain(["xtask".into()]).flat_map(|folder| circles_in(&folder)).collect();
    let is_known = |sentence: &String| KNOWN.iter().any(|known| sentence.starts_with(&format!("{known}: ")));
    let n_known = found.iter().filter(|sentence| is_known(sentence)).count();
    found.retain(|sentence| !is_known(sentence));
    assert!(found.is_empty(), "circles of imports:\n{}", found.join("\n"));
    assert_eq!(n_known, KNOWN.len(), "a circle of KNOWN is mended; take it out of the list");
}

/// The circles of a made-up crate.
fn sketch(files: &[(&str, &str)]) -> Vec<String> {
    let text_of = |path: &Path| {
        let (_, text) =
            files.iter().find(|(file, _)| Path::new(file) == path).expect("a file for each module");
        (*text).to_owned()
    };
    let mut modules = Modules::new();
    read(Place::new(), Path::new("lib.rs"), &text_of, &mut modules);
    circles("made-up", &modules)
}

#[test]
fn a_circle_is_found_through_re_exports_macros_and_what_lies_inside() {
    let found = sketch(&[
        ("lib.rs", "mod a; mod b; mod c; pub use b::{self, Thing as Handed};"),
        ("a.rs", "mod inner; pub fn f() {}"),
        ("a/inner.rs", "fn f() { println!(\"{}\", crate::Handed::new()) }"),
        ("b.rs", "use super::{c::{self, C}}; pub struct Thing;"),
        ("c.rs", "pub struct C; impl C { fn f() { super::a::f() } }"),
    ]);
    assert_eq!(found, ["made-up: a, b, c: a/inner.rs names b, b.rs names c, c.rs names a"]);
    let inside = [("lib.rs", "mod a;"), ("a.rs", "mod x; mod y;"), ("a/x.rs", "use super::y::Y;")];
    let found = sketch(&[&inside[..], &[("a/y.rs", "use crate::a::x;")]].concat());
    assert_eq!(found, ["made-up::a: x, y: a/x.rs names y, a/y.rs names x"]);
}

#[test]
fn parents_tests_other_crates_and_words_in_texts_make_no_circle() {
    let found = sketch(&[
        ("lib.rs", "mod a; mod b; pub use a::A; pub fn hex() {}"),
        ("a.rs", "use std::b::B; use super::hex; /// [`crate::b`]\npub struct A; const TEXT: &str = \"crate::b::B\";
            #[cfg(test)] use crate::b::B; #[cfg(test)] mod tests { use crate::b::B; } fn f(a: super::A) { self::f() }"),
        ("b.rs", "use crate::A; pub(crate) struct B;"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}
