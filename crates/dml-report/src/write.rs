//! Makes a whole report and writes it into a folder.

use std::path::{Path, PathBuf};

use dml_spec::{ReportSpecs, Request};
use dml_store::{RunStore, TrialResult, trial_id};
use rayon::prelude::*;

use crate::effects::{self, Effects};
use crate::error::ReportError;
use crate::evidence::{Ranks, join};
use crate::figure::{self, Figure};
use crate::folder::Folder;
use crate::interchange;
use crate::page::{Parts, page};
use crate::prediction;
use crate::table::Table;
use crate::verdict;

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportPaths {
    /// All tables as Markdown, one under the other, those of effects last.
    pub tables: PathBuf,
    /// Predictions as Markdown, where the sweep has some.
    pub predictions: Option<PathBuf>,
    /// Trials that the sweep asks for, each once.
    pub trials: usize,
    /// Those of them that have a result.
    pub results: usize,
    /// One sentence for each result that is there but cannot be read: a hole in the report.
    pub unreadable: Vec<String>,
}

/// In the place of verdicts, where there are none for want of the trials that were stopped early.
const UNJUDGED: &str = "Trials were stopped early because they looked bad, so what is left is better than all: nothing is judged before they have ended, too.";

/// Makes the report of a sweep from a store, in `out`. The same results give the same bytes; what
/// an earlier report wrote there and this one does not is removed.
///
/// # Errors
/// When the specifications ask for what does not exist, a figure's file in the store is malformed,
/// or `out` cannot be written.
pub fn write_report(request: &Request, store: &RunStore, out: &Path) -> Result<ReportPaths, ReportError> {
    let Request { specs, expected, .. } = request;
    specs.check(expected)?;
    let (results, unreadable) = read_results(expected, store);
    let trials = join(&results, expected, &specs.ignore);
    let ranks = Ranks::of(&trials);
    let tables: Vec<Table> =
        specs.table.iter().map(|spec| Table::build(spec, &specs.baselines, &trials, &ranks)).collect();
    let unjudged = (request.stopped > 0 && specs.judge()).then_some(UNJUDGED);
    let judging = if unjudged.is_none() { specs } else { &ReportSpecs::default() };
    let judged = verdict::judge(&judging.verdict, &judging.equivalence, &trials, &ranks);
    let predictions = prediction::check(&judging.prediction, &trials, &ranks);
    let effects = judging.effects.iter().map(|spec| Effects::build(spec, &trials, &ranks));
    let effects: Vec<Effects> = effects.collect();
    let drawn = specs.figure.iter().map(|spec| figure::draw(spec, &trials, &ranks, store));
    let figures: Vec<Figure> =
        effects.iter().map(figure::draw_effects).chain(drawn).collect::<Result<_, _>>()?;
    let parts = Parts {
        request,
        trials: &trials,
        tables: &tables,
        judged: &judged,
        unjudged,
        predictions: &predictions,
        effects: &effects,
        figures: &figures,
    };

    let mut folder = Folder::new(out);
    write_parts(&parts, &mut folder)?;
    let all_tables = tables.iter().map(Table::markdown).chain(effects.iter().map(Effects::markdown));
    let all_tables = all_tables.collect::<Vec<_>>().join("\n");
    let written = if request.written.is_empty() { String::new() } else { format!("{}\n\n", request.written) };
    folder.write("index.html", page(&parts, store)?)?;
    let paths = ReportPaths {
        tables: folder.write("tables.md", all_tables)?,
        predictions: match &predictions[..] {
            [] => None,
            some => Some(folder.write("predictions.md", prediction::markdown(some))?),
        },
        trials: trials.len(),
        results: results.len(),
        unreadable,
    };
    let verdicts = unjudged.map_or_else(|| verdict::markdown(&judged), |sentence| format!("{sentence}\n"));
    folder.write("verdicts.md", written + &verdicts)?;
    folder.write("results.csv", interchange::csv(&trials))?;
    folder.write("results.jsonl", interchange::json_lines(&trials))?;
    folder.finish()?;
    Ok(paths)
}

/// Writes each table and figure, and the numbers of all else, into files of their own.
fn write_parts(parts: &Parts, folder: &mut Folder) -> Result<(), ReportError> {
    for table in parts.tables {
        for (extension, text) in [("md", table.markdown()), ("csv", table.csv()), ("tex", table.latex())] {
            folder.write(&format!("tables/{}.{extension}", table.name), text)?;
        }
    }
    for figure in parts.figures {
        for (ground, picture) in ["", "-dark"].iter().zip(figure.pictures.iter().flatten()) {
            folder.write(&format!("figures/{}{ground}.svg", figure.name), &picture.svg)?;
            folder.write(&format!("figures/{}{ground}.png", figure.name), &picture.png)?;
        }
    }
    folder.write("verdicts.csv", verdict::csv(&parts.judged.verdicts))?;
    if !parts.judged.equivalences.is_empty() {
        folder.write("equivalences.csv", verdict::equivalences_csv(&parts.judged.equivalences))?;
    }
    if !parts.predictions.is_empty() {
        folder.write("predictions.csv", prediction::csv(parts.predictions))?;
    }
    if !parts.effects.is_empty() {
        folder.write("effects.csv", effects::csv(parts.effects))?;
    }
    Ok(())
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
