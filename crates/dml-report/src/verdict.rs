//! Verdicts on improvement proposals: paired differences over seeds, corrected for the number of
//! comparisons.

mod equivalence;
mod pairs;
mod phrases;
mod two_way;
mod words;

use dml_spec::{EquivalenceSpec, VerdictSpec};
use std::collections::{BTreeMap, BTreeSet};

use dml_eval::statistics::{holm, mean, standard_deviation};
use toml::Value;

use crate::estimate::{Estimate, p_value};
use crate::evidence::{Evidence, Ranks, group};
use crate::permutation::sign_flip_p;
pub(crate) use equivalence::{Equivalence, csv as equivalences_csv};
use pairs::{Cause, Diverged, Lost, Pairs};
pub(crate) use words::{by_proposal, by_saying, csv, equivalence_summary, markdown, scope, summary};

/// Probability of a wrong verdict anywhere in a report that Holm's procedure keeps to.
pub(crate) const LEVEL: f64 = 0.05;

/// The whole interval of a null model's null score lies this near to 0: that it is a guesser is
/// shown, not only not disproved.
///
/// Why 0.05: it is a twentieth of what ten classes have, 0.12 of 2.30 nats, with which no read-out
/// of ten equally many classes is right in more than 27% (Fano), while the AMI of a guesser on a
/// test set of 10,000 has a standard deviation of about 0.001, so that no guesser misses it by
/// chance.
pub(crate) const NULL_MARGIN: f64 = 0.05;

/// What the numbers say of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// The score rises.
    Supported,
    /// The score falls.
    Refuted,
    /// The numbers do not tell.
    Undecided,
}

/// One proposal under one combination of the values of `each`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// Name of the specification.
    pub(crate) name: String,
    /// Its subject.
    pub(crate) proposal: String,
    /// Keys of `each` with their values here.
    pub(crate) case: Vec<(String, Option<Value>)>,
    /// The score compared.
    pub(crate) score: String,
    /// Treatment minus control, one value a seed.
    pub(crate) difference: Option<Estimate>,
    /// The interval of that over seeds and test images. `None` where results do not say which
    /// images they are right about, and where the difference is the same for every seed.
    pub(crate) two_way: Option<(f64, f64)>,
    /// Two-sided p of the paired t test, multiplied as Holm (1979) says for all verdicts of the
    /// report. `None` of fewer than two seeds, of differences that do not vary, and where
    /// [`Verdict::diverged`] forbids the ruling that it would be the p of.
    pub(crate) adjusted_p: Option<f64>,
    /// Two-sided p of sign flips, corrected alike. `None` where the other is.
    pub(crate) permutation_p: Option<f64>,
    /// Comparisons that Holm's procedure counts: all that the sweep asks for, also those without a
    /// p.
    pub(crate) comparisons: usize,
    /// What follows.
    pub(crate) ruling: Ruling,
    /// Name and estimate of the treatment's null score.
    pub(crate) null: Option<(String, Estimate)>,
    /// Whether the treatment is shown to be a guesser.
    pub(crate) null_model: bool,
    /// Pairs that the sweep asks for.
    pub(crate) pairs: usize,
    /// Those of them that are lost.
    pub(crate) lost: Lost,
    /// Where trials diverged.
    pub(crate) diverged: Diverged,
    /// How tuned keys got their values, in words.
    pub(crate) choice: String,
    /// Keys in which trials differ over which a side of a pair is the mean.
    pub(crate) averaged: Vec<String>,
    /// Keys in which pairs differ over which a seed is the mean.
    pub(crate) pooled: Vec<String>,
    /// Whether seeds have pairs of different kinds.
    pub(crate) uneven: bool,
}

/// All comparisons of a report.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Judged {
    /// Treatments against controls.
    pub(crate) verdicts: Vec<Verdict>,
    /// Scores against scores of the same trials.
    pub(crate) equivalences: Vec<Equivalence>,
}

/// Judges all proposals and equivalences of a report together. A comparison that has no p (yet)
/// counts as one whose p is 1, so that a part of a report supports nothing that the whole of it
/// would not.
pub(crate) fn judge(
    specs: &[VerdictSpec],
    equivalences: &[EquivalenceSpec],
    trials: &[Evidence],
    ranks: &Ranks,
) -> Judged {
    let mut verdicts: Vec<Verdict> = specs.iter().flat_map(|spec| judge_one(spec, trials, ranks)).collect();
    let compare = |spec| equivalence::compare(spec, trials, ranks);
    let mut equivalences: Vec<Equivalence> = equivalences.iter().flat_map(compare).collect();
    let mut planned: Vec<&mut Verdict> = verdicts.iter_mut().filter(|v| v.pairs > 0).collect();
    let n = planned.len() + equivalences.len();
    let corrected = |p: fn(&Verdict) -> Option<f64>| {
        let of_verdicts = planned.iter().map(|v| p(v));
        let all = of_verdicts.chain(equivalences.iter().map(|e| e.adjusted_p));
        holm(&all.map(|p| p.unwrap_or(1.0)).collect::<Vec<_>>())
    };
    let (by_t, by_flips) = (corrected(|v| v.adjusted_p), corrected(|v| v.permutation_p));
    for (e, adjusted) in equivalences.iter_mut().zip(&by_t[planned.len()..]) {
        e.adjusted_p = e.adjusted_p.map(|_| *adjusted);
        e.comparisons = n;
    }
    for (verdict, (adjusted, flipped)) in planned.iter_mut().zip(by_t.into_iter().zip(by_flips)) {
        let mean = verdict.difference.map_or(0.0, |d| d.mean);
        verdict.adjusted_p = verdict.adjusted_p.map(|_| adjusted);
        verdict.permutation_p = verdict.permutation_p.map(|_| flipped);
        verdict.comparisons = n;
        verdict.ruling = match (adjusted < LEVEL, mean > 0.0) {
            (false, _) => Ruling::Undecided,
            (true, true) => Ruling::Supported,
            (true, false) => Ruling::Refuted,
        };
    }
    Judged { verdicts, equivalences }
}

