//! A sweep: its file, those that it builds on, and all their trials.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use anyhow::{Context, Result, bail};
use dml_data::files::is_path;
use dml_report::{FigureSpec, PredictionSpec};
use toml::Value;

use super::expand::expand;
use super::file::{SweepFile, parse};
use super::trial::{Trial, label};

/// A sweep file that was read, where it lies, and its trials.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    /// The file's stem: it names reports and Slurm jobs.
    pub name: String,
    pub path: PathBuf,
    pub file: SweepFile,
    /// Every trial with every seed, each once.
    pub trials: Vec<Trial>,
}

impl Sweep {
    /// Reads the sweep of that name, or the file of that path; `seeds` wins over the file's.
    ///
    /// # Errors
    /// When there is no such sweep, with the names that there are; when the file is none.
    pub(crate) fn find(root: &Path, name: &str, seeds: Option<u32>) -> Result<Self> {
        let folder = root.join("xtask/sweeps");
        let path = if is_path(name, "toml") { name.into() } else { folder.join(format!("{name}.toml")) };
        if !path.is_file() {
            let known = names(&folder).join(", ");
            bail!("there is no sweep {name:?}; give the path of a sweep file or one of: {known}");
        }
        Self::read(path, seeds, &[])
    }

    /// Reads a sweep file and those that it names; `builders` are the files that led to it.
    fn read(path: PathBuf, seeds: Option<u32>, builders: &[PathBuf]) -> Result<Self> {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut file = parse(&text).with_context(|| path.display().to_string())?;
        file.seeds = seeds.unwrap_or(file.seeds);
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let builders = [builders, slice::from_ref(&path)].concat();
        if let Some(other) = &file.extends {
            let other = Self::beside(other, file.seeds, &builders)?;
            file.base = overlaid(other.file.base, file.base);
            file.ignore = file.ignore.or(other.file.ignore);
            file.baselines = file.baselines.or(other.file.baselines);
            file.select = file.select.or(other.file.select);
        }
        let tables = file.table.iter_mut().map(|table| &mut table.select);
        let equivalences = file.equivalence.iter_mut().map(|equivalence| &mut equivalence.select);
        let predictions = file.prediction.iter_mut().map(PredictionSpec::select_mut);
        let effects = file.effects.iter_mut().map(|effects| &mut effects.select);
        for select in tables
            .chain(equivalences)
            .chain(predictions)
            .chain(effects)
            .chain(file.figure.iter_mut().map(FigureSpec::select_mut))
        {
            for (key, values) in file.select.iter().flat_map(|all| &all.0) {
                select.0.entry(key.clone()).or_insert_with(|| values.clone());
            }
        }
        let only_others = file.base.is_empty() && !file.include.is_empty();
        let mut trials = if only_others {
            vec![]
        } else {
            expand(&file.base, &file.grid, file.seeds).with_context(|| path.display().to_string())?
        };
        for other in file.include.clone() {
            let other = Self::beside(&other, file.seeds, &builders)?;
            let known: HashSet<String> = trials.iter().map(|trial| trial.id.clone()).collect();
            trials.extend(other.trials.into_iter().filter(|trial| !known.contains(&trial.id)));
            let context = || format!("{}: included by {}", other.path.display(), path.display());
            file.ignore = agreed("ignore", file.ignore, other.file.ignore).with_context(context)?;
            file.baselines =
                agreed("baselines", file.baselines, other.file.baselines).with_context(context)?;
            file.table.extend(other.file.table);
            file.verdict.extend(other.file.verdict);
            file.equivalence.extend(other.file.equivalence);
            file.prediction.extend(other.file.prediction);
            file.effects.extend(other.file.effects);
            file.figure.extend(other.file.figure);
        }
        label(&mut trials);
        Ok(Self { name, path, file, trials })
    }

    /// The sweep of that name in the folder of the last of `builders`, which names it.
    fn beside(name: &str, seeds: u32, builders: &[PathBuf]) -> Result<Self> {
        let by = &builders[builders.len() - 1];
        if is_path(name, "toml") {
            bail!(
                "{}: {name:?} is a path; the name of a sweep of the same folder would be right",
                by.display()
            );
        }
        let beside = by.with_file_name(format!("{name}.toml"));
        if builders.contains(&beside) {
            bail!(
                "{}: builds on {name:?}, which builds on it in turn; sweeps may not build on each other",
                by.display()
            );
        }
        Self::read(beside, Some(seeds), builders).with_context(|| format!("named by {}", by.display()))
    }
}

/// `under` with the keys of `over` in place of its own. A table with a `kind` is one value.
fn overlaid(mut under: toml::Table, over: toml::Table) -> toml::Table {
    for (key, value) in over {
        let value = match (under.remove(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) if !over.contains_key("kind") => {
                Value::Table(overlaid(under, over))
            }
            (_, value) => value,
        };
        under.insert(key, value);
    }
    under
}

