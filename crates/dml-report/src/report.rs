//! A whole report in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ReportError;
use crate::evidence::{Ranks, join};
use crate::spec::ReportSpecs;
use crate::store::RunStore;
use crate::table::Table;
use crate::trial::{TrialResult, trial_id};
use crate::verdict;

/// What a report is of.
#[derive(Debug)]
pub struct Report<'a> {
    /// The sweep's name.
    pub name: &'a str,
    /// What the sweep shows, one paragraph.
    pub claim: &'a str,
    /// The command that runs the sweep and then writes this report.
    pub command: &'a str,
    /// Tables, verdicts and figures.
    pub specs: ReportSpecs,
    /// Every trial of the sweep, all seeds.
    pub expected: &'a [toml::Table],
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportPaths {
    /// All tables as Markdown, one under the other.
    pub tables: PathBuf,
    /// Verdicts as Markdown.
    pub verdicts: PathBuf,
    /// Trials that the sweep asks for, each once.
    pub trials: usize,
    /// Those of them that have a result.
    pub results: usize,
}

/// Makes the report of a sweep from a store, in `out`. The same results give the same bytes.
///
/// # Errors
/// When the specifications ask for what does not exist, a file of the store is malformed, or `out` cannot be written.
pub fn write_report(report: &Report, store: &RunStore, out: &Path) -> Result<ReportPaths, ReportError> {
    report.specs.check()?;
    let results = read_results(report.expected, store)?;
    let trials = join(&results, report.expected);
    let ranks = Ranks::of(&trials);
    let mut paths = ReportPaths { trials: trials.len(), results: results.len(), ..ReportPaths::default() };

    let tables: Vec<Table> = report
        .specs
        .table
        .iter()
        .map(|spec| Table::from_evidence(spec, &trials, &ranks))
        .collect::<Result<_, _>>()?;
    let folder = out.join("tables");
    fs::create_dir_all(&folder).map_err(ReportError::io(&folder))?;
    for table in &tables {
        for (extension, text) in [("md", table.markdown()), ("csv", table.csv()), ("tex", table.latex())] {
            write(&folder.join(format!("{}.{extension}", table.name)), text.as_bytes())?;
        }
    }
    paths.tables = out.join("tables.md");
    write(&paths.tables, tables.iter().map(Table::markdown).collect::<Vec<_>>().join("\n").as_bytes())?;

    let verdicts = verdict::judge(&report.specs.verdict, &trials, &ranks);
    paths.verdicts = out.join("verdicts.md");
    write(&paths.verdicts, verdict::markdown(&verdicts).as_bytes())?;
    write(&out.join("verdicts.csv"), verdict::csv(&verdicts).as_bytes())?;
    Ok(paths)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    fs::write(path, bytes).map_err(ReportError::io(path))
}

fn read_results(expected: &[toml::Table], store: &RunStore) -> Result<Vec<TrialResult>, ReportError> {
    let mut ids: Vec<String> = expected.iter().map(trial_id).collect();
    ids.sort();
    ids.dedup();
    let mut results = Vec::new();
    for id in &ids {
        results.extend(store.result(id)?);
    }
    Ok(results)
}
