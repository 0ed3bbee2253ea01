//! Verdicts as plain words and as a file of numbers.

use super::phrases::{p_text, plan_words};
use crate::bootstrap::N_DRAWS;
use crate::estimate::{Estimate, SCOPE};
use crate::text::{case_text, score_text};
use crate::verdict::{
    Cause, Diverged, Equivalence, Judged, LEVEL, NULL_MARGIN, Ruling, Verdict, seeds_needed,
};

impl Ruling {
    /// One word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        }
    }
}

impl Verdict {
    /// The case in a few words, as in `data mnist, labelled percent 0.1`.
    pub(crate) fn case_text(&self) -> String {
        let (keys, values): (Vec<_>, Vec<_>) = self.case.iter().cloned().unzip();
        case_text(&keys, &values)
    }

    /// What the numbers say and how far to trust it, in sentences.
    pub(crate) fn words(&self) -> String {
        let mut sentences = vec![self.finding()];
        sentences.extend(self.flips_disagree().map(str::to_string));
        sentences.extend(self.lost_words());
        sentences.extend(self.divergence().map(str::to_string));
        sentences.extend(self.advice());
        if !self.choice.is_empty() {
            sentences.push(self.choice.clone());
        }
        if !self.averaged.is_empty() {
            let keys = self.averaged.join(", ");
            sentences
                .push(format!("Careful: a side of a pair is the mean over trials that differ in {keys}."));
        }
        sentences.extend(self.pooled_words());
        if let Some((score, null)) = self.null.as_ref().filter(|_| self.null_model) {
            let score = score_text(score);
            sentences.push(format!(
                "The treatment is the null model: its {score} is {}, within {NULL_MARGIN} of the 0 of a guesser.",
                with_interval(null)
            ));
        }
        sentences.join(" ")
    }

    /// Over what a seed is the mean, where that is not one pair.
    fn pooled_words(&self) -> Option<String> {
        let keys = self.pooled.join(", ");
        match self.uneven {
            _ if self.pooled.is_empty() => None,
            false => Some(format!("A seed is the mean over pairs that differ in {keys}.")),
            true => Some(format!(
                "Careful: seeds have pairs that differ in {keys}, and not each has those of the others, so the mean over seeds is one of unlike things."
            )),
        }
    }

    fn finding(&self) -> String {
        let score = score_text(&self.score);
        if self.pairs == 0 {
            return "There is no pair: no treatment and control of one seed are equal in all that the two sides and `unpaired` leave alone.".to_string();
        }
        let Some(difference) = self.difference else {
            return format!(
                "No seed has a {score} for all pairs of treatment and control; nothing can be said."
            );
        };
        let (verb, n) = (if difference.mean < 0.0 { "lower" } else { "higher" }, difference.n);
        let amount =
            format!("The treatment’s {score} is {:.4} {verb} than the control’s", difference.mean.abs());
        if n == 1 {
            return format!("{amount}, but with one seed there is no telling this from chance.");
        }
        if !difference.varies() {
            return format!(
                "{amount}, the same with each of {n} seeds: as the seed has no part in it they count as one, and there is no telling this from chance."
            );
        }
        let (low, high) = difference.interval();
        let p = self.adjusted_p.map_or_else(String::new, |p| {
            let flips = self
                .permutation_p
                .map_or_else(String::new, |p| format!(" by the t test and {} by sign flips", p_text(p)));
            let of = plan_words(self.comparisons);
            format!("; p {}{flips} after Holm’s correction for {of}", p_text(p))
        });
        let two_way = self.two_way.map_or_else(String::new, |(low, high)| {
            format!("; over seeds and test images {low:+.4} to {high:+.4}")
        });
        format!("{amount} (95% interval of the difference {low:+.4} to {high:+.4}, {n} seeds{two_way}{p}).")
    }