/// What two sweeps of one report say, where they say the same or only one of them says it.
fn agreed<T: PartialEq>(key: &str, one: Option<T>, other: Option<T>) -> Result<Option<T>> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            bail!("its [{key}] differs from what is included before it; one report follows one [{key}]")
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// The sweeps of a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "toml"));
    let mut names: Vec<_> =
        paths.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "claim = 'c'\ncommand = 'x'\nseeds = 1\nseconds_per_trial = 1.0\n";

    #[test]
    fn an_unknown_sweep_is_answered_with_the_known_ones() {
        let root = sweeps(&[("table-1", "[base]\nseed = 0\n"), ("quick", "[base]\nseed = 0\n")]);
        fs::write(root.path().join("xtask/sweeps/notes.md"), "").unwrap();
        assert_eq!(Sweep::find(root.path(), "quick", None).unwrap().name, "quick");
        let message = Sweep::find(root.path(), "quik", None).unwrap_err().to_string();
        assert_eq!(
            message,
            "there is no sweep \"quik\"; give the path of a sweep file or one of: quick, table-1"
        );
    }

    fn sweeps(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("xtask/sweeps");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(format!("{name}.toml")), format!("{HEAD}{text}")).unwrap();
        }
        root
    }

    #[test]
    fn a_sweep_takes_anothers_base_and_says_only_what_differs() {
        let base = "[base]\nseed = 0\nmodel = { system = 'dml', encoder = { kind = 'mlp', hidden = [8] } }\nepochs = 20\n";
        let small = "extends = 'whole'\n[base]\nepochs = 2\nmodel = { encoder = { kind = 'conv', channels = [4] } }\n";
        let smaller = "extends = 'small'\n[base]\nepochs = 1\n";
        let root = sweeps(&[("whole", base), ("small", small), ("smaller", smaller)]);
        let trials = Sweep::find(root.path(), "small", Some(2)).unwrap().trials;
        assert_eq!(trials.len(), 2);
        let expected =
            "seed = 1\nmodel = { system = 'dml', encoder = { kind = 'conv', channels = [4] } }\nepochs = 2";
        assert_eq!(trials[1].table, expected.parse().unwrap());
        let smaller = &Sweep::find(root.path(), "smaller", None).unwrap().trials[0].table;
        assert_eq!(smaller["epochs"], 1.into());
        assert_eq!(smaller["model"], trials[0].table["model"]);
    }

    #[test]
    fn what_all_tables_select_is_said_once_and_each_has_the_last_word() {
        let table = |name: &str, select: &str| {
            format!(
                "[[table]]\nname = '{name}'\ntitle = 't'\nrows = ['seed']\nscores = ['s']\nselect = {select}\n"
            )
        };
        let base = "[base]\nseed = 0\nepochs = 20\n[select]\nepochs = 20\n";
        let own =
            "extends = 'whole'\n".to_string() + &table("a", "{ seed = 0 }") + &table("b", "{ epochs = 10 }");
        let root = sweeps(&[("whole", base), ("own", &own), ("none", &format!("select = {{}}\n{own}"))]);
        let selected = |name: &str| {
            let tables = Sweep::find(root.path(), name, None).unwrap().file.table;
            tables.iter().map(|table| toml::to_string(&table.select.0).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(selected("own"), ["epochs = 20\nseed = 0\n", "epochs = 10\n"]);
        assert_eq!(selected("none"), ["seed = 0\n", "epochs = 10\n"]);
    }

    #[test]
    fn a_sweep_of_sweeps_has_each_trial_once() {
        let one = "[base]\nseed = 0\na = 1\n[[grid]]\na = [1, 2]\n";
        let other = "[base]\nseed = 0\na = 1\n[[grid]]\na = [2, 3]\n";
        let root = sweeps(&[("one", one), ("other", other), ("all", "include = ['one', 'other']\n")]);
        let values: Vec<_> = Sweep::find(root.path(), "all", None)
            .unwrap()
            .trials
            .iter()
            .map(|trial| trial.table["a"].as_integer().unwrap())
            .collect();
        assert_eq!(values, [1, 2, 3]);
    }

    #[test]
    fn sweeps_that_build_on_each_other_are_refused() {
        let root = sweeps(&[
            ("a", "extends = 'b'\n"),
            ("b", "extends = 'a'\n"),
            ("c", "include = ['d']\n"),
            ("d", "include = ['c']\n"),
        ]);
        for name in ["a", "c"] {
            let message = format!("{:#}", Sweep::find(root.path(), name, None).unwrap_err());
            assert!(message.contains("may not build on each other"), "{message}");
        }
        let root = sweeps(&[("a", "extends = '../sweeps/a'\n")]);
        let message = format!("{:#}", Sweep::find(root.path(), "a", None).unwrap_err());
        assert!(message.contains("is a path"), "{message}");
        let root = sweeps(&[("a", "extends = 'nowhere'\n")]);
        let message = format!("{:#}", Sweep::find(root.path(), "a", None).unwrap_err());
        assert!(message.contains("named by") && message.contains("nowhere.toml"), "{message}");
    }
}
