//! A whole report in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::ReportError;
use crate::evidence::{Ranks, join};
use crate::figure::{self, Figure};
use crate::interchange;
use crate::page::{Parts, page};
use crate::spec::ReportSpecs;
use crate::store::{RunStore, write_atomically};
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
    /// The page.
    pub page: PathBuf,
    /// All tables as Markdown, one under the other.
    pub tables: PathBuf,
    /// Verdicts as Markdown.
    pub verdicts: PathBuf,
    /// Folder of the figures as SVG and PNG.
    pub figures: PathBuf,
    /// Every trial of the sweep, one a line.
    pub results_csv: PathBuf,
    /// Every result, one a line.
    pub results_jsonl: PathBuf,
    /// Trials that the sweep asks for, each once.
    pub trials: usize,
    /// Those of them that have a result.
    pub results: usize,
    /// One sentence for each result that is there but cannot be read: a hole in the report.
    pub unreadable: Vec<String>,
}

/// Makes the report of a sweep from a store, in `out`. The same results give the same bytes.
///
/// # Errors
/// When the specifications ask for what does not exist, a figure's file in the store is malformed, or `out` cannot be written.
pub fn write_report(report: &Report, store: &RunStore, out: &Path) -> Result<ReportPaths, ReportError> {
    report.specs.check()?;
    let (results, unreadable) = read_results(report.expected, store);
    let trials = join(&results, report.expected);
    let ranks = Ranks::of(&trials);
    let specs = &report.specs;
    let tables: Vec<Table> = specs
        .table
        .iter()
        .map(|spec| Table::from_evidence(spec, &trials, &ranks))
        .collect::<Result<_, _>>()?;
    let verdicts = verdict::judge(&specs.verdict, &trials, &ranks);
    let figures: Vec<Figure> = specs
        .figure
        .iter()
        .map(|spec| figure::draw(spec, &trials, &ranks, store))
        .collect::<Result<_, _>>()?;
    let parts = Parts { report, trials: &trials, tables: &tables, verdicts: &verdicts, figures: &figures };

    let paths = ReportPaths {
        page: out.join("index.html"),
        tables: out.join("tables.md"),
        verdicts: out.join("verdicts.md"),
        figures: out.join("figures"),
        results_csv: out.join("results.csv"),
        results_jsonl: out.join("results.jsonl"),
        trials: trials.len(),
        results: results.len(),
        unreadable,
    };
    write(&paths.page, page(&parts, store)?)?;
    write(&paths.tables, tables.iter().map(Table::markdown).collect::<Vec<_>>().join("\n"))?;
    for table in &tables {
        for (extension, text) in [("md", table.markdown()), ("csv", table.csv()), ("tex", table.latex())] {
            write(&out.join("tables").join(format!("{}.{extension}", table.name)), text)?;
        }
    }
    write(&paths.verdicts, verdict::markdown(&verdicts))?;
    write(&out.join("verdicts.csv"), verdict::csv(&verdicts))?;
    for figure in &figures {
        for (ground, picture) in ["", "-dark"].iter().zip(figure.pictures.iter().flatten()) {
            write(&paths.figures.join(format!("{}{ground}.svg", figure.name)), &picture.svg)?;
            write(&paths.figures.join(format!("{}{ground}.png", figure.name)), &picture.png)?;
        }
    }
    write(&paths.results_csv, interchange::csv(&trials))?;
    write(&paths.results_jsonl, interchange::json_lines(&trials))?;
    Ok(paths)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), ReportError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(ReportError::io(folder))?;
    Ok(write_atomically(path, bytes.as_ref())?)
}

/// All results that can be read, and a sentence for each that cannot.
fn read_results(expected: &[toml::Table], store: &RunStore) -> (Vec<TrialResult>, Vec<String>) {
    let mut ids: Vec<String> = expected.iter().map(trial_id).collect();
    ids.sort();
    ids.dedup();
    let found: Vec<_> = ids.par_iter().filter_map(|id| store.result(id).transpose()).collect();
    let (mut results, mut unreadable) = (Vec::new(), Vec::new());
    for result in found {
        match result {
            Ok(result) => results.push(result),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    (results, unreadable)
}

#[cfg(test)]
mod tests;
