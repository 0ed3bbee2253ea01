//! Whether scores of the same trials are the same for all practical purposes.

use dml_spec::EquivalenceSpec;
use std::collections::{BTreeMap, BTreeSet};

use dml_eval::statistics::{mean, paired_difference};

use super::phrases::{by_seed_words, p_text, plan_words};
use super::{LEVEL, by_seed};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Keyed, Ranks, group, varying_keys};
use crate::text::{case_text, score_text};

/// Two scores under one combination of the values of `each`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Equivalence {
    /// Name of the specification.
    pub(crate) name: String,
    /// What is said to be the same.
    pub(crate) says: String,
    /// Keys of `each` with their values here, in words.
    pub(crate) case: String,
    /// The scores, the first less the second.
    pub(crate) scores: [String; 2],
    /// One value a seed.
    pub(crate) difference: Option<Estimate>,
    /// The largest difference that means nothing.
    pub(crate) margin: f64,
    /// The larger p of the two one-sided t tests, multiplied as Holm (1979) says for all
    /// comparisons of the report. `None` of fewer than two seeds.
    pub(crate) adjusted_p: Option<f64>,
    /// Comparisons that Holm's procedure counts.
    pub(crate) comparisons: usize,
    /// Seeds that the sweep asks for.
    pub(crate) asked: usize,
    /// Keys in which the trials of a seed differ, whose mean it is.
    averaged: Vec<String>,
}

/// All pairs of scores of all cases, with p values that are not yet corrected.
pub(super) fn compare(spec: &EquivalenceSpec, trials: &[Evidence], ranks: &Ranks) -> Vec<Equivalence> {
    let selected = trials.iter().filter(|t| spec.select.matches(t.trial));
    let pairs = || {
        let firsts = spec.scores.iter().enumerate();
        firsts.flat_map(|(i, a)| spec.scores[i + 1..].iter().map(move |b| [a, b]))
    };
    let cases = group(selected, &spec.each, ranks, Evidence::value);
    let case = |(values, trials): (Keyed, Vec<&Evidence>)| {
        let case = case_text(&spec.each, &values);
        pairs().map(move |scores| Equivalence::of(spec, case.clone(), scores, &trials)).collect::<Vec<_>>()
    };
    cases.into_iter().flat_map(case).collect()
}

impl Equivalence {
    fn of(spec: &EquivalenceSpec, case: String, [a, b]: [&String; 2], trials: &[&Evidence]) -> Self {
        let mut seeds: BTreeMap<String, Vec<&Evidence>> = BTreeMap::new();
        for trial in trials {
            seeds.entry(trial.seed()).or_default().push(trial);
        }
        let difference = |t: &Evidence| Some(t.score(a)? - t.score(b)?);
        let whole = seeds.iter().filter(|(_, trials)| trials.iter().all(|t| difference(t).is_some()));
        let values = whole.flat_map(|(seed, trials)| {
            trials.iter().filter_map(move |t| Some((seed.as_str(), difference(t)?)))
        });
        let differences = by_seed(values);
        let averaged: BTreeSet<String> = seeds.values().flat_map(|trials| varying_keys(trials)).collect();
        Self {
            name: spec.name.clone(),
            says: spec.says.clone(),
            case,
            scores: [a.clone(), b.clone()],
            difference: Estimate::of(&differences),
            margin: spec.margin,
            adjusted_p: p_value(&differences, spec.margin),
            comparisons: 0,
            asked: seeds.len(),
            averaged: averaged.into_iter().collect(),
        }
    }

    /// Whether the difference is shown to be less than the margin.
    pub(crate) fn is_shown(&self) -> bool {
        self.adjusted_p.is_some_and(|p| p < LEVEL)
    }

