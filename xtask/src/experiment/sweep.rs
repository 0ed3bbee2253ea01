//! A sweep: its file, those that it builds on, and all their trials.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use anyhow::{Context, Result, bail};
use dml_data::files::is_path;
use dml_spec::{FigureSpec, Ignore, PredictionSpec};
use dml_store::{Mistake, line_of, nearest};
use toml::{Table, Value};

use super::expand::expand;
use super::file::{SweepFile, parse};
use super::trial::{SEED_KEY, Trial, label};

/// A sweep file that was read, where it lies, and its trials.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    /// The file's stem: it names reports and Slurm jobs.
    pub name: String,
    pub path: PathBuf,
    /// It and the files that it includes.
    pub sources: Vec<PathBuf>,
    pub file: SweepFile,
    /// Every trial with every seed, each once.
    pub trials: Vec<Trial>,
}

/// What a sweep file is read with.
struct Reader<'a> {
    /// The folder of the sweeps that come with the checkout.
    shipped: &'a Path,
    /// Wins over the number that a file has.
    seeds: Option<u32>,
    /// The files that led to this one, which is the last.
    builders: Vec<PathBuf>,
}

impl Sweep {
    /// Reads the sweep of that name, or the file of that path; `seeds` wins over the file's.
    ///
    /// # Errors
    /// When there is no such sweep, with the names that there are; when the file is none, with all
    /// that is wrong with it; when its report asks for what its trials do not have.
    pub(crate) fn find(root: &Path, name: &str, seeds: Option<u32>) -> Result<Self> {
        let shipped = &root.join("xtask/sweeps");
        let path = if is_path(name, "toml") { name.into() } else { shipped.join(format!("{name}.toml")) };
        if !path.is_file() {
            let there_are = there_are(name, &names(shipped));
            bail!("there is no sweep {name:?}; {there_are}, and the path of a sweep file would be right too");
        }
        let sweep = Reader { shipped, seeds, builders: vec![path] }.read()?;
        sweep.file.report().check(&sweep.tables()).with_context(|| sweep.path.display().to_string())?;
        Ok(sweep)
    }

    /// Its trials as they stand in their files.
    pub(crate) fn tables(&self) -> Vec<Table> {
        self.trials.iter().map(|trial| trial.table.clone()).collect()
    }
}