fn judge_one(spec: &VerdictSpec, trials: &[Evidence], ranks: &Ranks) -> Vec<Verdict> {
    let treated = |t: &Evidence| spec.treatment.matches(t.trial);
    let of_either =
        |t: &&Evidence| spec.select.matches(t.trial) && (treated(t) || spec.control.matches(t.trial));
    let cases =
        group(trials.iter().filter(of_either), &spec.each, ranks, |t, key| t.leaves.get(key).copied());
    cases
        .into_iter()
        .filter(|(_, trials)| trials.iter().any(|t| treated(t)))
        .map(|(values, trials)| case(spec, values, &trials))
        .collect()
}

fn case(spec: &VerdictSpec, values: Vec<Option<Value>>, trials: &[&Evidence]) -> Verdict {
    let pairs = Pairs::of(spec, trials);
    let differences = by_seed(pairs.found.iter().map(|pair| (pair.seed.as_str(), pair.difference)));
    let nulls = by_seed(pairs.found.iter().filter_map(|pair| Some((pair.seed.as_str(), pair.null?))));
    let averaged: BTreeSet<&String> = pairs.found.iter().flat_map(|pair| &pair.averaged).collect();
    let null = spec.null_score.clone().zip(Estimate::of(&nulls));
    let difference = Estimate::of(&differences);
    let flattered =
        |d: &Estimate| if d.mean < 0.0 { pairs.diverged.control } else { pairs.diverged.treatment };
    let by_image = pairs.found.iter().map(|pair| Some((pair.seed.as_str(), pair.by_image.as_ref()?)));
    let by_image: Option<Vec<_>> = by_image.collect();
    let speaks = difference.is_some_and(|d| d.varies() && !flattered(&d));
    Verdict {
        name: spec.name.clone(),
        proposal: spec.proposal.clone(),
        case: spec.each.iter().cloned().zip(values).collect(),
        score: spec.score.clone(),
        difference,
        two_way: difference
            .filter(Estimate::varies)
            .and(by_image)
            .and_then(|pairs| two_way::interval(&pairs)),
        averaged: averaged.into_iter().cloned().collect(),
        adjusted_p: p_value(&differences).filter(|_| speaks),
        permutation_p: sign_flip_p(&differences).filter(|_| speaks),
        comparisons: 0,
        ruling: Ruling::Undecided,
        null_model: null.as_ref().is_some_and(|(_, e)| is_null(e)),
        null,
        pairs: pairs.asked,
        lost: pairs.lost,
        diverged: pairs.diverged,
        choice: pairs.choice,
        pooled: pairs.pooled,
        uneven: pairs.uneven,
    }
}

/// An equivalence test (Schuirmann 1987) at the level of the interval's tails.
fn is_null(null: &Estimate) -> bool {
    let (low, high) = null.interval();
    null.half_width.is_some() && -NULL_MARGIN < low && high < NULL_MARGIN
}

/// The smallest number of seeds with which a mean difference of three of its standard deviations
/// would pass Holm's first step, the strictest, among so many comparisons.
fn seeds_needed(comparisons: usize) -> usize {
    let passes = |seeds: u32| {
        let spread: Vec<f64> = (0..seeds).map(f64::from).collect();
        let shift = 3.0 * standard_deviation(&spread).unwrap_or(0.0) - mean(&spread);
        let shifted: Vec<f64> = spread.iter().map(|x| x + shift).collect();
        p_value(&shifted).is_some_and(|p| p * (comparisons.max(1) as f64) < LEVEL)
    };
    let mut seeds = 2;
    while !passes(seeds) {
        seeds += 1;
    }
    seeds as usize
}

/// One mean a seed, which is the unit of the statistics.
fn by_seed<'p>(values: impl Iterator<Item = (&'p str, f64)>) -> Vec<f64> {
    let mut seeds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (seed, value) in values {
        seeds.entry(seed).or_default().push(value);
    }
    seeds.values().map(|values| values.iter().sum::<f64>() / values.len() as f64).collect()
}

#[cfg(test)]
mod tests;
