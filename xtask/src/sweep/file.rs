//! A sweep file, `xtask/sweeps/NAME.toml`: what it holds and how it is found.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dml_report::{FigureSpec, TableSpec, VerdictSpec};
use serde::Deserialize;

use super::expand::{Trial, expand};

/// A base trial, a union of grids over its dotted keys, and the tables to make of the results.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SweepFile {
    /// One paragraph: what this sweep shows.
    pub claim: String,
    /// The command that runs it.
    pub command: String,
    /// Every trial runs with the seeds 0 to `seeds` - 1.
    pub seeds: u32,
    /// Measured seconds of one trial on one core, for the estimate before anything has run.
    pub seconds_per_trial: f64,
    /// A complete trial.
    pub base: toml::Table,
    /// Overrides: scalars and tables are fixed, arrays are varied. None at all: the base alone.
    #[serde(default)]
    pub grid: Vec<toml::Table>,
    /// Tables of the report.
    #[serde(default)]
    pub table: Vec<TableSpec>,
    /// Verdicts of the report.
    #[serde(default)]
    pub verdict: Vec<VerdictSpec>,
    /// Figures of the report.
    #[serde(default)]
    pub figure: Vec<FigureSpec>,
}

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
    /// Reads the sweep called `name`, or the file of that path; `seeds` wins over what the file says.
    ///
    /// # Errors
    /// When there is no such sweep, with the names that there are; when the file is not a sweep file.
    pub(crate) fn find(root: &Path, name: &str, seeds: Option<u32>) -> Result<Self> {
        let folder = root.join("xtask/sweeps");
        let is_path = Path::new(name).extension().is_some() || name.contains(std::path::MAIN_SEPARATOR);
        let path = if is_path { PathBuf::from(name) } else { folder.join(format!("{name}.toml")) };
        if !path.is_file() {
            let known = names(&folder).join(", ");
            bail!("there is no sweep {name:?}; give the path of a sweep file or one of: {known}");
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut file = parse(&text).with_context(|| path.display().to_string())?;
        file.seeds = seeds.unwrap_or(file.seeds);
        let trials = expand(&file).with_context(|| path.display().to_string())?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, path, file, trials })
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

/// # Errors
/// When the text is not a sweep file; the sentence names line and key.
pub(crate) fn parse(text: &str) -> Result<SweepFile> {
    let file: SweepFile = toml::from_str(text).map_err(|error| match error.span() {
        Some(span) => {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            anyhow::anyhow!("line {line}: {}", error.message())
        }
        None => anyhow::anyhow!("{}", error.message()),
    })?;
    if file.seeds == 0 {
        bail!("`seeds` is 0; 1 or more would be right");
    }
    if !(file.seconds_per_trial.is_finite() && file.seconds_per_trial > 0.0) {
        bail!("`seconds_per_trial` is {}; a measured time above 0 would be right", file.seconds_per_trial);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "claim = 'c'\ncommand = 'x'\nseeds = 1\nseconds_per_trial = 1.0\n";

    fn complaint(text: &str) -> String {
        format!("{:#}", parse(text).unwrap_err())
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let message = complaint(&format!("{HEAD}sedes = 3\n[base]\nseed = 0\n"));
        assert!(message.starts_with("line 5: unknown field `sedes`, expected one of"), "{message}");
    }

    #[test]
    fn a_missing_key_and_a_senseless_number_are_named() {
        assert!(complaint("claim = 'c'").contains("missing field `command`"));
        let zero = HEAD.replace("seeds = 1", "seeds = 0") + "[base]\nseed = 0";
        assert_eq!(complaint(&zero), "`seeds` is 0; 1 or more would be right");
        let negative = HEAD.replace("1.0", "-1.0") + "[base]\nseed = 0";
        assert!(complaint(&negative).contains("`seconds_per_trial` is -1"));
    }

    #[test]
    fn an_unknown_sweep_is_answered_with_the_known_ones() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("xtask/sweeps");
        fs::create_dir_all(&folder).unwrap();
        for name in ["table-1.toml", "quick.toml", "notes.md"] {
            fs::write(folder.join(name), format!("{HEAD}[base]\nseed = 0\n")).unwrap();
        }
        assert_eq!(Sweep::find(root.path(), "quick", None).unwrap().name, "quick");
        let message = Sweep::find(root.path(), "quik", None).unwrap_err().to_string();
        assert_eq!(
            message,
            "there is no sweep \"quik\"; give the path of a sweep file or one of: quick, table-1"
        );
    }
}
