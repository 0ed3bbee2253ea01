//! What keeps the sources readable: short files and functions, narrow comments, and a line in
//! ARCHITECTURE.md for each folder. They are read as rustfmt writes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::test_runner::{Config, RngSeed};

/// Lines of a file, at most.
const FILE: usize = 350;
/// Lines of a function with its signature, at most.
const FUNCTION: usize = 60;
/// Columns of a line that is a comment, at most: prose is read in narrower lines than code.
const COMMENT: usize = 100;

/// What was too long when this guard came. What is mended has to leave the list.
const KNOWN: [&str; 0] = [];

/// Calls `look` with each Rust file below a folder, and its text.
fn each_file(folder: &Path, look: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && name != "target" && !path.is_symlink() {
            each_file(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

/// A sentence for all that is too long or too wide in a file.
fn complaints(file: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    if lines.len() > FILE {
        found.push(format!("{file}: has {} lines, of at most {FILE}", lines.len()));
    }
    for (i, line) in lines.iter().enumerate() {
        let columns = line.chars().count();
        if line.trim_start().starts_with("//") && columns > COMMENT {
            found.push(format!("{file}:{}: a comment of {columns} columns, of at most {COMMENT}", i + 1));
        }
        let n = function(&lines[i..]).unwrap_or(0);
        if n > FUNCTION {
            let after = line.split_once("fn ").map_or("", |(_, after)| after);
            let name = after.split(['(', '<']).next().unwrap_or_default();
            found.push(format!("{file}: fn {name} has {n} lines, of at most {FUNCTION}"));
        }
    }
    found
}

/// The lines of the function that begins with the first line; `None` where none does.
fn function(lines: &[&str]) -> Option<usize> {
    let is_before_fn = |word: &str| {
        ["const", "async", "unsafe", "extern", "\"C\""].contains(&word) || word.starts_with("pub")
    };
    let mut words = lines[0].split_whitespace().skip_while(|word| is_before_fn(word));
    if words.next() != Some("fn") || lines[0].ends_with([';', '}']) {
        return None;
    }
    let indent = &lines[0][..lines[0].len() - lines[0].trim_start().len()];
    let is_end = |line: &&str| {
        let at_its_indent = line.strip_prefix(indent).filter(|line| !line.starts_with(' '));
        at_its_indent.is_some_and(|line| line.starts_with('}') || line.ends_with(';'))
    };
    lines[1..].iter().position(is_end).map(|end| end + 2)
}

#[test]
fn files_and_functions_are_short_and_comments_narrow() {
    let root = crate::root();
    let mut found = Vec::new();
    for folder in ["crates", "fuzz", "tests", "xtask"] {
        each_file(&root.join(folder), &mut |path, text| {
            found.extend(complaints(&path.strip_prefix(&root).unwrap().to_string_lossy(), text));
        });
    }
    found.sort();
    let is_known = |sentence: &&String| KNOWN.iter().any(|known| sentence.starts_with(known));
    let (known, new): (Vec<&String>, Vec<_>) = found.iter().partition(is_known);
    assert!(new.is_empty(), "{new:#?}");
    assert_eq!(known.len(), KNOWN.len(), "one of KNOWN is mended; take it out of the list");
}

#[test]
fn what_is_too_long_or_too_wide_is_named_with_its_place() {
    let body = "        let x = 1;\n".repeat(58);
    let long = format!("impl A {{\n    pub(crate) const fn f(\n        x: u8,\n    ) {{\n{body}    }}\n}}\n");
    let just = long.replacen("        let x = 1;\n", "", 2);
    assert_eq!(complaints("a.rs", &long), ["a.rs: fn f has 62 lines, of at most 60"]);
    assert!(complaints("a.rs", &just).is_empty());
    let asked = format!("trait A {{\n    fn f(\n        x: u8,\n    ) -> u8;\n}}\n\n{}", "// a\n".repeat(90));
    assert!(complaints("a.rs", &asked).is_empty());
    let wide = format!("fn f() {{}}\n    /// {}ä\n", "é".repeat(92));
    assert_eq!(complaints("a.rs", &wide), ["a.rs:2: a comment of 101 columns, of at most 100"]);
    assert_eq!(complaints("a.rs", &"\n".repeat(351)), ["a.rs: has 351 lines, of at most 350"]);
}

/// The folders of the table under this heading: the first name of a row is whole, the others are
/// beside it or in it.
fn folders_of(architecture: &str) -> BTreeSet<String> {
    let table = architecture.split_once("\n## Folders inside a crate\n").expect("its heading").1;
    let table = table.split("\n## ").next().unwrap_or_default();
    let mut folders = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split('|').nth(1).unwrap_or_default();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        let (beside, _) = names[0].rsplit_once('/').expect("CRATE/src/FOLDER");
        folders.insert(names[0].to_owned());
        for name in &names[1..] {
            folders.extend([format!("{beside}/{name}"), format!("{}/{name}", names[0])]);
        }
    }
    folders
}

#[test]
fn architecture_md_has_a_line_for_each_folder_of_a_crate() {
    let root = crate::root();
    let named = folders_of(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let mut there = BTreeSet::new();
    for parent in [root.clone(), root.join("crates")] {
        for entry in fs::read_dir(&parent).unwrap() {
            let source = entry.unwrap().path().join("src");
            if source.is_dir() && !source.starts_with(root.join("fuzz")) {
                each_file(&source, &mut |path, _| {
                    let folder = path.parent().unwrap();
                    // Tests alone make no folder that a reader has to find.
                    let is_test = path.ends_with("tests.rs") || folder.ends_with("tests");
                    if folder != source && !is_test {
                        there.insert(folder.strip_prefix(&parent).unwrap().to_string_lossy().into_owned());
                    }
                });
            }
        }
    }
    let missing: Vec<_> = there.difference(&named).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md, `Folders inside a crate`, lacks {missing:?}");
}

#[test]
fn laws_are_tried_on_the_same_cases_each_time() {
    let seed = Config::default().rng_seed;
    assert!(matches!(seed, RngSeed::Fixed(_)), "{seed:?}: .cargo/config.toml sets PROPTEST_RNG_SEED");
}
