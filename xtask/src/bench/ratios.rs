//! Ratios of what was measured in turn, and the goals that they are held against.

use std::fmt;

use serde::Deserialize;

/// What something took once.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    /// What was done: a trial, steps of a model.
    pub work: String,
    /// By whom.
    pub who: String,
    /// On the wall's clock.
    pub seconds: f64,
    /// Of processors, user and system together: what other programs disturb least.
    pub processor: f64,
    /// The accuracy that came out, where one did.
    #[serde(default)]
    pub score: Option<f64>,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { work, who, seconds, processor, score } = self;
        write!(f, "{work}: {who}: {processor:.4} processor seconds, {seconds:.4} on the clock")?;
        score.map_or(Ok(()), |score| write!(f, ", accuracy {score:.4}"))
    }
}

/// `who` is to be at least so many times as fast as `against`, by processor seconds.
struct Goal {
    work: &'static str,
    who: &'static str,
    against: &'static str,
    at_least: f64,
}

/// Those of issue 13.
const GOALS: [Goal; 6] = [
    Goal { work: "trial", who: "ours", against: "usual", at_least: 3.5 },
    Goal { work: "trial", who: "ours in bf16", against: "usual", at_least: 5.0 },
    Goal { work: "trial", who: "ours", against: "tuned", at_least: 1.4 },
    Goal { work: "sweep", who: "ours", against: "usual", at_least: 4.0 },
    Goal {
        work: "step of dml_autoencoder, mlp, batch 256",
        who: "ours",
        against: "products alone",
        at_least: 0.8,
    },
    // At most 0.8 of the time of a fused one.
    Goal { work: "step of Adam", who: "ours", against: "tuned", at_least: 1.25 },
];

/// How far a peer's accuracy may lie from ours: further away it has not learned the same. Seeds of
/// one trial are closer than this to each other.
const SCORE_TOLERANCE: f64 = 0.03;

/// All that was measured, in the order of its coming.
#[derive(Debug, Default)]
pub(crate) struct Ratios {
    measured: Vec<Measured>,
}

impl Ratios {
    /// Takes in what something took once.
    pub(crate) fn add(&mut self, measured: Measured) {
        self.measured.push(measured);
    }

    /// Whether no goal is missed that was measured, and all peers learned what ours did.
    pub(crate) fn are_good(&self) -> bool {
        let misses = |goal: &Goal| self.times(goal).is_some_and(|times| times.median < goal.at_least);
        !GOALS.iter().any(misses)
            && self.all(|m| &m.work).iter().all(|work| self.strangers(work).next().is_none())
    }

    fn times(&self, goal: &Goal) -> Option<Spread> {
        Spread::of(&self.paired(goal.work, [goal.who, goal.against], |m| m.processor))
    }

    /// What one takes to what another takes, in each turn.
    fn paired(&self, work: &str, [who, against]: [&str; 2], take: fn(&Measured) -> f64) -> Vec<f64> {
        let of = |who| self.of(work, who).map(take);
        of(who).zip(of(against)).map(|(ours, theirs)| theirs / ours).collect()
    }

    fn of(&self, work: &str, who: &str) -> impl Iterator<Item = &Measured> {
        self.measured.iter().filter(move |m| m.work == work && m.who == who)
    }

    /// Works, or those who do them, each once.
    fn all(&self, of: fn(&Measured) -> &String) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for word in self.measured.iter().map(of) {
            if !all.contains(&word.as_str()) {
                all.push(word);
            }
        }
        all
    }

    fn score(&self, work: &str, who: &str) -> Option<f64> {
        mean(self.of(work, who).filter_map(|m| m.score))
    }

    /// Peers whose score is not ours, with both.
    fn strangers<'a>(&'a self, work: &'a str) -> impl Iterator<Item = (&'a str, f64, f64)> {
        let ours = self.score(work, "ours");
        self.all(|m| &m.who).into_iter().filter_map(move |who| {
            let (theirs, ours) = (self.score(work, who)?, ours?);
            ((theirs - ours).abs() > SCORE_TOLERANCE).then_some((who, theirs, ours))
        })
    }

    fn write_work(&self, f: &mut fmt::Formatter<'_>, work: &str) -> fmt::Result {
        writeln!(f, "\n{work}")?;
        let everybody: Vec<&str> =
            self.all(|m| &m.who).into_iter().filter(|who| self.of(work, who).next().is_some()).collect();
        for who in &everybody {
            let median = |take: fn(&Measured) -> f64| {
                Spread::of(&self.of(work, who).map(take).collect::<Vec<_>>()).map_or(f64::NAN, |s| s.median)
            };
            let (processor, wall) = (seconds(median(|m| m.processor)), seconds(median(|m| m.seconds)));
            write!(f, "  {who:14} {processor:>10}  {wall:>10}")?;
            match self.score(work, who) {
                Some(score) => writeln!(f, "  {score:.4}")?,
                None => writeln!(f)?,
            }
        }
        let is_ours = |who: &&&str| who.starts_with("ours");
        for who in everybody.iter().filter(is_ours) {
            for against in everybody.iter().filter(|other| !is_ours(other)) {
                self.write_ratio(f, work, [who, against])?;
            }
        }
        for Goal { who, against, .. } in GOALS.iter().filter(|goal| goal.work == work) {
            if !everybody.contains(who) || !everybody.contains(against) {
                writeln!(f, "  {:32} not measured here", format!("{who}, against {against}"))?;
            }
        }
        for (who, theirs, ours) in self.strangers(work) {
            writeln!(
                f,
                "  {who} scores {theirs:.4} where ours scores {ours:.4}: it has not learned the same"
            )?;
        }
        Ok(())
    }

    fn write_ratio(&self, f: &mut fmt::Formatter<'_>, work: &str, pair: [&str; 2]) -> fmt::Result {
        let [who, against] = pair;
        let spread = |take| Spread::of(&self.paired(work, pair, take));
        let (Some(times), Some(on_the_clock)) = (spread(|m| m.processor), spread(|m| m.seconds)) else {
            return Ok(());
        };
        write!(f, "  {:32} {times}   clock {on_the_clock}", format!("{who}, against {against}"))?;
        let is_its = |goal: &&Goal| (goal.work, goal.who, goal.against) == (work, who, against);
        if let Some(Goal { at_least, .. }) = GOALS.iter().find(is_its) {
            let verdict = if times.median < *at_least { "MISSED" } else { "reached" };
            write!(f, "   goal {at_least}: {verdict}")?;
        }
        writeln!(f)
    }
}

