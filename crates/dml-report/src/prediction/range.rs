//! A mean over seeds that lies in a range.

use std::collections::BTreeSet;

use super::{Fate, missing_words};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Keyed, Ranks, Seeds, group, varying_keys};
use crate::text::{case_text, score_text};

/// Where the mean of a score should lie.
pub(super) struct Range<'s> {
    pub(super) score: &'s str,
    pub(super) at_least: Option<f64>,
    pub(super) below: Option<f64>,
}

impl Range<'_> {
    fn holds(&self, x: f64) -> bool {
        self.at_least.is_none_or(|low| x >= low) && self.below.is_none_or(|high| x < high)
    }

    /// How far a number lies inside, or outside as a negative distance.
    fn margin(&self, x: f64) -> f64 {
        let low = self.at_least.map_or(f64::INFINITY, |low| x - low);
        self.below.map_or(f64::INFINITY, |high| high - x).min(low)
    }

    fn words(&self) -> String {
        match (self.at_least, self.below) {
            (Some(low), Some(high)) => format!("from {low} to {high}"),
            (Some(low), None) => format!("{low} or more"),
            (None, Some(high)) => format!("below {high}"),
            (None, None) => "any number".to_string(),
        }
    }
}

/// A case with its mean over the seeds all of whose trials have ended well.
struct Case {
    label: String,
    estimate: Estimate,
    /// Whether no other trial of it can come.
    has_ended: bool,
}

impl Case {
    fn of(keys: &[String], values: &Keyed, trials: &[&Evidence], score: &str) -> Option<Self> {
        let estimate = Estimate::of(&Seeds::of(trials, score).means)?;
        let has_ended = trials.iter().all(|t| t.score(score).is_some() || t.diverged());
        Some(Self { label: case_text(keys, values), estimate, has_ended })
    }

    fn text(&self, range: &Range) -> String {
        let Estimate { mean, half_width, n } = self.estimate;
        let (low, high) = self.estimate.interval();
        let interval = half_width.map_or_else(String::new, |_| format!("{low:+.4} to {high:+.4}, "));
        let seeds = if n == 1 { "1 seed".to_string() } else { format!("{n} seeds") };
        let astride = range.holds(low) != range.holds(high) || range.holds(low) != range.holds(mean);
        let astride =
            if half_width.is_some() && astride { ", an interval that is partly outside" } else { "" };
        let label = if self.label.is_empty() { String::new() } else { format!("{}: ", self.label) };
        format!("{label}{mean:.4} ({interval}{seeds}{astride})")
    }
}

pub(super) fn check(trials: &[&Evidence], each: &[String], ranks: &Ranks, range: &Range) -> (Fate, String) {
    let groups = group(trials.iter().copied(), each, ranks, Evidence::value);
    let asked = groups.len();
    let cases = groups.iter().filter_map(|(values, trials)| Case::of(each, values, trials, range.score));
    let (held, failed): (Vec<Case>, Vec<Case>) = cases.partition(|case| range.holds(case.estimate.mean));
    let missing = missing_words(trials, &[range.score]);
    let fate = match &missing {
        _ if failed.iter().any(|case| case.has_ended) => Fate::Failed,
        Some(_) => Fate::Open,
        None => Fate::Held,
    };
    let what = format!("the mean {} over seeds is {}", score_text(range.score), range.words());
    let count = format!("In {} of {asked} cases {what}", held.len());
    let nearest =
        held.iter().min_by(|a, b| range.margin(a.estimate.mean).total_cmp(&range.margin(b.estimate.mean)));
    let nearest = nearest.map(|case| format!("; the nearest to the bound is {}", case.text(range)));
    let others: Vec<String> = failed.iter().map(|case| case.text(range)).collect();
    let others = (!others.is_empty()).then(|| format!("; not in {}", others.join("; ")));
    let found = [Some(count), nearest, others].into_iter().flatten().collect::<String>() + ".";
    let averaged: BTreeSet<String> = groups.iter().flat_map(|(_, trials)| varying_keys(trials)).collect();
    let averaged: Vec<String> = averaged.into_iter().collect();
    let careful = (!averaged.is_empty())
        .then(|| format!("Careful: a seed is the mean over trials that differ in {}.", averaged.join(", ")));
    (fate, [Some(found), careful, missing].into_iter().flatten().collect::<Vec<_>>().join(" "))
}
