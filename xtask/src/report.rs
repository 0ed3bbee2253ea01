//! `cargo xtask report`: tables, figures and verdicts of a sweep, from a store's results alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use dml_report::{Report, ReportPaths, ReportSpecs, write_report};
use dml_store::RunStore;

use crate::engine::stop_early::n_stopped;
use crate::experiment::Sweep;
use crate::kept;
use crate::selected::Selected;
use crate::{WrongCall, say};

/// Tables longer than this are named, not printed.
const PRINTED_LINES: usize = 80;

/// What `cargo xtask report` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    selected: Selected,
    /// Where the report goes [default: report/NAME in the checkout]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also keeps the results in results/NAME.jsonl, from which sweeps and reports of this checkout
    /// go on without training
    #[arg(long)]
    keep: bool,
}

/// Writes the report again; trials without a result are holes in it.
pub(crate) fn run(root: &Path, arguments: &ReportArguments) -> Result<ExitCode> {
    let (sweep, store) = arguments.selected.open(root).context(WrongCall)?;
    write(root, arguments.out.as_deref(), &sweep, &store)?;
    if arguments.keep {
        let folder = root.join(kept::FOLDER);
        let n = kept::keep(&folder, &sweep, &store)?;
        say(&format!("{n} results are kept in {}\n", folder.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the report of a sweep, prints its tables if they are short and what became of its
/// predictions, and says where everything is.
pub(crate) fn write(root: &Path, out: Option<&Path>, sweep: &Sweep, store: &RunStore) -> Result<ReportPaths> {
    let out = out.map_or_else(|| root.join("report").join(&sweep.name), Path::to_path_buf);
    let paths = make(sweep, store, &out)?;
    for sentence in &paths.unreadable {
        eprintln!("{sentence}");
    }
    let tables = fs::read_to_string(&paths.tables).with_context(|| paths.tables.display().to_string())?;
    if tables.lines().count() <= PRINTED_LINES {
        say(&format!("{tables}\n"));
    }
    if let Some(path) = &paths.predictions {
        say(&fs::read_to_string(path).with_context(|| path.display().to_string())?);
    }
    let (results, trials) = (paths.results, paths.trials);
    say(&format!("{results} of {trials} trials have a result; the report is in {}\n", out.display()));
    Ok(paths)
}

/// Makes the report of a sweep in `out`.
pub(crate) fn make(sweep: &Sweep, store: &RunStore, out: &Path) -> Result<ReportPaths> {
    let file = &sweep.file;
    let specs = ReportSpecs {
        ignore: file.ignore.clone().unwrap_or_default(),
        baselines: file.baselines.clone().unwrap_or_default(),
        table: file.table.clone(),
        verdict: file.verdict.clone(),
        equivalence: file.equivalence.clone(),
        prediction: file.prediction.clone(),
        effects: file.effects.clone(),
        figure: file.figure.clone(),
    };
    let expected: Vec<toml::Table> = sweep.trials.iter().map(|trial| trial.table.clone()).collect();
    let command = match file.seeds {
        n if n > 1 && !file.command.contains("--seeds") => format!("{} --seeds {n}", file.command),
        _ => file.command.clone(),
    };
    let report = Report {
        name: &sweep.name,
        claim: &file.claim,
        command: &command,
        specs,
        expected: &expected,
        stopped: n_stopped(store, &sweep.trials),
    };
    write_report(&report, store, out).with_context(|| sweep.path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_table_of_every_sweep_has_each_baseline_and_no_row_twice_and_no_figure_mixes_trials() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = RunStore::open(&folder.path().join("store")).unwrap();
        let files = fs::read_dir(root.join("xtask/sweeps")).unwrap();
        for path in files.map(|file| file.unwrap().path()) {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let sweep = Sweep::find(root, &name, None).unwrap();
            let out = folder.path().join(&name);
            let paths = make(&sweep, &store, &out).unwrap();
            let page = fs::read_to_string(paths.page).unwrap();
            let mixed = page.split("Careful").nth(1).map(|after| after.chars().take(200).collect::<String>());
            assert_eq!(mixed, None, "{name}: a table or figure mixes trials");
            for table in &sweep.file.table {
                let text = fs::read_to_string(out.join(format!("tables/{}.md", table.name))).unwrap();
                let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
                assert_eq!(
                    rows.len(),
                    rows.iter().collect::<HashSet<_>>().len(),
                    "{name}: a row twice in\n{text}"
                );
                assert!(!text.contains("Careful") && !text.contains("does not run"), "{name}:\n{text}");
            }
        }
    }
}