    /// The ruling supposes normal differences where the p of sign flips alone would not do.
    fn flips_disagree(&self) -> Option<&'static str> {
        let alone = self.ruling != Ruling::Undecided && self.permutation_p.is_some_and(|p| p >= LEVEL);
        alone.then_some("The sign flips alone would leave it undecided.")
    }

    /// How many seeds would do, where there are fewer and they did not.
    fn advice(&self) -> Option<String> {
        let (n, needed) = (self.difference.map_or(0, |d| d.n), seeds_needed(self.comparisons));
        let is_open = n == 1 || (self.adjusted_p.is_some() && self.ruling == Ruling::Undecided);
        let is_short = is_open && n < needed;
        is_short.then(|| {
            format!(
                "It needs more seeds, at least {needed}: with these a difference of three of its standard deviations passes Holm’s correction for {}.",
                plan_words(self.comparisons)
            )
        })
    }

    fn divergence(&self) -> Option<&'static str> {
        let Diverged { treatment, control } = self.diverged;
        match (treatment, control) {
            (false, false) => None,
            (true, false) => Some(
                "The treatment diverged in places: the seeds left are those on which it went well, so they may refute it, not support it.",
            ),
            (false, true) => Some(
                "The control diverged in places: the seeds left are those on which it went well, so they may support the treatment, not refute it.",
            ),
            (true, true) => Some(
                "Treatment and control diverged in places: the seeds left are those on which both went well, so they decide nothing.",
            ),
        }
    }

    /// Pairs lost for want of another seed are the finding itself.
    fn lost_words(&self) -> Option<String> {
        let why = [
            (Cause::TreatmentDiverged, "the treatment diverged"),
            (Cause::ControlDiverged, "the control diverged"),
            (Cause::NoResult, "a result is missing"),
            (
                Cause::NothingDecides,
                "no trial decides the tuned keys, one that is like them in all but the keys of `on`",
            ),
            (Cause::ChosenNotJudged, "what was chosen for the tuned keys has no trial that is judged"),
            (Cause::OtherPair, "their seed has lost another pair"),
        ];
        let lost = why.map(|(cause, why)| (self.lost.to(cause), why)).into_iter().filter(|(n, _)| *n > 0);
        let total: usize = lost.clone().map(|(n, _)| n).sum();
        let parts: Vec<String> = lost.map(|(n, why)| format!("{n} because {why}")).collect();
        (total > 0).then(|| format!("{total} of {} pairs are lost: {}.", self.pairs, parts.join(", ")))
    }
}

/// What has to be known to read the verdicts of a report, with the number of all its comparisons.
/// `None` of none.
pub(crate) fn scope(judged: &Judged) -> Option<String> {
    let of_verdicts = judged.verdicts.iter().map(|verdict| verdict.comparisons);
    let comparisons = of_verdicts.chain(judged.equivalences.iter().map(|e| e.comparisons)).max()?;
    let is_two_way = judged.verdicts.iter().any(|verdict| verdict.two_way.is_some());
    let two_way = is_two_way.then(|| {
        format!(
            " Only those called over seeds and test images do: percentiles of {N_DRAWS} draws of both, each with replacement (a two-way bootstrap, Owen \
             2007), drawn out as so few seeds call for. They say how far another test set, too, could move a difference, and do not rule."
        )
    });
    Some(format!(
        "{} in all, and every p is corrected for all of them (Holm 1979); the intervals are not corrected. The t test supposes normally distributed \
         differences, which so few seeds can neither show nor exclude; the p of sign flips beside it does not, but of n seeds it is at least 2 / 2^n \
         before correction, so the t test rules. {SCOPE}{}",
        plan_words(comparisons),
        two_way.unwrap_or_default()
    ))
}

fn with_interval(estimate: &Estimate) -> String {
    let (low, high) = estimate.interval();
    format!("{:.4} ({low:+.4} to {high:+.4})", estimate.mean)
}

