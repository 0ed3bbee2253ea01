//! What xtask and dml both need is built once.
//!
//! Cargo builds a crate, and all that needs it, again for every other set of its features. Of the
//! two calls of cargo before a first trial, for xtask and for dml, the second then repeats nothing.

use std::collections::BTreeMap;

use super::output;
use crate::libtorch;

/// The features of all that a package of this workspace needs, by name and version.
fn features(package: &str) -> BTreeMap<String, String> {
    let options = ["--locked", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}|{f}"];
    let mut cargo = libtorch::cargo(&crate::root());
    let lines = output(cargo.arg("tree").args(options).args(["--package", package])).unwrap();
    let parts = lines.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|'));
    parts.map(|(name, features)| (name.to_owned(), features.to_owned())).collect()
}

#[test]
fn what_xtask_and_dml_share_has_the_same_features_in_both_so_that_it_is_built_once() {
    let (xtask, dml) = (features("xtask"), features("dml-cli"));
    let differs = |(name, ours): (&String, &String)| {
        let theirs = dml.get(name).filter(|theirs| *theirs != ours)?;
        Some(format!("{name}: xtask has {ours}; dml has {theirs}"))
    };
    let twice: Vec<String> = xtask.iter().filter_map(differs).collect();
    assert!(twice.is_empty(), "built twice; name all features in xtask/Cargo.toml:\n{}", twice.join("\n"));
    let shared = xtask.keys().filter(|name| dml.contains_key(*name)).count();
    assert!(shared > 100, "{shared} packages in common: cargo tree is no longer read as it is written");
}