impl Reader<'_> {
    fn path(&self) -> &PathBuf {
        self.builders.last().expect("it begins with one")
    }

    /// Reads a sweep file and those that it names.
    fn read(&self) -> Result<Sweep> {
        let path = self.path().clone();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let (file, mut mistakes) = parse(&text);
        let Some(mut file) = file else { bail!(in_lines(&path, &mistakes)) };
        file.seeds = self.seeds.unwrap_or(file.seeds);
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut others = self.others(&file, &text, &mut mistakes)?;
        if file.extends.is_some() && !others.is_empty() {
            take_over(&mut file, others.remove(0).file);
        }
        select_everywhere(&mut file);
        let only_others = file.base.is_empty() && !file.include.is_empty();
        if only_others && !file.grid.is_empty() {
            let what = "a grid needs a [base], or extends, beside include".to_owned();
            mistakes.push(Mistake { line: line_of(&text, &["grid"]), what });
        }
        // Without its base, what a grid says cannot be judged.
        let mut trials = if only_others || (file.base.is_empty() && !mistakes.is_empty()) {
            vec![]
        } else {
            expand(&file.base, &file.grid, file.seeds).unwrap_or_else(|all| {
                // What the caller asks for has no line.
                let is_asked = |path: &[String]| path == ["seeds"] && self.seeds.is_some();
                // A seed that could not be read was told.
                let is_told = line_of(&text, &["base", SEED_KEY]).is_some();
                let all = all.into_iter().filter(|wrong| !(is_told && wrong.path == ["base"]));
                mistakes.extend(all.map(|wrong| {
                    let steps: Vec<&str> = wrong.path.iter().map(String::as_str).collect();
                    let line = line_of(&text, &steps).filter(|_| !is_asked(&wrong.path));
                    Mistake { line, what: wrong.what }
                }));
                vec![]
            })
        };
        if !mistakes.is_empty() {
            mistakes.sort();
            bail!(in_lines(&path, &mistakes));
        }
        let mut sources = vec![path.clone()];
        for other in others {
            sources.extend(other.sources);
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
        label(&mut trials, file.ignore.as_ref().unwrap_or(&Ignore::new()));
        Ok(Sweep { name, path, sources, file, trials })
    }

    /// Reads the sweeps that a file names: that which it extends, then those that it includes. None
    /// where one of them is not there, which is a mistake of this file.
    fn others(&self, file: &SweepFile, text: &str, mistakes: &mut Vec<Mistake>) -> Result<Vec<Sweep>> {
        let extended = file.extends.iter().map(|name| (vec!["extends".to_owned()], name));
        let included = file.include.iter().enumerate();
        let included = included.map(|(i, name)| (vec!["include".to_owned(), i.to_string()], name));
        let mut paths = Vec::new();
        for (place, name) in extended.chain(included) {
            match self.locate(name) {
                Ok(path) => paths.push(path),
                Err(what) => {
                    let steps: Vec<&str> = place.iter().map(String::as_str).collect();
                    mistakes.push(Mistake { line: line_of(text, &steps), what });
                }
            }
        }
        if paths.len() < file.include.len() + usize::from(file.extends.is_some()) {
            return Ok(vec![]);
        }
        let read = |(place, other): (usize, PathBuf)| {
            let builders = [self.builders.as_slice(), slice::from_ref(&other)].concat();
            // No trial is taken from what is extended.
            let is_extended = place == 0 && file.extends.is_some();
            let reader = Reader { seeds: (!is_extended).then_some(file.seeds), builders, ..*self };
            reader.read().with_context(|| format!("named by {}", self.path().display()))
        };
        paths.into_iter().enumerate().map(read).collect()
    }

    /// The file of a sweep that this file names: beside it, or else one that comes with the
    /// checkout.
    fn locate(&self, name: &str) -> Result<PathBuf, String> {
        if is_path(name, "toml") {
            return Err(format!(
                "{name:?} is a path; the name of a sweep of the same folder or of xtask/sweeps would be right"
            ));
        }
        let own = self.path();
        let [beside, shipped] =
            [own.with_file_name(format!("{name}.toml")), self.shipped.join(format!("{name}.toml"))];
        // A file may be called what the shipped one is called that it extends.
        let is_shipped = own.parent().is_some_and(|folder| is_same(folder, self.shipped));
        let is_own = beside == *own;
        let found = if (is_own && !is_shipped) || !beside.is_file() { shipped } else { beside };
        if !found.is_file() && is_own {
            return Err(format!("this is {name:?} itself; sweeps may not build on each other"));
        }
        if !found.is_file() {
            // Of a bare file name the folder is an empty path.
            let folder = own.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut known = names(folder.unwrap_or(Path::new(".")));
            known.extend(names(self.shipped));
            known.sort();
            known.dedup();
            return Err(format!("there is no sweep {name:?}; {}", there_are(name, &known)));
        }
        if self.builders.iter().any(|builder| is_same(builder, &found)) {
            return Err(format!(
                "this builds on {name:?}, which builds on it in turn; sweeps may not build on each other"
            ));
        }
        Ok(found)
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// What a sweep takes from that which it extends, unless it has its own.
fn take_over(file: &mut SweepFile, other: SweepFile) {
    file.base = overlaid(other.base, std::mem::take(&mut file.base));
    file.ignore = file.ignore.take().or(other.ignore);
    file.baselines = file.baselines.take().or(other.baselines);
    file.select = file.select.take().or(other.select);
}

/// Gives all parts of the report but verdicts what the file selects for all of them.
fn select_everywhere(file: &mut SweepFile) {
    let tables = file.table.iter_mut().map(|table| &mut table.select);
    let equivalences = file.equivalence.iter_mut().map(|equivalence| &mut equivalence.select);
    let predictions = file.prediction.iter_mut().map(PredictionSpec::select_mut);
    let effects = file.effects.iter_mut().map(|effects| &mut effects.select);
    let figures = file.figure.iter_mut().map(FigureSpec::select_mut);
    for select in tables.chain(equivalences).chain(predictions).chain(effects).chain(figures) {
        for (key, values) in file.select.iter().flat_map(|all| &all.0) {
            select.0.entry(key.clone()).or_insert_with(|| values.clone());
        }
    }
}

/// All mistakes of a file, a line each.
fn in_lines(path: &Path, mistakes: &[Mistake]) -> String {
    let lines: Vec<_> = mistakes.iter().map(|mistake| format!("{}: {mistake}", path.display())).collect();
    lines.join("\n")
}

/// The sweeps that there are, and which of them may have been meant.
fn there_are(name: &str, known: &[String]) -> String {
    let all = known.join(", ");
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("{near} is the nearest of {all}"),
        None => format!("there are {all}"),
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
mod tests;
