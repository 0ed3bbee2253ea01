//! What a sweep file says about its report: `[[table]]`, `[[verdict]]` and `[[figure]]`.

use std::collections::{BTreeMap, BTreeSet};

use dml_store::flatten;
use serde::Deserialize;

use crate::ReportError;
use crate::select::{Selection, is_in};

/// A key, its values, and for each the keys that mean nothing for trials of this value:
/// `{ "model.system" = { pixels = ["model.latent_dim"] } }`.
pub type Ignore = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Everything a sweep file asks of its report.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportSpecs {
    /// `[ignore]`: tables and figures show such a key as –, and do not select by it.
    pub ignore: Ignore,
    /// `[baselines]`: trials that every model has to beat. They stand in every table, whatever it
    /// selects in these keys.
    pub baselines: Selection,
    /// `[[table]]`
    pub table: Vec<TableSpec>,
    /// `[[verdict]]`
    pub verdict: Vec<VerdictSpec>,
    /// `[[figure]]`
    pub figure: Vec<FigureSpec>,
}

/// A table: which trials, what names a row, which scores.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// File stem and anchor.
    pub name: String,
    /// One line.
    pub title: String,
    /// A published table to stand beside ours, by its name, as `table-1-mnist`.
    pub published: Option<String>,
    /// Which trials.
    #[serde(default)]
    pub select: Selection,
    /// Keys that name a row. Rows are sorted by `best_within`, models before baselines, then by
    /// these keys. Cells are means over all else, which should be the seeds.
    pub rows: Vec<String>,
    /// Score columns.
    pub scores: Vec<String>,
    /// Row keys within whose values the best is looked for.
    #[serde(default)]
    pub best_within: Vec<String>,
    /// Scores of which the least is best.
    #[serde(default)]
    pub lower_is_better: Vec<String>,
    /// What a reader has to know, as what is odd in the published numbers.
    #[serde(default)]
    pub note: String,
}

/// A proposal to be judged: a treatment against its control, once for each combination of the
/// values of `each`.
///
/// A treatment and a control are a pair if they are equal in every key but those of `treatment`,
/// `control`, `choose` and `unpaired`, where `X.kind` frees all of `X`. Several trials of a side in
/// one pair are averaged. The unit is the seed: its value is the mean difference over its pairs,
/// which may be of several strata, as latent dimensions. The p is that of the two-sided paired t
/// test over seeds, multiplied as Holm (1979) says for all verdicts that the report has, those
/// without a result included; the 95% t interval shown beside it is not corrected.
///
/// A trial that diverged is not missing at random: the seeds that are left are those on which its
/// side went well. So after a divergence of the treatment (at the tuned value that was chosen)
/// nothing is supported, though it may be refuted, and after one of the control nothing is refuted,
/// though it may be supported; the comparison then counts for Holm's correction as one that shows
/// nothing. Nor has a difference a p that is the same for every seed: seeds that change nothing are
/// copies of one trial.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictSpec {
    /// Anchor.
    pub name: String,
    /// The subject of the sentence "… raises SCORE".
    pub proposal: String,
    /// Trials with the proposal.
    pub treatment: Selection,
    /// Trials without it.
    pub control: Selection,
    /// What holds for both.
    #[serde(default)]
    pub select: Selection,
    /// One verdict for each combination of these keys' values.
    pub each: Vec<String>,
    /// What should rise.
    pub score: String,
    /// How the treatment's tuned keys are chosen; left out: differences are averaged over what
    /// varies.
    pub choose: Option<ChoiceSpec>,
    /// Further keys or whole tables that may differ between treatment and control.
    #[serde(default)]
    pub unpaired: Vec<String>,
    /// A score that is 0 for a guesser.
    pub null_score: Option<String>,
}

/// How tuned keys get their value without a look at the numbers that are then reported.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceSpec {
    /// The tuned keys.
    pub keys: Vec<String>,
    /// The score that decides, by its mean over seeds.
    pub by: String,
    /// Read `by` from the treatment's trials that are equal in all but these keys, as in `{
    /// "evaluation.split" = "validation" }`. Left out: for each seed, from the other seeds.
    pub on: Option<Selection>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FigureSpec {
    /// Latent spaces side by side.
    Latent {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// One panel for each combination of these keys' values.
        panels: Vec<String>,
    },
    /// Loss curves over epochs.
    Curves {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// One panel each.
        curves: Vec<String>,
        /// One line for each combination of these keys' values.
        lines: Vec<String>,
    },
    /// A score against a numeric key.
    Score {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// The numeric key.
        x: String,
        /// The score.
        score: String,
        /// One line for each combination of these keys' values.
        lines: Vec<String>,
    },
    /// Pictures that trials left in their directories, side by side.
    Images {
        /// File stem and anchor.
        name: String,
        /// One line.
        title: String,
        /// Which trials.
        #[serde(default)]
        select: Selection,
        /// The picture's file name in a trial directory.
        file: String,
        /// One picture for each combination of these keys' values.
        panels: Vec<String>,
    },
}