/// One paragraph on all cases of a proposal: where it holds, where it does not, where there is no
/// telling.
pub(crate) fn summary(verdicts: &[&Verdict]) -> String {
    let all = verdicts.len();
    let of = |ruling: Ruling| {
        let cases: Vec<String> =
            verdicts.iter().filter(|v| v.ruling == ruling).map(|v| v.case_text()).collect();
        match cases.len() {
            0 => None,
            1 if all == 1 => Some(ruling.word().to_string()),
            2 if all == 2 => Some(format!("{} in both cases", ruling.word())),
            n if n == all => Some(format!("{} in all {all} cases", ruling.word())),
            n => Some(format!("{} in {n} of {all} cases ({})", ruling.word(), cases.join("; "))),
        }
    };
    let parts = [of(Ruling::Supported), of(Ruling::Refuted), of(Ruling::Undecided)];
    let score = verdicts.first().map_or_else(String::new, |v| score_text(&v.score));
    let nulls = verdicts.iter().filter(|v| v.null_model).count();
    let one_seed = verdicts.iter().any(|v| v.difference.is_some_and(|d| d.half_width.is_none()));
    let sentences = [
        Some(format!(
            "That it raises {score} is {}.",
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        )),
        (nulls > 0).then(|| {
            let cases =
                if nulls == all { "The".to_string() } else { format!("In {nulls} of {all} cases the") };
            format!(
                "{cases} treatment is the null model: it knows next to no more of the classes than a guesser."
            )
        }),
        one_seed.then(|| "With one seed nothing can be decided: it needs more seeds.".to_string()),
    ];
    sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Verdicts of one specification after the other, each with its proposal, in the order of the sweep
/// file.
pub(crate) fn by_proposal(verdicts: &[Verdict]) -> Vec<(&str, Vec<&Verdict>)> {
    let mut proposals: Vec<(&str, Vec<&Verdict>)> = Vec::new();
    for verdict in verdicts {
        match proposals.last_mut().filter(|(_, of)| of[0].name == verdict.name) {
            Some((_, of)) => of.push(verdict),
            None => proposals.push((&verdict.proposal, vec![verdict])),
        }
    }
    proposals
}

/// All verdicts as Markdown.
pub(crate) fn markdown(judged: &Judged) -> String {
    let mut lines = vec![];
    lines.extend(scope(judged).into_iter().flat_map(|scope| [scope, String::new()]));
    for (proposal, verdicts) in by_proposal(&judged.verdicts) {
        lines.extend([format!("### {proposal}"), String::new(), summary(&verdicts), String::new()]);
        let bullet = |v: &&Verdict| {
            let case = v.case_text();
            let case = if case.is_empty() { case } else { format!(", {case}") };
            format!("- **{}**{case}: {}", v.ruling.word(), v.words())
        };
        lines.extend(verdicts.iter().map(bullet));
        lines.push(String::new());
    }
    for (says, equivalences) in by_saying(&judged.equivalences) {
        lines.extend([
            format!("### {says}"),
            String::new(),
            equivalence_summary(&equivalences),
            String::new(),
        ]);
        let bullet = |e: &&Equivalence| format!("- **{}**, {}: {}", e.word(), e.case_text(), e.words());
        lines.extend(equivalences.iter().map(bullet));
        lines.push(String::new());
    }
    lines.join("\n")
}

/// One sentence on all comparisons that a specification says are the same.
pub(crate) fn equivalence_summary(equivalences: &[&Equivalence]) -> String {
    let shown = equivalences.iter().filter(|e| e.is_shown()).count();
    let margin = equivalences.first().map_or(0.0, |e| e.margin);
    let all = equivalences.len();
    format!(
        "That they differ by less than {margin} is shown in {shown} of {all} comparisons; not shown is not different."
    )
}

/// Equivalences of one specification after the other, in the order of the sweep file.
pub(crate) fn by_saying(equivalences: &[Equivalence]) -> Vec<(&str, Vec<&Equivalence>)> {
    let runs = equivalences.chunk_by(|a, b| a.name == b.name);
    runs.map(|run| (run[0].says.as_str(), run.iter().collect())).collect()
}

/// Columns of lost pairs.
const LOST: [(Cause, &str); 6] = [
    (Cause::TreatmentDiverged, "lost_treatment_diverged"),
    (Cause::ControlDiverged, "lost_control_diverged"),
    (Cause::NoResult, "lost_no_result"),
    (Cause::NothingDecides, "lost_nothing_decides"),
    (Cause::ChosenNotJudged, "lost_chosen_not_judged"),
    (Cause::OtherPair, "lost_other_pair_of_seed"),
];

/// All verdicts as CSV, one a line.
pub(crate) fn csv(verdicts: &[Verdict]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "verdict",
        "case",
        "score",
        "ruling",
        "difference",
        "low",
        "high",
        "seeds",
        "holm_p",
        "holm_sign_flip_p",
        "comparisons",
        "null_model",
        "pairs",
    ];
    let lost = LOST.map(|(_, column)| column);
    let two_way = ["two_way_low", "two_way_high"];
    writer.write_record(header.into_iter().chain(lost).chain(two_way)).expect("memory");
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6}"));
    for v in verdicts {
        let interval = v.difference.filter(|d| d.half_width.is_some()).map(|d| d.interval());
        let mut record = vec![v.name.clone(), v.case_text(), v.score.clone(), v.ruling.word().to_string()];
        record
            .extend([v.difference.map(|d| d.mean), interval.map(|i| i.0), interval.map(|i| i.1)].map(number));
        record.push(v.difference.map_or(0, |d| d.n).to_string());
        record.extend([v.adjusted_p, v.permutation_p].map(number));
        record.extend([v.comparisons.to_string(), v.null_model.to_string(), v.pairs.to_string()]);
        record.extend(LOST.map(|(cause, _)| v.lost.to(cause).to_string()));
        record.extend([v.two_way.map(|ends| ends.0), v.two_way.map(|ends| ends.1)].map(number));
        writer.write_record(&record).expect("memory");
    }
    String::from_utf8(writer.into_inner().expect("memory")).expect("made of strings")
}
