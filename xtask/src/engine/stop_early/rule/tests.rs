use proptest::prelude::*;

use super::*;

fn settings(first_epochs: u32, reduction_factor: u32) -> StopEarly {
    StopEarly { first_epochs, reduction_factor, score: "test_folds.knn.accuracy".into(), within: vec![] }
}

/// Trials 0 to `n` - 1, dealt out to `n_groups` groups.
fn begin(settings: StopEarly, ids: impl Iterator<Item = usize>, n_groups: usize) -> Line {
    without(settings, ids, n_groups, 0..0)
}

/// The same, where some of before are not asked for any more.
fn without(
    settings: StopEarly,
    ids: impl Iterator<Item = usize>,
    n_groups: usize,
    gone: std::ops::Range<usize>,
) -> Line {
    let entry = |id: usize| Entry { id: id.to_string(), group: format!("group {}", id % n_groups) };
    let gone = gone.map(|id| id.to_string()).collect();
    Line::Begin { format: FORMAT, settings, trials: ids.map(entry).collect(), gone }
}

/// A history in a few words: what is decided comes from the rule, what arrives from the test.
struct Story {
    history: History,
    lines: Vec<Line>,
}

impl Story {
    fn of(begin: Line) -> Self {
        let mut story = Self { history: History::default(), lines: vec![] };
        story.tell(begin);
        story
    }

    fn tell(&mut self, line: Line) {
        self.history.apply(&line).unwrap();
        self.lines.push(line);
    }

    fn decide(&mut self) -> Option<Decision> {
        let decision = self.history.next()?;
        self.tell(Line::Decision(decision.clone()));
        Some(decision)
    }

    /// All decisions that need no further arrival: `start 0 to 2`.
    fn decided(&mut self) -> Vec<String> {
        let mut all = vec![];
        while let Some(Decision { why, id, until_epoch }) = self.decide() {
            let why = format!("{why:?}").to_lowercase();
            all.push(format!("{why} {id} to {until_epoch}"));
        }
        all
    }

    fn arrives(&mut self, id: usize, outcome: Outcome) {
        self.tell(Line::Arrival { id: id.to_string(), outcome });
    }

    fn scores(&mut self, id: usize, value: f64) {
        self.arrives(id, Outcome::Rung { value: Some(value) });
    }
}

#[test]
fn a_third_of_nine_goes_on_and_of_those_the_best_again() {
    let mut story = Story::of(begin(settings(2, 3), 0..9, 1));
    assert_eq!(story.decided().len(), 9, "all start");
    for (id, value) in [(0, 0.5), (1, 0.1)] {
        story.scores(id, value);
        assert!(story.decided().is_empty(), "a third of {} is none", id + 1);
    }
    story.scores(2, 0.2);
    assert_eq!(story.decided(), ["promote 0 to 6"]);
    // Among the first ⌊4/3⌋ = 1, as they are now: 0, which has gone on, is behind.
    story.scores(3, 0.9);
    assert_eq!(story.decided(), ["promote 3 to 6"]);
    for id in [4, 5, 6, 7] {
        story.scores(id, 0.3);
        assert!(story.decided().is_empty(), "0 and 3 are the first two of {}", id + 1);
    }
    story.scores(8, 0.3);
    assert_eq!(story.decided(), ["promote 4 to 6"], "of equals the first");
    for (id, value) in [(0, 0.5), (4, 0.6), (3, 0.7)] {
        story.scores(id, value);
    }
    assert_eq!(story.decided(), ["promote 3 to 18"]);
    story.arrives(3, Outcome::Finished);
    assert!(story.decided().is_empty(), "the best has come to its end");
}

#[test]
fn what_can_be_promoted_comes_before_what_can_be_started_and_the_highest_rung_first() {
    let mut story = Story::of(begin(settings(1, 2), 0..8, 1));
    for _ in 0..4 {
        assert_eq!(story.decide().unwrap().why, Why::Start, "four workers");
    }
    for (id, value) in [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)] {
        story.scores(id, value);
    }
    assert_eq!(story.decide().unwrap(), Decision { why: Why::Promote, id: "3".into(), until_epoch: 2 });
    story.scores(3, 3.0);
    assert_eq!(story.decide().unwrap(), Decision { why: Why::Promote, id: "2".into(), until_epoch: 2 });
    story.scores(2, 2.0);
    assert_eq!(story.decide().unwrap(), Decision { why: Why::Promote, id: "3".into(), until_epoch: 4 });
    assert_eq!(story.decide().unwrap(), Decision { why: Why::Start, id: "4".into(), until_epoch: 1 });
}

