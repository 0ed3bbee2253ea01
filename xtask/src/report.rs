//! `cargo xtask report`: tables, figures and verdicts of a sweep, from a store's results alone.

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use dml_spec::Request;
use dml_store::RunStore;

use crate::engine::stop_early::n_stopped;
use crate::engine::worker::how;
use crate::experiment::Sweep;
use crate::kept;
use crate::program::Program;
use crate::say;
use crate::selected::Selected;
use crate::written;

/// Makes reports; apart from xtask, so that no trial waits until charts and fonts are built.
const PROGRAM: Program = Program { package: "dml-report", name: "dml-report", minutes: "2 minutes" };

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The report is written.
    Written,
    /// It is not; the program has said why.
    Failed,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Written => Self::SUCCESS,
            Ended::Failed => Self::FAILURE,
        }
    }
}

/// Names another program to run in its place, which is then not built.
const OTHER_PROGRAM: &str = "DML_REPORT";

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
    let (sweep, store) = arguments.selected.open(root)?;
    let ended =
        write(&program(root, false)?, &folder(root, arguments.out.as_deref(), &sweep), &sweep, &store)?;
    if ended == Ended::Written && arguments.keep {
        let folder = root.join(kept::FOLDER);
        let n = kept::keep(&folder, &sweep, &store)?;
        say(&format!("{n} results are kept in {}\n", folder.display()));
    }
    Ok(ended.into())
}

/// Begins to build what [`write()`] will run, while there is something else to wait for.
pub(crate) fn begin(root: &Path) -> Option<Child> {
    if env::var_os(OTHER_PROGRAM).is_some() { None } else { PROGRAM.begin(root) }
}

/// The program that makes reports, built if need be.
pub(crate) fn program(root: &Path, quiet: bool) -> Result<PathBuf> {
    env::var_os(OTHER_PROGRAM).map_or_else(|| PROGRAM.build(root, quiet), |program| Ok(program.into()))
}

/// Where the report of a sweep goes.
pub(crate) fn folder(root: &Path, asked: Option<&Path>, sweep: &Sweep) -> PathBuf {
    asked.map_or_else(|| root.join("report").join(&sweep.name), Path::to_path_buf)
}

/// Has the report of a sweep written. The program prints the tables if they are short, what became
/// of predictions, and where everything is.
pub(crate) fn write(program: &Path, out: &Path, sweep: &Sweep, store: &RunStore) -> Result<Ended> {
    let request = toml::to_string(&request(sweep, store))?;
    let mut child = Command::new(program)
        .args([store.root().as_os_str(), out.as_os_str()] as [&OsStr; 2])
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    // What it did not read it has no need of: it ends with a sentence of its own.
    let _ = child.stdin.take().expect("piped above").write_all(request.as_bytes());
    let status = child.wait()?;
    ensure!(status.code().is_some(), "{} {}", program.display(), how(status));
    Ok(if status.success() { Ended::Written } else { Ended::Failed })
}

/// What the program is told of a sweep.
fn request(sweep: &Sweep, store: &RunStore) -> Request {
    let file = &sweep.file;
    let command = match file.seeds {
        n if n > 1 && !file.command.contains("--seeds") => format!("{} --seeds {n}", file.command),
        _ => file.command.clone(),
    };
    Request {
        name: sweep.name.clone(),
        claim: file.claim.clone(),
        command,
        file: sweep.path.display().to_string(),
        stopped: n_stopped(store, &sweep.trials),
        written: written::words(sweep, store),
        specs: file.report(),
        expected: sweep.tables(),
    }
}

/// Makes the report in this process, with what tests alone are built with.
#[cfg(test)]
pub(crate) fn make(sweep: &Sweep, store: &RunStore, out: &Path) -> Result<dml_report::ReportPaths> {
    let request = request(sweep, store);
    dml_report::write_report(&request, store, out).context(request.file)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::fs;

    use dml_spec::VerdictSpec;
    use dml_store::{Curves, FORMAT, Outcome, Scores, TrialResult};

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
            make(&sweep, &store, &out).unwrap();
            let page = fs::read_to_string(out.join("index.html")).unwrap();
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

    #[test]
    fn every_verdict_of_every_sweep_finds_its_pairs_and_what_decides_its_choices() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for path in fs::read_dir(root.join("xtask/sweeps")).unwrap().map(|file| file.unwrap().path()) {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let sweep = Sweep::find(root, &name, Some(1)).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let store = RunStore::open(&folder.path().join("store")).unwrap();
            let of_verdict = |verdict: &VerdictSpec| {
                let choices = [&verdict.choose, &verdict.choose_control].into_iter().flatten();
                let by = choices.map(|choice| choice.by.clone());
                by.chain([verdict.score.clone()]).collect::<Vec<_>>()
            };
            let scores: Scores =
                sweep.file.verdict.iter().flat_map(of_verdict).map(|score| (score, 0.5)).collect();
            for trial in &sweep.trials {
                store.add(&trial.table).unwrap();
                let result = TrialResult {
                    format: FORMAT,
                    id: trial.id.clone(),
                    trial: trial.table.clone(),
                    data_sha256: None,
                    outcome: Outcome::scored(scores.clone()),
                    curves: Curves::new(),
                };
                store.finish(&result).unwrap();
            }
            let out = folder.path().join("report");
            make(&sweep, &store, &out).unwrap();
            let Ok(mut verdicts) = csv::Reader::from_path(out.join("verdicts.csv")) else {
                assert!(sweep.file.verdict.is_empty(), "{name} has no verdicts.csv");
                continue;
            };
            let all = verdicts.deserialize::<BTreeMap<String, String>>().map(Result::unwrap);
            let all: Vec<_> = all.collect();
            let judged: HashSet<&str> = all.iter().map(|verdict| verdict["verdict"].as_str()).collect();
            assert_eq!(
                judged,
                sweep.file.verdict.iter().map(|verdict| verdict.name.as_str()).collect(),
                "{name}"
            );
            for verdict in &all {
                let lost: Vec<_> =
                    verdict.iter().filter(|(key, n)| key.starts_with("lost") && *n != "0").collect();
                assert!(lost.is_empty() && verdict["pairs"] != "0", "{name}: {verdict:?}");
            }
        }
    }
}
