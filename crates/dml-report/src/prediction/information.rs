//! A read-out that knows no more than its embedding can hold, in each single trial.

use super::{Fate, missing_words};
use crate::evidence::Evidence;
use crate::information::{largest_ami, most_information};

/// The scores to compare, and how.
pub(super) struct Bound<'s> {
    pub(super) ami: &'s str,
    pub(super) kl: &'s str,
    /// Of the classes, in nats.
    pub(super) entropy: f64,
    /// In nats.
    pub(super) tolerance: f64,
}

/// A trial whose scores are known.
struct Case<'t> {
    id: &'t str,
    ami: f64,
    kl: f64,
    fate: Fate,
    /// The most that the read-out can know, less what the embedding can hold: above 0 unless it
    /// holds.
    excess: f64,
}

impl Bound<'_> {
    fn case<'t>(&self, trial: &'t Evidence) -> Option<Case<'t>> {
        let (ami, kl) = (trial.score(self.ami)?, trial.score(self.kl)?);
        let capacity = (kl + self.tolerance).min(self.entropy);
        let excess = most_information(ami, self.entropy) - capacity;
        let fate = match ami > largest_ami(capacity, self.entropy) {
            true => Fate::Failed,
            false if excess <= 0.0 => Fate::Held,
            false => Fate::Open,
        };
        Some(Case { id: &trial.id, ami, kl, fate, excess })
    }

    fn text(&self, case: &Case) -> String {
        let most = most_information(case.ami, self.entropy);
        format!(
            "trial {} with AMI {:.4}, which is at most {most:.4} nats, and KL {:.4}",
            case.id, case.ami, case.kl
        )
    }
}

pub(super) fn check(trials: &[&Evidence], bound: &Bound) -> (Fate, String) {
    let cases: Vec<Case> = trials.iter().filter_map(|trial| bound.case(trial)).collect();
    let of = |fate: Fate| cases.iter().filter(|case| case.fate == fate).count();
    let missing = missing_words(trials, &[bound.ami, bound.kl]);
    let worst = cases.iter().map(|case| case.fate).max().unwrap_or(Fate::Open);
    let fate = if worst == Fate::Held && missing.is_some() { Fate::Open } else { worst };
    let all = cases.len();
    let counts = [(of(Fate::Failed), "fail"), (of(Fate::Open), "are open, for the AMI alone does not tell")];
    let counts = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("; {n} {what}"));
    let nearest = cases.iter().max_by(|a, b| a.fate.cmp(&b.fate).then(a.excess.total_cmp(&b.excess)));
    let nearest = nearest.map(|case| {
        let what = if case.fate == Fate::Held { "nearest to the bound" } else { "farthest beyond it" };
        format!("; {what} is {}", bound.text(case))
    });
    let found = format!("{} of {all} trials hold", of(Fate::Held));
    let found = [found].into_iter().chain(counts).chain(nearest).collect::<String>() + ".";
    (fate, [Some(found), missing].into_iter().flatten().collect::<Vec<_>>().join(" "))
}