#[test]
fn those_that_diverge_rank_last_and_are_never_sent_on() {
    let mut story = Story::of(begin(settings(2, 2), 0..4, 1));
    story.decided();
    story.arrives(0, Outcome::Diverged);
    story.arrives(1, Outcome::Rung { value: None });
    assert!(story.decided().is_empty(), "none has a score");
    story.scores(2, -5.0);
    assert_eq!(story.decided(), ["promote 2 to 4"], "the worst score is better than none");
    story.arrives(3, Outcome::Diverged);
    story.arrives(2, Outcome::Diverged);
    assert!(story.decided().is_empty());
}

#[test]
fn every_group_has_a_last_one_that_goes_on_to_its_end() {
    let mut story = Story::of(begin(settings(2, 3), 0..4, 2));
    story.decided();
    for (id, value) in [(0, 0.1), (1, 0.2), (2, 0.3)] {
        story.scores(id, value);
    }
    assert_eq!(story.decided(), ["lastone 2 to 6"], "3 is still under way");
    story.scores(2, 0.3);
    assert_eq!(story.decided(), ["lastone 2 to 18"]);
    story.arrives(2, Outcome::Diverged);
    assert_eq!(story.decided(), ["lastone 0 to 6"], "the next best, where the best has diverged");
    story.arrives(0, Outcome::Finished);
    story.arrives(3, Outcome::Failed);
    assert_eq!(story.decided(), ["lastone 1 to 6"]);
}

#[test]
fn what_ends_before_the_first_rung_does_not_compete() {
    let mut story = Story::of(begin(settings(2, 2), 0..3, 1));
    story.decided();
    story.arrives(0, Outcome::Finished);
    story.scores(1, 0.1);
    assert!(story.decided().is_empty(), "one alone has no better half");
    story.scores(2, 0.2);
    assert_eq!(story.decided(), ["promote 2 to 4"]);
}

#[test]
fn what_failed_or_joins_later_takes_part_and_what_is_dropped_does_not() {
    let mut story = Story::of(begin(settings(2, 2), 0..2, 1));
    story.decided();
    story.arrives(0, Outcome::Failed);
    story.scores(1, 0.5);
    assert_eq!(story.decided(), ["lastone 1 to 4"]);
    story.tell(begin(settings(2, 2), [0, 3].into_iter(), 1));
    assert_eq!(
        story.history.under_way().collect::<Vec<_>>(),
        ["0"],
        "tried anew; 1 is not of this sweep any more"
    );
    assert_eq!(story.decided(), ["start 3 to 2"]);
    let complaint = story.history.apply(&begin(settings(3, 2), 0..1, 1)).unwrap_err();
    assert!(complaint.to_string().contains("other settings of [stop_early]"), "{complaint}");
}

#[test]
fn trials_that_a_changed_sweep_asks_for_do_not_compete_with_those_of_before() {
    let mut story = Story::of(begin(settings(2, 2), 0..2, 1));
    story.decided();
    story.scores(0, 0.8);
    story.scores(1, 0.9);
    assert_eq!(story.decided(), ["promote 1 to 4"]);
    story.arrives(1, Outcome::Finished);
    story.tell(without(settings(2, 2), 2..4, 1, 0..2));
    assert_eq!(story.decided(), ["start 2 to 2", "start 3 to 2"]);
    story.scores(2, 0.1);
    story.scores(3, 0.2);
    assert_eq!(story.decided(), ["promote 3 to 4"], "the better of the two that compete");
    story.arrives(3, Outcome::Failed);
    assert_eq!(story.decided(), ["lastone 2 to 4"], "its group has no result without it");
}

#[test]
fn what_is_entered_again_has_lost_its_result_and_stands_at_its_rung_once() {
    let mut story = Story::of(begin(settings(2, 2), 0..2, 1));
    story.decided();
    story.arrives(0, Outcome::Diverged);
    story.scores(1, 0.5);
    assert_eq!(story.decided(), ["promote 1 to 4"]);
    story.arrives(1, Outcome::Finished);
    story.tell(begin(settings(2, 2), 0..2, 1));
    assert_eq!(story.history.under_way().collect::<Vec<_>>(), ["0", "1"]);
    story.arrives(0, Outcome::Diverged);
    assert_eq!(story.history.groups[0].rungs[&2].len(), 2);
}

