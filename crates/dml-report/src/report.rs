//! What a report is made of, and what is written.

use dml_spec::ReportSpecs;
use std::path::PathBuf;

/// What a report is of.
#[derive(Debug)]
pub struct Report<'a> {
    /// The sweep's name.
    pub name: &'a str,
    /// What the sweep shows, one paragraph.
    pub claim: &'a str,
    /// The command that runs the sweep and then writes this report.
    pub command: &'a str,
    /// When what is compared was written down, one paragraph; empty where nothing is said of it.
    pub written: &'a str,
    /// Tables, verdicts and figures.
    pub specs: ReportSpecs,
    /// Every trial of the sweep, all seeds.
    pub expected: &'a [toml::Table],
    /// Trials that have no result because they were stopped early. A report with such judges
    /// nothing: what is missing looked bad, so what is left is better than all.
    pub stopped: usize,
}

/// In the place of verdicts, where there are none for want of the trials that were stopped early.
pub(crate) const UNJUDGED: &str = "Trials were stopped early because they looked bad, so what is left is better than all: nothing is judged before they have ended, too.";

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportPaths {
    /// The page.
    pub page: PathBuf,
    /// All tables as Markdown, one under the other, those of effects last.
    pub tables: PathBuf,
    /// Predictions as Markdown, where the sweep has some.
    pub predictions: Option<PathBuf>,
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
