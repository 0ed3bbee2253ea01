//! A sweep file, `xtask/sweeps/NAME.toml`: what it holds.

use anyhow::{Result, bail};
use dml_report::{
    EffectsSpec, EquivalenceSpec, FigureSpec, Ignore, PredictionSpec, Selection, TableSpec, VerdictSpec,
};
use serde::Deserialize;

use super::stop_early::StopEarly;

/// A base trial, a union of grids over its dotted keys, and the tables to make of the results.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SweepFile {
    /// One paragraph: what this sweep shows.
    pub claim: String,
    /// The command that runs it.
    pub command: String,
    /// Every trial runs with so many seeds, the base's and those after it.
    pub seeds: u32,
    /// Measured seconds of one trial on one core, for the estimate before anything has run.
    pub seconds_per_trial: f64,
    /// The sweep of the same folder whose base this one takes, under what its own says; and its
    /// `ignore`, `baselines` and `select`, unless it has its own.
    #[serde(default)]
    pub extends: Option<String>,
    /// Sweeps of the same folder whose trials and parts of the report are added.
    #[serde(default)]
    pub include: Vec<String>,
    /// A complete trial; what differs from the other's with `extends`, nothing at all for a sweep
    /// that only includes others.
    #[serde(default)]
    pub base: toml::Table,
    /// Overrides: scalars and tables are fixed, arrays are varied. None at all: the base alone.
    #[serde(default)]
    pub grid: Vec<toml::Table>,
    /// Keys that mean nothing for some trials, for all tables and figures of the report.
    #[serde(default)]
    pub ignore: Option<Ignore>,
    /// Trials that stand in every table of the report, for every model to beat.
    #[serde(default)]
    pub baselines: Option<Selection>,
    /// What all parts of the report but verdicts select, but for the keys that they select
    /// themselves.
    #[serde(default)]
    pub select: Option<Selection>,
    /// How `--stop-early` stops trials.
    #[serde(default)]
    pub stop_early: Option<StopEarly>,
    /// Tables of the report.
    #[serde(default)]
    pub table: Vec<TableSpec>,
    /// Verdicts of the report.
    #[serde(default)]
    pub verdict: Vec<VerdictSpec>,
    /// Scores that the report finds equivalent or not.
    #[serde(default)]
    pub equivalence: Vec<EquivalenceSpec>,
    /// Predictions that the report finds held or failed.
    #[serde(default)]
    pub prediction: Vec<PredictionSpec>,
    /// Analyses of variance of the report.
    #[serde(default)]
    pub effects: Vec<EffectsSpec>,
    /// Figures of the report.
    #[serde(default)]
    pub figure: Vec<FigureSpec>,
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
    file.stop_early.as_ref().map_or(Ok(()), StopEarly::check)?;
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
        let early = |first: u32, factor: u32| {
            let section = format!("[stop_early]\nfirst_epochs = {first}\nreduction_factor = {factor}");
            complaint(&format!("{HEAD}[base]\nseed = 0\n{section}\nscore = 's'\nwithin = []\n"))
        };
        assert_eq!(early(0, 3), "`stop_early.first_epochs` is 0; 1 or more would be right");
        assert_eq!(early(2, 1), "`stop_early.reduction_factor` is 1; 2 or more would be right");
    }
}