/// The trials before a line that arrived at a group's rung, best first, found in the plainest way.
fn ranked(lines: &[Line], epoch: u32, group: usize, n_groups: usize) -> Vec<usize> {
    let mut sent_to = HashMap::new();
    let mut scores = vec![];
    for line in lines {
        match line {
            Line::Decision(decision) => drop(sent_to.insert(decision.id.clone(), decision.until_epoch)),
            Line::Arrival { id, outcome } if sent_to[id] == epoch => {
                let place: usize = id.parse().unwrap();
                let value = match outcome {
                    Outcome::Rung { value } => value.unwrap_or(f64::NEG_INFINITY),
                    Outcome::Diverged => f64::NEG_INFINITY,
                    Outcome::Finished | Outcome::Failed => continue,
                };
                if place % n_groups == group {
                    scores.push((-value, place));
                }
            }
            Line::Arrival { .. } | Line::Begin { .. } => {}
        }
    }
    scores.sort_by(|a, b| a.partial_cmp(b).unwrap());
    scores.into_iter().map(|(_, place)| place).collect()
}

proptest! {
    #[test]
    fn any_course_of_events_keeps_the_rule_and_replays(
        n in 1..24_usize,
        n_groups in 1..4_usize,
        (first, factor) in (1..3_u32, 2..5_u32),
        workers in 1..6_usize,
        last_epoch in 1..30_u32,
        chances in proptest::collection::vec((0..100_u32, any::<prop::sample::Index>(), 0..5_u8), 400),
    ) {
        let mut story = Story::of(begin(settings(first, factor), 0..n, n_groups));
        let mut chances = chances.into_iter();
        let mut done = vec![false; n];
        loop {
            let mut under_way: Vec<usize> = story.history.under_way().map(|id| id.parse().unwrap()).collect();
            while under_way.len() < workers && let Some(decision) = story.decide() {
                let id: usize = decision.id.parse().unwrap();
                prop_assert!(!under_way.contains(&id) && !done[id], "{id} is busy or done");
                under_way.push(id);
                let before = &story.lines[..story.lines.len() - 1];
                if decision.why == Why::Promote {
                    let ranked = ranked(before, decision.until_epoch / factor, id % n_groups, n_groups);
                    let quota = ranked.len() / factor as usize;
                    prop_assert!(ranked[..quota].contains(&id), "{id} is not among the first {quota} of {ranked:?}");
                }
            }
            if under_way.is_empty() {
                break;
            }
            let Some((percent, which, value)) = chances.next() else { return Ok(()) };
            let id = under_way[which.index(under_way.len())];
            let ends = story.history.sent_to(&id.to_string()).unwrap() >= last_epoch;
            let outcome = match percent {
                0..5 => Outcome::Failed,
                5..10 => Outcome::Diverged,
                _ if ends => Outcome::Finished,
                10..15 => Outcome::Rung { value: None },
                _ => Outcome::Rung { value: Some(f64::from(value)) },
            };
            done[id] = matches!(outcome, Outcome::Finished | Outcome::Diverged);
            story.arrives(id, outcome);
            if percent == 99 {
                story.tell(begin(settings(first, factor), (0..n).filter(|&id| !done[id]), n_groups));
            }
        }
        // A group whose trials can still be trained on has one at its end.
        for group in 0..n_groups {
            let mut members = (0..n).filter(|id| id % n_groups == group).map(|id| &story.history.entrants[id]);
            let has_more = members.clone().any(|entrant| matches!(entrant.outcome, Some(Outcome::Rung { value: Some(_) })));
            prop_assert!(!has_more || members.any(|entrant| entrant.outcome == Some(Outcome::Finished)));
        }
        let mut again = History::default();
        for line in &story.lines {
            let text = serde_json::to_string(line).unwrap();
            let line: Line = serde_json::from_str(&text).unwrap();
            if let Line::Decision(decision) = &line {
                let next = again.next();
                prop_assert_eq!(next.as_ref(), Some(decision));
            }
            again.apply(&line).unwrap();
        }
    }
}
