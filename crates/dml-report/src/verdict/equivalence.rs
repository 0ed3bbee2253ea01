//! Whether scores are the same for all practical purposes.

use dml_spec::EquivalenceSpec;
use std::collections::{BTreeMap, BTreeSet};

use dml_eval::statistics::{mean, paired_difference};

use super::LEVEL;
use super::pairs::mean as mean_score;
use super::phrases::{by_seed_words, p_text, plan_words};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Keyed, Ranks, group, varying_keys};
use crate::text::{case_text, score_text};

/// Two scores under one combination of the values of `each`, or one score under two values of
/// `across`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Equivalence {
    /// Name of the specification.
    pub(crate) name: String,
    /// What is said to be the same.
    pub(crate) says: String,
    /// Keys of `each` with their values here, in words.
    pub(crate) case: String,
    /// What is compared, the first less the second.
    sides: [Side; 2],
    /// One value a seed.
    pub(crate) difference: Option<Estimate>,
    /// The largest difference that means nothing.
    pub(crate) margin: f64,
    /// The larger p of the two one-sided t tests, multiplied as Holm (1979) says for all
    /// comparisons of the report. `None` of fewer than two seeds, and where a trial diverged.
    pub(crate) adjusted_p: Option<f64>,
    /// Comparisons that Holm's procedure counts.
    pub(crate) comparisons: usize,
    /// Seeds that the sweep asks for.
    pub(crate) asked: usize,
    /// Whether a trial diverged. The seeds that are left are those on which it went well, so they
    /// show nothing.
    diverged: bool,
    /// Keys in which the trials of a seed differ, whose mean it is.
    averaged: Vec<String>,
}

/// One of two things that are compared.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    score: String,
    /// `across` with its value here, in words.
    value: Option<String>,
}

impl Side {
    /// The score as `name` writes it, with the value.
    fn text(&self, name: fn(&str) -> String) -> String {
        let score = name(&self.score);
        self.value.as_ref().map_or(score.clone(), |value| format!("{score} with {value}"))
    }
}

/// All pairs of all cases, with p values that are not yet corrected.
pub(super) fn compare(spec: &EquivalenceSpec, trials: &[Evidence], ranks: &Ranks) -> Vec<Equivalence> {
    let selected = trials.iter().filter(|t| spec.select.matches(t.trial));
    let across = spec.across.as_slice();
    let case = |(values, trials): (Keyed, Vec<&Evidence>)| {
        let case = case_text(&spec.each, &values);
        // Without a key, one group of all.
        let groups = group(trials, across, ranks, Evidence::value);
        let sides = |score: &String| {
            let side = |(values, trials): &(Keyed, Vec<_>)| {
                let value = spec.across.as_ref().map(|_| case_text(across, values));
                (Side { score: score.clone(), value }, trials.clone())
            };
            groups.iter().map(side).collect::<Vec<_>>()
        };
        let compared: Vec<Vec<_>> = match &spec.across {
            Some(_) => spec.scores.iter().map(sides).collect(),
            None => vec![spec.scores.iter().flat_map(sides).collect()],
        };
        let pairs = compared.iter().flat_map(|sides| {
            let firsts = sides.iter().enumerate();
            firsts.flat_map(|(i, a)| sides[i + 1..].iter().map(move |b| [a, b]))
        });
        pairs.map(|pair| Equivalence::of(spec, case.clone(), pair)).collect::<Vec<_>>()
    };
    group(selected, &spec.each, ranks, Evidence::value).into_iter().flat_map(case).collect()
}

impl Equivalence {
    fn of(spec: &EquivalenceSpec, case: String, pair: [&(Side, Vec<&Evidence>); 2]) -> Self {
        let mut seeds: BTreeMap<String, [Vec<&Evidence>; 2]> = BTreeMap::new();
        for (i, (_, trials)) in pair.iter().enumerate() {
            for trial in trials {
                seeds.entry(trial.seed()).or_default()[i].push(trial);
            }
        }
        let [(a, _), (b, _)] = pair;
        let difference = |[first, second]: &[Vec<&Evidence>; 2]| {
            Some(mean_score(first, &a.score)? - mean_score(second, &b.score)?)
        };
        let differences: Vec<f64> = seeds.values().filter_map(difference).collect();
        let sides = seeds.values().flatten().filter(|trials| !trials.is_empty());
        let diverged = seeds.values().flatten().flatten().any(|trial| trial.diverged());
        let averaged: BTreeSet<String> = sides.flat_map(|trials| varying_keys(trials)).collect();
        Self {
            name: spec.name.clone(),
            says: spec.says.clone(),
            case,
            sides: [a.clone(), b.clone()],
            difference: Estimate::of(&differences),
            margin: spec.margin,
            adjusted_p: p_value(&differences, spec.margin).filter(|_| !diverged),
            comparisons: 0,
            asked: seeds.len(),
            diverged,
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

    /// The case and what is compared in a few words.
    pub(crate) fn case_text(&self) -> String {
        let [a, b] = &self.sides;
        let second = match &b.value {
            Some(value) => format!("that with {value}"),
            None => score_text(&b.score),
        };
        let case = if self.case.is_empty() { String::new() } else { format!("{}, ", self.case) };
        format!("{case}{} against {second}", a.text(score_text))
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
        let of_seeds = if difference.n > 1 && !difference.varies() {
            let n = difference.n;
            format!("the same with each of {n} seeds, which count as one, as the seed has no part in it")
        } else {
            by_seed_words(&difference)
        };
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
                "The first is {:.4} {verb} ({of_seeds}).",
                difference.mean.abs()
            )),
            p,
            (beyond && difference.varies())
                .then(|| "Its whole interval, which is not corrected, is beyond the margin.".to_string()),
            (difference.n < self.asked)
                .then(|| format!("{} of {} seeds have both scores.", difference.n, self.asked)),
            self.diverged.then(|| {
                "Trials diverged in places: the seeds left are those on which they went well, so they show nothing.".into()
            }),
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
        let [first, second] = e.sides.each_ref().map(|side| side.text(str::to_owned));
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
