//! Who may depend on whom in this workspace; `ARCHITECTURE.md` says why.

#[cfg(test)]
mod circles;
#[cfg(test)]
mod features;
#[cfg(test)]
mod house;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::libtorch;

/// Each crate of the workspace and the others it may name, for tests and build scripts too.
const MAY_NAME: [(&str, &[&str]); 11] = [
    ("dml-data", &[]),
    ("dml-geometry", &[]),
    ("dml-losses", &[]),
    ("dml-priors", &[]),
    ("dml-eval", &[]),
    ("dml-store", &["dml-data"]),
    ("dml-spec", &["dml-store"]),
    ("dml-report", &["dml-data", "dml-eval", "dml-spec", "dml-store"]),
    ("dml-models", &["dml-data", "dml-geometry", "dml-losses", "dml-priors"]),
    ("dml-cli", &["dml-data", "dml-eval", "dml-models", "dml-store"]),
    ("xtask", &["dml-data", "dml-report", "dml-spec", "dml-store"]),
];

/// The crates that may need LibTorch; people use the others who never install it.
const MAY_NEED_LIBTORCH: [&str; 5] = ["dml-geometry", "dml-losses", "dml-priors", "dml-models", "dml-cli"];

/// The packages that are built for this machine, by name; versions of one name count as one.
#[derive(Debug, Default)]
struct Graph {
    members: BTreeSet<String>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

/// One sentence for each rule that the workspace at `root` breaks.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = violations(&graph(root, &[])?);
    let path = graph(root, &["--no-default-features"])?.path("dml-cli", "torch-sys");
    found.extend(path.map(|path| {
        format!("dml-cli without its feature `train` must not need LibTorch: {}", path.join(" -> "))
    }));
    Ok(found)
}

/// Reads the graph of the workspace at `root` as cargo resolves it with these options.
fn graph(root: &Path, options: &[&str]) -> anyhow::Result<Graph> {
    let host = output(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let fixed = ["metadata", "--format-version=1", "--locked", "--filter-platform", host.trim()];
    let json = output(libtorch::cargo(root).args(fixed).args(options))?;
    Graph::parse(&json)
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output().with_context(|| program.clone())?;
    ensure!(output.status.success(), "{program} failed (it says why above)");
    Ok(String::from_utf8(output.stdout)?)
}

/// One sentence for each edge or path that should not be there.
fn violations(graph: &Graph) -> Vec<String> {
    let unlisted = graph.members.iter().filter(|name| !MAY_NAME.iter().any(|(listed, _)| listed == name));
    let unlisted = unlisted.map(|name| format!("{name} is not in the table of xtask/src/invariants.rs"));
    let named = MAY_NAME.iter().flat_map(|(name, may_name)| {
        let others = graph.edges.get(*name).into_iter().flatten();
        let forbidden =
            others.filter(|other| graph.members.contains(*other) && !may_name.contains(&other.as_str()));
        forbidden.map(move |other| format!("{name} must not depend on {other}"))
    });
    let without = graph.members.iter().filter(|name| !MAY_NEED_LIBTORCH.contains(&name.as_str()));
    let torch = without.filter_map(|name| {
        let path = graph.path(name, "torch-sys")?;
        Some(format!("{name} must not need LibTorch: {}", path.join(" -> ")))
    });
    unlisted.chain(named).chain(torch).collect()
}

impl Graph {
    fn parse(metadata: &str) -> anyhow::Result<Self> {
        let metadata: Metadata = serde_json::from_str(metadata).context("cargo metadata")?;
        let names: BTreeMap<_, _> =
            metadata.packages.iter().map(|package| (&package.id, &package.name)).collect();
        let name = |id: &String| names.get(id).map_or_else(|| id.clone(), |name| (*name).clone());
        let mut graph =
            Self { members: metadata.workspace_members.iter().map(name).collect(), ..Self::default() };
        for node in metadata.resolve.nodes {
            graph.edges.entry(name(&node.id)).or_default().extend(node.dependencies.iter().map(name));
        }
        Ok(graph)
    }

    /// A shortest chain of dependencies.
    fn path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut seen = BTreeSet::from([from.to_owned()]);
        let mut paths = VecDeque::from([vec![from.to_owned()]]);
        while let Some(path) = paths.pop_front() {
            for next in path.last().and_then(|end| self.edges.get(end)).into_iter().flatten() {
                let longer = || path.iter().cloned().chain([next.clone()]).collect();
                if next == to {
                    return Some(longer());
                }
                if seen.insert(next.clone()) {
                    paths.push_back(longer());
                }
            }
        }
        None
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph from `from -> to` pairs; names that begin with `dml-` or are `xtask` are members.
    fn sketch(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in edges {
            graph.edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            let members = [from, to].into_iter().filter(|name| name.starts_with("dml-") || **name == "xtask");
            graph.members.extend(members.map(|name| (*name).to_owned()));
        }
        graph
    }

    #[test]
    fn this_workspace_keeps_its_dependency_rules() {
        let found = check(&crate::root()).unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn an_edge_between_leaves_is_found_and_named() {
        let graph =
            sketch(&[("dml-models", "dml-losses"), ("dml-losses", "dml-data"), ("dml-losses", "tch")]);
        assert_eq!(violations(&graph), ["dml-losses must not depend on dml-data"]);
    }

    #[test]
    fn a_hidden_way_to_libtorch_is_found_and_its_path_shown() {
        let graph =
            sketch(&[("dml-report", "plots"), ("plots", "serde"), ("plots", "tch"), ("tch", "torch-sys")]);
        assert_eq!(
            violations(&graph),
            ["dml-report must not need LibTorch: dml-report -> plots -> tch -> torch-sys"]
        );
    }

    #[test]
    fn a_new_crate_has_to_be_put_into_the_table() {
        let graph = sketch(&[("dml-new", "serde")]);
        assert_eq!(violations(&graph), ["dml-new is not in the table of xtask/src/invariants.rs"]);
    }

    #[test]
    fn cargos_metadata_is_read_by_name() {
        let metadata = r#"{"packages": [{"id": "a 1", "name": "dml-data"}, {"id": "b 2", "name": "serde"}],
            "workspace_members": ["a 1"],
            "resolve": {"nodes": [{"id": "a 1", "dependencies": ["b 2"]}, {"id": "b 2", "dependencies": []}]}}"#;
        let graph = Graph::parse(metadata).unwrap();
        assert_eq!(graph.members, BTreeSet::from(["dml-data".to_owned()]));
        assert_eq!(graph.path("dml-data", "serde").unwrap(), ["dml-data", "serde"]);
    }
}