/// Of each work the medians and the ratios.
impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "processor seconds, seconds on the clock, accuracy; medians of the turns")?;
        writeln!(f, "ratios: how many times as fast, by processor seconds: median (lowest to highest turn)")?;
        self.all(|m| &m.work).into_iter().try_for_each(|work| self.write_work(f, work))
    }
}

/// Where values lie.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    /// The median of an even number is the mean of the middle two; `None` of nothing.
    fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let middle = [(sorted.len() - 1) / 2, sorted.len() / 2].map(|place| sorted[place]);
        Some(Self { low, median: f64::midpoint(middle[0], middle[1]), high })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = self;
        write!(f, "{median:.2} ({low:.2} to {high:.2})")
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

/// Seconds, or milliseconds where they are few.
fn seconds(value: f64) -> String {
    if value < 1.0 { format!("{:.2} ms", 1e3 * value) } else { format!("{value:.2} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratios(rows: &[(&str, &str, f64, Option<f64>)]) -> Ratios {
        let mut ratios = Ratios::default();
        for &(work, who, processor, score) in rows {
            let (work, who) = (work.to_owned(), who.to_owned());
            ratios.add(Measured { work, who, seconds: 2.0 * processor, processor, score });
        }
        ratios
    }

    #[test]
    fn ratios_are_of_the_same_turn_and_stand_beside_their_goals() {
        let ratios = ratios(&[
            ("trial", "ours", 10.0, Some(0.95)),
            ("trial", "usual", 40.0, Some(0.94)),
            ("trial", "tuned", 13.0, Some(0.96)),
            ("trial", "ours", 20.0, Some(0.95)),
            ("trial", "usual", 60.0, Some(0.94)),
            ("trial", "tuned", 26.0, Some(0.96)),
            ("trial", "ours", 10.0, Some(0.95)),
            ("trial", "usual", 36.0, Some(0.94)),
            ("trial", "tuned", 15.0, Some(0.96)),
            ("step of dml_autoencoder, mlp, batch 256", "ours", 0.02, None),
            ("step of dml_autoencoder, mlp, batch 256", "products alone", 0.017, None),
        ]);
        insta::assert_snapshot!(ratios, @r"
        processor seconds, seconds on the clock, accuracy; medians of the turns
        ratios: how many times as fast, by processor seconds: median (lowest to highest turn)

        trial
          ours              10.00 s     20.00 s  0.9500
          usual             40.00 s     80.00 s  0.9400
          tuned             15.00 s     30.00 s  0.9600
          ours, against usual              3.60 (3.00 to 4.00)   clock 3.60 (3.00 to 4.00)   goal 3.5: reached
          ours, against tuned              1.30 (1.30 to 1.50)   clock 1.30 (1.30 to 1.50)   goal 1.4: MISSED
          ours in bf16, against usual      not measured here

        step of dml_autoencoder, mlp, batch 256
          ours             20.00 ms    40.00 ms
          products alone   17.00 ms    34.00 ms
          ours, against products alone     0.85 (0.85 to 0.85)   clock 0.85 (0.85 to 0.85)   goal 0.8: reached
        ");
        assert!(!ratios.are_good(), "a goal is missed");
    }

    #[test]
    fn what_was_not_measured_misses_no_goal_and_what_lies_at_it_reaches_it() {
        assert!(ratios(&[]).are_good());
        assert!(ratios(&[("trial", "ours", 2.0, None), ("trial", "usual", 7.0, None)]).are_good());
        assert!(!ratios(&[("trial", "ours", 2.0, None), ("trial", "usual", 6.99, None)]).are_good());
    }

    #[test]
    fn a_peer_that_learns_nothing_is_none_however_slow_it_is() {
        let of = |score| ratios(&[("trial", "ours", 1.0, Some(0.95)), ("trial", "usual", 9.0, Some(score))]);
        assert!(of(0.93).are_good());
        assert!(!of(0.1).are_good());
        let said = of(0.1).to_string();
        assert!(
            said.ends_with("usual scores 0.1000 where ours scores 0.9500: it has not learned the same\n")
        );
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0, 2.0]), Some(Spread { low: 1.0, median: 2.5, high: 4.0 }));
        assert_eq!(Spread::of(&[]), None);
    }
}
