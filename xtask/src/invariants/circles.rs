//! The modules of a crate import each other in one direction only.
//!
//! A module imports another one where its code, tests aside, names something of it: in a `use`, or
//! in a path that begins with `crate`, `super` or `self`, inside a macro too. What a module hands
//! on with a `use` counts as an import of the module that defines it. Imports between a module and
//! what lies inside it are free. Among neighbours, the modules of one folder, each taken together
//! with all that lies inside it, a circle of imports is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Circles that were there when this guard came. One that is mended has to leave the list.
const KNOWN: [&str; 0] = [];

/// Names, one inside the other: of modules from the crate's root on, or of a path.
type Place = Vec<String>;

/// What a module says of others.
#[derive(Debug, Default)]
struct Module {
    /// Its `mod` lines.
    inside: Vec<String>,
    /// All paths to others.
    named: Vec<Place>,
    /// Those of its `use` lines, by the names that they have here.
    aliases: BTreeMap<String, Place>,
}

/// The modules of a crate by their place, without those for tests.
type Modules = BTreeMap<Place, Module>;

/// Reads a module and those inside it.
fn read(place: Place, text_of: &dyn Fn(&[String]) -> String, modules: &mut Modules) {
    let mut words = Vec::new();
    flatten(text_of(&place).parse().expect("it compiles"), &mut words);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (mut module, mut left) = (Module::default(), words.as_slice());
    while let [first, after @ ..] = left {
        let mut found = Vec::new();
        left = match left {
            ["#", "(", "cfg", "(", "test", ")", ")", item @ ..] => after_item(item),
            ["mod", name, ";", after @ ..] => {
                module.inside.push((*name).to_owned());
                after
            }
            ["use", ..] => paths(after, &[], &mut found),
            ["crate" | "super" | "self", ":", ":", ..] => paths(left, &[], &mut found),
            _ => after,
        };
        module.named.extend(found.iter().map(|(_, path)| path.clone()));
        if *first == "use" {
            module.aliases.extend(found);
        }
    }
    for name in &module.inside {
        read(inside(&place, name), text_of, modules);
    }
    modules.insert(place, module);
}

fn inside(place: &[String], name: &str) -> Place {
    [place, &[name.to_owned()]].concat()
}

/// All tokens in a row; every bracket but a curly one is a round one.
fn flatten(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        if let TokenTree::Group(group) = token {
            let is_curly = group.delimiter() == Delimiter::Brace;
            words.push(if is_curly { "{" } else { "(" }.into());
            flatten(group.stream(), words);
            words.push(if is_curly { "}" } else { ")" }.into());
        } else {
            words.push(token.to_string());
        }
    }
}