impl FigureSpec {
    /// File stem and anchor.
    pub fn name(&self) -> &str {
        match self {
            Self::Latent { name, .. }
            | Self::Curves { name, .. }
            | Self::Score { name, .. }
            | Self::Images { name, .. } => name,
        }
    }

    /// One line.
    pub fn title(&self) -> &str {
        match self {
            Self::Latent { title, .. }
            | Self::Curves { title, .. }
            | Self::Score { title, .. }
            | Self::Images { title, .. } => title,
        }
    }

    /// Which trials.
    pub fn select_mut(&mut self) -> &mut Selection {
        match self {
            Self::Latent { select, .. }
            | Self::Curves { select, .. }
            | Self::Score { select, .. }
            | Self::Images { select, .. } => select,
        }
    }
}

impl ReportSpecs {
    /// Names become file names and anchors, so they must be plain and told apart; keys must be
    /// those of trials.
    ///
    /// # Errors
    /// Names the offending one, and says what would be right.
    pub(crate) fn check(&self, trials: &[toml::Table]) -> Result<(), ReportError> {
        let known: BTreeSet<String> = trials.iter().flat_map(|trial| flatten(trial).into_keys()).collect();
        let mut seen = BTreeSet::new();
        for (kind, name, keys) in self.parts() {
            let wrong = |why: String| Err(ReportError::Spec(format!("{kind} \"{name}\": {why}")));
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return wrong("a name has only a-z, 0-9 and - in it".to_string());
            }
            if !seen.insert((kind, name)) {
                return wrong("it is there twice; give the second another name".to_string());
            }
            if let Some(key) = keys.into_iter().find(|key| !known.is_empty() && !known.contains(*key)) {
                let table = key.split_once('.').map_or("", |(table, _)| table);
                let beside = |other: &&String| other.split_once('.').is_some_and(|(of, _)| of == table);
                let beside: Vec<String> =
                    known.iter().filter(beside).map(|key| format!("\"{key}\"")).collect();
                let there = if beside.is_empty() { "none like it".to_string() } else { beside.join(", ") };
                return wrong(format!("no trial of the sweep has the key \"{key}\"; there are {there}"));
            }
        }
        for verdict in &self.verdict {
            let unknown = |of: &&String| !known.is_empty() && !known.iter().any(|key| is_in(key, of));
            if let Some(key) = verdict.unpaired.iter().find(unknown) {
                return Err(ReportError::Spec(format!(
                    "verdict \"{}\": unpaired has \"{key}\", which is neither a key nor a table of the sweep's trials",
                    verdict.name
                )));
            }
        }
        for table in &self.table {
            if let Some(key) = table.best_within.iter().find(|key| !table.rows.contains(key)) {
                let name = &table.name;
                return Err(ReportError::Spec(format!(
                    "table \"{name}\": best_within has \"{key}\", which is not among its rows"
                )));
            }
        }
        Ok(())
    }

    /// Kind and name of each part, and the trial keys that it speaks of. What `[ignore]` lists may
    /// be a key of another sweep, which takes it over.
    fn parts<'a>(&'a self) -> Vec<(&'static str, &'a str, Vec<&'a String>)> {
        let tables = self.table.iter();
        let tables = tables.map(|t| ("table", t.name.as_str(), t.select.0.keys().chain(&t.rows).collect()));
        let verdicts = self.verdict.iter().map(|v| {
            let selected = [&v.treatment, &v.control, &v.select].into_iter().flat_map(|s| s.0.keys());
            let on = |choose: &'a ChoiceSpec| choose.on.iter().flat_map(|on| on.0.keys());
            let chosen = v.choose.iter().flat_map(|choose| choose.keys.iter().chain(on(choose)));
            ("verdict", v.name.as_str(), selected.chain(&v.each).chain(chosen).collect())
        });
        let figures = self.figure.iter().map(|figure| {
            let (select, keys, x) = match figure {
                FigureSpec::Latent { select, panels, .. } | FigureSpec::Images { select, panels, .. } => {
                    (select, panels, None)
                }
                FigureSpec::Curves { select, lines, .. } => (select, lines, None),
                FigureSpec::Score { select, lines, x, .. } => (select, lines, Some(x)),
            };
            ("figure", figure.name(), select.0.keys().chain(keys).chain(x).collect())
        });
        let sections =
            [("baselines", self.baselines.0.keys().collect()), ("ignore", self.ignore.keys().collect())];
        let sections = sections.into_iter().map(|(name, keys)| ("section", name, keys));
        sections.chain(tables).chain(verdicts).chain(figures).collect()
    }
}
