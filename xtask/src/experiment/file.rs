//! A sweep file, `xtask/sweeps/NAME.toml`: what it holds.

use dml_spec::{
    EffectsSpec, EquivalenceSpec, FigureSpec, Ignore, PredictionSpec, ReportSpecs, Selection, TableSpec,
    VerdictSpec,
};
use dml_store::{Mistake, line_of, read_toml};
use serde::Deserialize;

use super::stop_early::StopEarly;

/// A base trial, a union of grids over its dotted keys, and the tables to make of the results.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SweepFile {
    /// One paragraph: what this sweep shows.
    pub claim: String,
    /// The command that runs it.
    pub command: String,
    /// Every trial runs with so many seeds, the base's and those after it.
    pub seeds: u32,
    /// Measured seconds of one trial on one core, for the estimate before anything has run.
    pub seconds_per_trial: f64,
    /// The sweep whose base this one takes, under what its own says; and its `ignore`, `baselines`
    /// and `select`, unless it has its own. It lies in the same folder, or else in `xtask/sweeps`.
    pub extends: Option<String>,
    /// Sweeps, found in the same way, whose trials and parts of the report are added.
    pub include: Vec<String>,
    /// A complete trial; what differs from the other's with `extends`, nothing at all for a sweep
    /// that only includes others.
    pub base: toml::Table,
    /// Overrides: scalars and tables are fixed, arrays are varied. None at all: the base alone.
    pub grid: Vec<toml::Table>,
    /// Keys that mean nothing for some trials, for all tables and figures of the report.
    pub ignore: Option<Ignore>,
    /// Trials that stand in every table of the report, for every model to beat.
    pub baselines: Option<Selection>,
    /// What all parts of the report but verdicts select, but for the keys that they select
    /// themselves.
    pub select: Option<Selection>,
    /// How `--stop-early` stops trials.
    pub stop_early: Option<StopEarly>,
    /// Tables of the report.
    pub table: Vec<TableSpec>,
    /// Verdicts of the report.
    pub verdict: Vec<VerdictSpec>,
    /// Scores that the report finds equivalent or not.
    pub equivalence: Vec<EquivalenceSpec>,
    /// Predictions that the report finds held or failed.
    pub prediction: Vec<PredictionSpec>,
    /// Analyses of variance of the report.
    pub effects: Vec<EffectsSpec>,
    /// Figures of the report.
    pub figure: Vec<FigureSpec>,
}

impl SweepFile {
    /// The parts of the report.
    pub(crate) fn report(&self) -> ReportSpecs {
        ReportSpecs {
            ignore: self.ignore.clone().unwrap_or_default(),
            baselines: self.baselines.clone().unwrap_or_default(),
            table: self.table.clone(),
            verdict: self.verdict.clone(),
            equivalence: self.equivalence.clone(),
            prediction: self.prediction.clone(),
            effects: self.effects.clone(),
            figure: self.figure.clone(),
        }
    }
}

/// Keys that every sweep file has.
const NEEDED: [&str; 4] = ["claim", "command", "seeds", "seconds_per_trial"];

/// A sweep file and all that is wrong with it; none where the text is no TOML.
pub(crate) fn parse(text: &str) -> (Option<SweepFile>, Vec<Mistake>) {
    let (file, mut mistakes) = read_toml::<SweepFile>(text);
    let Some(file) = file else { return (None, mistakes) };
    let missing = NEEDED.into_iter().filter(|key| line_of(text, &[key]).is_none());
    mistakes.extend(missing.map(|key| Mistake { line: None, what: format!("`{key}` is missing") }));
    let mut check = |path: &[&str], is_right: bool, value: String, right: &str| {
        // What is not there, or could not be read, was told.
        let is_told = |line| mistakes.iter().any(|mistake| mistake.line == Some(line));
        if let Some(line) = line_of(text, path).filter(|line| !is_right && !is_told(*line)) {
            let what = format!("`{}` is {value}; {right} would be right", path.join("."));
            mistakes.push(Mistake { line: Some(line), what });
        }
    };
    let seconds = file.seconds_per_trial;
    let is_time = seconds.is_finite() && seconds > 0.0;
    check(&["seeds"], file.seeds > 0, file.seeds.to_string(), "1 or more");
    check(&["seconds_per_trial"], is_time, seconds.to_string(), "a measured time above 0");
    if let Some(early) = &file.stop_early {
        for (key, value, least) in early.least() {
            check(&["stop_early", key], value >= least, value.to_string(), &format!("{least} or more"));
        }
    }
    mistakes.sort();
    (Some(file), mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "claim = 'c'\ncommand = 'x'\nseeds = 1\nseconds_per_trial = 1.0\n";

    fn complaint(text: &str) -> String {
        parse(text).1.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn all_mistakes_are_named_with_their_lines() {
        insta::assert_snapshot!(complaint(&format!("{HEAD}sedes = 3\n[[table]]\nnmae = 't'\n[base]\nseed = 0\n")), @r"
        line 5: there is no key `sedes`; `seeds` is the nearest
        line 6: `table` has no `name`, `title`, `rows`, `scores`
        line 7: there is no key `nmae`; `name` is the nearest
        ");
        insta::assert_snapshot!(complaint("claim = 'c'\nseeds = -2\nseconds_per_trial = 0.0\n"), @r"
        `command` is missing
        line 2: `seeds` is the integer `-2`; an integer from 0 to 4294967295 would be right
        line 3: `seconds_per_trial` is 0; a measured time above 0 would be right
        ");
    }

    #[test]
    fn senseless_numbers_are_named() {
        let zero = HEAD.replace("seeds = 1", "seeds = 0") + "[base]\nseed = 0";
        assert_eq!(complaint(&zero), "line 3: `seeds` is 0; 1 or more would be right");
        let negative = HEAD.replace("1.0", "-1.0") + "[base]\nseed = 0";
        assert_eq!(
            complaint(&negative),
            "line 4: `seconds_per_trial` is -1; a measured time above 0 would be right"
        );
        let section = "[stop_early]\nfirst_epochs = 0\nreduction_factor = 1\nscore = 's'\nwithin = []\n";
        insta::assert_snapshot!(complaint(&format!("{HEAD}{section}")), @r"
        line 6: `stop_early.first_epochs` is 0; 1 or more would be right
        line 7: `stop_early.reduction_factor` is 1; 2 or more would be right
        ");
    }
}