/// What follows an item: it ends with a semicolon or a closing brace that is not inside something.
fn after_item<'a>(words: &'a [&'a str]) -> &'a [&'a str] {
    let mut depth = 0;
    let mut ends = |word: &&str| {
        depth += i32::from(["{", "("].contains(word)) - i32::from(["}", ")"].contains(word));
        depth <= 0 && [";", "}"].contains(word)
    };
    let end = words.iter().position(&mut ends);
    end.map_or(&[], |end| &words[end + 1..])
}

/// Reads a path, or the tree of paths of a `use`, each with the name that it has from then on;
/// returns what follows it.
fn paths<'a>(words: &'a [&'a str], before: &[String], found: &mut Vec<(String, Place)>) -> &'a [&'a str] {
    let path = |name: &str| if name == "self" { before.to_vec() } else { inside(before, name) };
    match words {
        ["self", ":", ":", after @ ..] => paths(after, &["self".into()], found),
        [name, ":", ":", after @ ..] => paths(after, &path(name), found),
        ["{", after @ ..] => {
            let mut left = after;
            while left[0] != "}" {
                left = paths(left, before, found);
                left = left.strip_prefix(&[","]).unwrap_or(left);
            }
            &left[1..]
        }
        [name, "as", alias, after @ ..] => {
            found.push(((*alias).to_owned(), path(name)));
            after
        }
        [name, after @ ..] => {
            let path = path(name);
            found.extend(path.last().cloned().map(|name| (name, path)));
            after
        }
        [] => words,
    }
}

/// The module that defines what module `here` names; none for what is of another crate.
fn definer(modules: &Modules, here: &[String], path: &[String]) -> Option<Place> {
    let n_up = path.iter().take_while(|name| *name == "super").count();
    let (mut place, mut left) = match path.first()?.as_str() {
        "crate" => (Place::new(), &path[1..]),
        "self" => (here.to_vec(), &path[1..]),
        "super" => (here[..here.len() - n_up].to_vec(), &path[n_up..]),
        first if modules[here].inside.iter().any(|name| name == first) => (here.to_vec(), path),
        _ => return None,
    };
    while let [name, after @ ..] = left {
        let module = &modules[&place];
        if !module.inside.contains(name) {
            let handed_on = module.aliases.get(name).and_then(|path| definer(modules, &place, path));
            return handed_on.or(Some(place));
        }
        place.push(name.clone());
        left = after;
    }
    Some(place)
}

/// Who names whom among the modules of a folder, and a file that does.
type Imports = BTreeMap<(String, String), String>;

/// A sentence for each folder with circles: `NAME: a, b: a.rs names b, b/inner.rs names a`.
fn circles(name: &str, modules: &Modules) -> Vec<String> {
    let mut folders: BTreeMap<Place, Imports> = BTreeMap::new();
    for (here, module) in modules {
        for there in module.named.iter().filter_map(|path| definer(modules, here, path)) {
            let n_shared = here.iter().zip(&there).take_while(|(one, other)| one == other).count();
            if let (Some(from), Some(to)) = (here.get(n_shared), there.get(n_shared)) {
                let folder = [&[name.to_owned()], &here[..n_shared]].concat();
                let imports = folders.entry(folder).or_default();
                imports.insert((from.clone(), to.clone()), here.join("/") + ".rs");
            }
        }
    }
    for imports in folders.values_mut() {
        // What names none of the others, or is named by none of them, is in no circle.
        let mut n_before = usize::MAX;
        while imports.len() < n_before {
            n_before = imports.len();
            let (from, to): (BTreeSet<_>, BTreeSet<_>) = imports.keys().cloned().unzip();
            imports.retain(|(one, other), _| to.contains(one) && from.contains(other));
        }
    }
    folders.retain(|_, imports| !imports.is_empty());
    let sentence = |(folder, imports): (&Place, &Imports)| {
        let members: BTreeSet<&str> = imports.keys().map(|(from, _)| from.as_str()).collect();
        let members = members.into_iter().collect::<Vec<_>>().join(", ");
        let files: Vec<_> = imports.iter().map(|((_, to), file)| format!("{file} names {to}")).collect();
        format!("{}: {members}: {}", folder.join("::"), files.join(", "))
    };
    folders.iter().map(sentence).collect()
}

/// The circles of a crate whose modules are read so.
fn circles_of(name: &str, text_of: &dyn Fn(&[String]) -> String) -> Vec<String> {
    let mut modules = Modules::new();
    read(Place::new(), text_of, &mut modules);
    circles(name, &modules)
}

#[test]
fn no_modules_of_this_workspace_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    let crates = fs::read_dir(crate::root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    for folder in crates.chain([crate::root().join("xtask")]) {
        let name = folder.file_name().unwrap().to_string_lossy();
        for root in ["lib", "main"].into_iter().filter(|root| folder.join(format!("src/{root}.rs")).exists())
        {
            let text_of = |place: &[String]| {
                let file = if place.is_empty() { root.to_owned() } else { place.join("/") };
                fs::read_to_string(folder.join(format!("src/{file}.rs"))).unwrap()
            };
            found.extend(circles_of(&name, &text_of));
        }
    }
    let known = |sentence: &str| KNOWN.iter().position(|known| sentence.starts_with(&format!("{known}: ")));
    let new: Vec<_> = found.iter().filter(|sentence| known(sentence).is_none()).cloned().collect();
    assert!(new.is_empty(), "circles of imports:\n{}", new.join("\n"));
    assert_eq!(found.len(), KNOWN.len(), "a circle of KNOWN is mended; take it out of the list");
}

/// The circles of a made-up crate, of modules and their texts.
fn sketch(texts: &[(&str, &str)]) -> Vec<String> {
    let texts: BTreeMap<&str, &str> = texts.iter().copied().collect();
    circles_of("made-up", &|place| texts[place.join("::").as_str()].to_owned())
}

#[test]
fn a_circle_is_found_through_re_exports_macros_and_what_lies_inside() {
    let found = sketch(&[
        ("", "mod a; mod b; mod c; pub use b::{self, Thing as Handed};"),
        ("a", "mod inner; pub fn f() {}"),
        ("a::inner", r#"fn f() { println!("{}", crate::Handed::new()) }"#),
        ("b", "use super::{c::{self, C}}; pub struct Thing;"),
        ("c", "pub struct C; impl C { fn f() { super::a::f() } }"),
    ]);
    assert_eq!(found, ["made-up: a, b, c: a/inner.rs names b, b.rs names c, c.rs names a"]);
    let found = sketch(&[
        ("", "mod a; mod b;"),
        ("a", "mod x; mod y; mod z; use crate::b::B;"),
        ("a::x", "use super::y::Y;"),
        ("a::y", "use super::x; use super::z::Z;"),
        ("a::z", ""),
        ("b", "pub struct B;"),
    ]);
    assert_eq!(found, ["made-up::a: x, y: a/x.rs names y, a/y.rs names x"]);
}

#[test]
fn parents_tests_other_crates_and_words_in_texts_make_no_circle() {
    let a = r#"use std::b::B; use super::hex; /** [`crate::b`] */ pub struct A; fn f(a: super::A) { self::f() }
        const TEXT: &str = "crate::b::B"; #[cfg(test)] use crate::b::B; #[cfg(test)] mod tests { use crate::b; }"#;
    let root = "mod a; mod b; pub use a::A; pub fn hex() {}";
    let found = sketch(&[("", root), ("a", a), ("b", "use crate::A; pub(crate) struct B;")]);
    assert!(found.is_empty(), "{found:?}");
}
