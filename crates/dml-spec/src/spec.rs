//! What a sweep file says about its report: `[[table]]`, `[[verdict]]`, `[[equivalence]]`,
//! `[[prediction]]`, `[[effects]]` and `[[figure]]`.

mod check;
mod factorial;
mod figure;
mod prediction;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::select::Selection;
pub use figure::FigureSpec;
pub use prediction::PredictionSpec;

/// A sweep file asks for what cannot be made: names the part, and says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpecError(pub String);

/// A key, its values, and for each the keys that mean nothing for trials of this value:
/// `{ "model.system" = { pixels = ["model.latent_dim"] } }`.
pub type Ignore = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Everything a sweep file asks of its report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportSpecs {
    /// `[ignore]`: tables and figures show such a key as –, and do not select by it.
    pub ignore: Ignore,
    /// `[baselines]`: trials that every model has to beat. They stand in every table that has one
    /// of their scores, whatever it selects in these keys.
    pub baselines: Selection,
    /// `[[table]]`
    pub table: Vec<TableSpec>,
    /// `[[verdict]]`
    pub verdict: Vec<VerdictSpec>,
    /// `[[equivalence]]`
    pub equivalence: Vec<EquivalenceSpec>,
    /// `[[prediction]]`
    pub prediction: Vec<PredictionSpec>,
    /// `[[effects]]`
    pub effects: Vec<EffectsSpec>,
    /// `[[figure]]`
    pub figure: Vec<FigureSpec>,
}

/// The published tables, all of Safir et al. (2022), by the names that a table's `published` knows.
pub const PUBLISHED: [&str; 5] =
    ["table-1-mnist", "table-2-organamnist", "table-3", "table-4-mnist", "metric-vae-losses"];

/// A table: which trials, what names a row, which scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// File stem and anchor.
    pub name: String,
    /// One line.
    pub title: String,
    /// A published table to stand beside ours, by its name in [`PUBLISHED`].
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
/// `control`, both choices and `unpaired`, where `X.kind` frees all of `X`. Several trials of a
/// side in one pair are averaged. The unit is the seed: its value is the mean difference over its
/// pairs, which may be of several strata, as latent dimensions. The p is that of the two-sided
/// paired t test over seeds, multiplied as Holm (1979) says for all verdicts that the report has,
/// those without a result included; the 95% t interval shown beside it is not corrected.
///
/// The t test supposes normal differences, which a handful of seeds can neither show nor exclude.
/// Beside its p stands therefore that of sign flips, corrected alike, which supposes only that a
/// difference that means nothing could as well have the other sign. It does not rule: of n seeds it
/// is at least 2 / 2^n before correction, whatever the difference.
///
/// Both are over seeds alone, which share one test set. Where the score is an accuracy,
/// `PROTOCOL.READOUT.accuracy`, and every result of a pair says which images that read-out was
/// right about (trials whose `evaluation.hits` names it), an interval over seeds and test images
/// stands beside: percentiles of a two-way bootstrap (Owen 2007), drawn out to the width that so
/// few seeds call for. It is not corrected and does not rule, either.
///
/// A trial that diverged is not missing at random: the seeds that are left are those on which its
/// side went well. So after a divergence of the treatment (at the tuned value that was chosen)
/// nothing is supported, though it may be refuted, and after one of the control nothing is refuted,
/// though it may be supported; the comparison then counts for Holm's correction as one that shows
/// nothing. Nor has a difference a p that is the same for every seed: seeds that change nothing are
/// copies of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The same of the control, so that it is tuned as much as what it is compared with.
    pub choose_control: Option<ChoiceSpec>,
    /// Further keys or whole tables that may differ between treatment and control.
    #[serde(default)]
    pub unpaired: Vec<String>,
    /// A score that is 0 for a guesser, as an AMI. The treatment is a null model where the whole
    /// interval of its mean is within 0.05 of 0.
    pub null_score: Option<String>,
}

/// How tuned keys get their value without a look at the numbers that are then reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Choice")]
pub struct ChoiceSpec {
    /// The tuned keys.
    pub keys: Vec<String>,
    /// The score that decides, by its mean over seeds.
    pub by: String,
    /// Read `by` from the side's trials that are equal in all but these keys, as in `{
    /// "evaluation.split" = "validation" }`.
    pub on: Selection,
}

/// A choice as it is written, before it is known to say by which trials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    keys: Vec<String>,
    by: String,
    on: Option<Selection>,
}

impl TryFrom<Choice> for ChoiceSpec {
    type Error = &'static str;

    fn try_from(Choice { keys, by, on }: Choice) -> Result<Self, Self::Error> {
        let on = on.filter(|on| !on.0.is_empty()).ok_or(
            "`choose` has no `on`: the trials that choose must not be those that are judged; on = { \"evaluation.split\" = \"validation\" } would be right",
        )?;
        Ok(Self { keys, by, on })
    }
}

/// Scores that are said to be the same for all practical purposes, every two of them, once for each
/// combination of the values of `each`: of the same trials, as those of several read-outs, or the
/// same score across the values of a key, as precisions of arithmetic.
///
/// Two one-sided paired t tests over seeds (Schuirmann 1987): equivalent is what is shown to differ
/// by less than the margin, after Holm's correction for all comparisons of the report, verdicts and
/// these together. Not shown is not different. Where a trial diverged nothing is shown: the seeds
/// that are left are those on which it went well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EquivalenceSpec {
    /// Anchor.
    pub name: String,
    /// What is said, as a sentence without its full stop.
    pub says: String,
    /// Which trials.
    #[serde(default)]
    pub select: Selection,
    /// One comparison for each combination of these keys' values and each two scores.
    pub each: Vec<String>,
    /// A key whose values are compared, every two of them, for each score by itself. Left out:
    /// scores are compared with each other.
    pub across: Option<String>,
    /// The scores.
    pub scores: Vec<String>,
    /// The difference from which on it would mean something.
    pub margin: f64,
}

/// An analysis of variance of a score over a full factorial: every combination of the factors'
/// values once for each seed, which is the block.
///
/// An effect's share is its eta², its sum of squares divided by the total one; in a balanced
/// factorial the shares of all effects, of the seed and of what is left add up to 1. An interval is
/// that of the 2.5% and 97.5% percentiles of the share over 2,000 draws of as many seeds with
/// replacement (Efron 1979). Seeds of which a trial has no score (yet) are left out whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectsSpec {
    /// File stem of its figure, and anchor.
    pub name: String,
    /// One line.
    pub title: String,
    /// Which trials.
    #[serde(default)]
    pub select: Selection,
    /// What varies.
    pub score: String,
    /// Keys whose values are crossed.
    pub factors: Vec<String>,
    /// Effects of so many factors at most are named; those of more are left, with chance.
    pub order: usize,
    /// The share that named effects are to explain together, as 0.8, the lower end of the interval
    /// included.
    pub bar: f64,
}