    /// One word, or two.
    pub(crate) fn word(&self) -> &'static str {
        if self.is_shown() { "equivalent" } else { "not shown" }
    }

    /// The case and the scores in a few words.
    pub(crate) fn case_text(&self) -> String {
        let [a, b] = self.scores.each_ref().map(|score| score_text(score));
        let case = if self.case.is_empty() { String::new() } else { format!("{}, ", self.case) };
        format!("{case}{a} against {b}")
    }

    /// What the numbers say, in sentences.
    pub(crate) fn words(&self) -> String {
        let Some(difference) = self.difference else {
            return format!(
                "None of {} seeds has both scores in all trials; nothing can be said.",
                self.asked
            );
        };
        let verb = if difference.mean < 0.0 { "lower" } else { "higher" };
        let (low, high) = difference.interval();
        let beyond = low > self.margin || high < -self.margin;
        let p = self.adjusted_p.map(|p| {
            let of = plan_words(self.comparisons);
            format!(
                "p {} that they differ by {} or more, after Holm’s correction for {of}.",
                p_text(p),
                self.margin
            )
        });
        let sentences = [
            Some(format!(
                "The first is {:.4} {verb} ({}).",
                difference.mean.abs(),
                by_seed_words(&difference)
            )),
            p,
            (beyond && difference.half_width.is_some())
                .then(|| "Its whole interval, which is not corrected, is beyond the margin.".to_string()),
            (difference.n < self.asked)
                .then(|| format!("{} of {} seeds have both scores.", difference.n, self.asked)),
            (!self.averaged.is_empty()).then(|| {
                format!(
                    "Careful: a seed is the mean over trials that differ in {}.",
                    self.averaged.join(", ")
                )
            }),
        ];
        sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// The larger p of the two one-sided t tests (Schuirmann 1987) that the mean difference is below
/// `margin` and above its negative. `None` of fewer than two, and of copies of one.
fn p_value(differences: &[f64], margin: f64) -> Option<f64> {
    Estimate::of(differences).filter(Estimate::varies)?;
    let above = |shift: f64, sign: f64| {
        let shifted: Vec<f64> = differences.iter().map(|d| sign * d + shift).collect();
        let two_sided = paired_difference(&shifted, &vec![0.0; shifted.len()], 0.95)?.p_value;
        Some(if mean(&shifted) > 0.0 { two_sided / 2.0 } else { 1.0 - two_sided / 2.0 })
    };
    Some(above(margin, 1.0)?.max(above(margin, -1.0)?))
}

/// All equivalences as CSV, one a line.
pub(crate) fn csv(equivalences: &[Equivalence]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "equivalence",
        "case",
        "first",
        "second",
        "ruling",
        "difference",
        "low",
        "high",
        "seeds",
        "margin",
        "holm_p",
        "comparisons",
    ];
    writer.write_record(header).expect("memory");
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6}"));
    for e in equivalences {
        let interval = e.difference.filter(|d| d.half_width.is_some()).map(|d| d.interval());
        let [difference, low, high, p] =
            [e.difference.map(|d| d.mean), interval.map(|i| i.0), interval.map(|i| i.1), e.adjusted_p]
                .map(number);
        let [first, second] = e.scores.clone();
        let seeds = e.difference.map_or(0, |d| d.n).to_string();
        let (margin, comparisons) = (e.margin.to_string(), e.comparisons.to_string());
        let ruling = e.word().to_string();
        let record = [
            e.name.clone(),
            e.case.clone(),
            first,
            second,
            ruling,
            difference,
            low,
            high,
            seeds,
            margin,
            p,
            comparisons,
        ];
        writer.write_record(record).expect("memory");
    }
    String::from_utf8(writer.into_inner().expect("memory")).expect("made of strings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p_is_the_larger_of_two_one_sided_tests() {
        // By SciPy: ttest_1samp of these differences against -0.01 (greater) and against 0.01
        // (less) has the p values 8.18133199515437e-05 and 0.0003381574033693007.
        const P: f64 = 0.000_338_157_403_369_300_7;
        let differences = [0.002, -0.001, 0.004, 0.001, 0.003];
        let p = p_value(&differences, 0.01).unwrap();
        assert!((p - P).abs() < 1e-9, "{p}");
        let mirrored = differences.map(|d| -d);
        assert!((p_value(&mirrored, 0.01).unwrap() - P).abs() < 1e-9);
        // Beyond the margin it is more than a half.
        assert!(p_value(&differences, 0.001).unwrap() > 0.5);
        assert_eq!(p_value(&[0.001], 0.01), None);
        assert_eq!(p_value(&[0.001, 0.001], 0.01), None);
    }
}
