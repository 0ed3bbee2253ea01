use std::collections::BTreeMap;

use dml_spec::Ignore;
use dml_store::{Curves, FORMAT, Outcome, Scores, TrialResult, trial_id};
use serde::Deserialize;

use super::*;
use crate::evidence::join;

/// Trials of factors a, b, c and a seed, with the score y.
struct Made {
    expected: Vec<toml::Table>,
    results: Vec<TrialResult>,
}

impl Made {
    fn of(rows: impl IntoIterator<Item = ([i64; 3], i64, f64)>) -> Self {
        let result = |([a, b, c], seed, y): ([i64; 3], i64, f64)| {
            let trial: toml::Table = format!("seed = {seed}\na = {a}\nb = {b}\nc = {c}").parse().unwrap();
            let outcome = Outcome::scored(Scores::from([("y".into(), y)]));
            TrialResult {
                format: FORMAT,
                id: trial_id(&trial),
                trial,
                data_sha256: None,
                outcome,
                curves: Curves::new(),
            }
        };
        let results: Vec<TrialResult> = rows.into_iter().map(result).collect();
        Self { expected: results.iter().map(|result| result.trial.clone()).collect(), results }
    }

    /// 2 x 2 x 2 cells, levels -1 and 1, so that the mean square of a coefficient's product is its
    /// own.
    fn two_levels(seeds: i64, y: impl Fn([f64; 3], f64) -> f64) -> Self {
        let level = |cell: i64, factor: i64| 2 * (cell >> factor & 1) - 1;
        let row = move |seed: i64, cell: i64| {
            let levels = [0, 1, 2].map(|factor| level(cell, factor));
            (levels, seed, y(levels.map(|level| level as f64), seed as f64))
        };
        Self::of((0..seeds).flat_map(|seed| (0..8).map(move |cell| (seed, cell))).map(|(s, c)| row(s, c)))
    }

    fn analysed(&self, spec: &str) -> Effects {
        let ignore = Ignore::new();
        let trials = join(&self.results, &self.expected, &ignore);
        let spec = format!("name = 'effects'\ntitle = 'What moves y'\nscore = 'y'\nbar = 0.8\n{spec}");
        Effects::build(&toml::from_str(&spec).unwrap(), &trials, &Ranks::of(&trials))
    }
}

const ALL: &str = "factors = ['a', 'b', 'c']\norder = 3";

fn shares(effects: &Effects) -> BTreeMap<&str, f64> {
    effects.rows.iter().map(|row| (row.label.as_str(), row.share.share)).collect()
}

#[test]
fn shares_are_the_squares_of_made_up_coefficients() {
    // Seeds at -1, 0 and 1 times 0.3 have a mean square of 0.06.
    let made = Made::two_levels(3, |[a, b, c], seed| {
        0.7 + 0.5 * a - 0.4 * b * c + 0.2 * a * b * c + 0.3 * (seed - 1.0)
    });
    let total = 0.25 + 0.16 + 0.04 + 0.06;
    let expected =
        [("a", 0.25), ("b × c", 0.16), ("a × b × c", 0.04), ("seed", 0.06), ("b", 0.0), ("a × c", 0.0)];
    let effects = made.analysed(ALL);
    let found = shares(&effects);
    for (label, square) in expected {
        assert!((found[label] - square / total).abs() < 1e-12, "{label}: {}", found[label]);
    }
    assert!((found.values().sum::<f64>() - 1.0).abs() < 1e-12);
    // Of lower order the last effect is what is left.
    let effects = made.analysed("factors = ['a', 'b', 'c']\norder = 2");
    assert!((shares(&effects)["what is left"] - 0.04 / total).abs() < 1e-12);
    assert_eq!(effects.rows.len(), 6 + 2);
}

#[test]
fn shares_are_those_of_statsmodels() {
    #[derive(Deserialize)]
    struct Row {
        a: i64,
        b: i64,
        c: i64,
        seed: i64,
        y: f64,
    }
    #[derive(Deserialize)]
    struct Fixture {
        trials: Vec<Row>,
        shares: BTreeMap<String, f64>,
    }
    let fixture: Fixture = serde_json::from_str(include_str!("../../tests/statsmodels/anova.json")).unwrap();
    let made = Made::of(fixture.trials.iter().map(|row| ([row.a, row.b, row.c], row.seed, row.y)));
    let effects = made.analysed("factors = ['a', 'b', 'c']\norder = 2");
    let found = shares(&effects);
    assert_eq!(found.len(), fixture.shares.len());
    for (label, expected) in &fixture.shares {
        let label = if label == "Residual" { "what is left" } else { label };
        assert!((found[label] - expected).abs() < 1e-12, "{label}: {} is not {expected}", found[label]);
    }
}

/// An effect whose size goes with the seed.
fn uneven(seeds: i64) -> Made {
    Made::two_levels(seeds, |[a, b, c], seed| 0.5 * a + 0.1 * (seed - 1.0) * b + 0.2 * a * c)
}

#[test]
fn the_interval_is_that_of_the_draws_of_seeds() {
    // Two seeds: a draw has the first twice (1 in 4), both (2 in 4), or the second twice (1 in 4),
    // so the percentiles are the shares of one seed alone. With b's coefficient -0.1 or 0 these are
    // 0.01 / 0.30 and 0, and both give 0.0025 to b of 0.295, for the residual has the other half.
    // They are drawn out by √2 · t / z, with Student's t of one degree of freedom, but not below 0.
    let effects = uneven(2).analysed(ALL);
    let b = effects.rows.iter().find(|row| row.label == "b").unwrap().share;
    let (low, high) = b.interval.unwrap();
    assert!((b.share - 0.0025 / 0.295).abs() < 1e-12, "{b:?}");
    let expected = b.share + 2_f64.sqrt() * 12.706_204_736 / 1.959_963_985 * (0.01 / 0.3 - b.share);
    assert!(low.abs() < 1e-12 && (high - expected).abs() < 1e-9, "{b:?} is not {expected}");
}

#[test]
fn effects_are_said_in_words_with_the_fewest_that_reach_the_bar() {
    let effects = uneven(4).analysed(ALL);
    insta::assert_snapshot!(effects.markdown(), @"
    ### What moves y

    | effect | share of the variance | 95% interval |
    | --- | --: | --: |
    | a | 82.0% | 73.6% to 88.5% |
    | a × c | 13.1% | 11.8% to 14.2% |
    | b | 0.8% | 0.0% to 12.7% |
    | a × b | 0.0% | 0.0% to 0.0% |
    | c | 0.0% | 0.0% to 0.0% |
    | b × c | 0.0% | 0.0% to 0.0% |
    | a × b × c | 0.0% | 0.0% to 0.0% |
    | seed | 0.0% | 0.0% to 0.0% |
    | what is left | 4.1% | 0.0% to 6.7% |

    A share (eta²) is that of the variance of the y, with the seed as block; all shares add up to 100%. Intervals: 95%, percentiles of 2000 draws of the 4 seeds with replacement, drawn out as so few seeds call for (Hesterberg 2015), not corrected for being many.

    Together the 7 named effects, of up to 3 factors, explain 95.9% (93.3% to 100.0%) of the variance.

    Held: the lower end of their interval is above 80.0%, and the 2 largest are enough for that: a, a × c explain 95.1% (85.4% to 100.0%).
    ");
    let one = uneven(1).analysed(ALL);
    assert!(one.notes[0].ends_with("One seed: there are no intervals."), "{}", one.notes[0]);
    assert!(one.notes[2].contains("cannot be said of one seed"), "{}", one.notes[2]);
    let flat = Made::two_levels(2, |_, _| 0.5).analysed(ALL);
    assert_eq!(
        (flat.rows.len(), flat.notes),
        (0, vec!["The y does not vary, so there is nothing to explain.".into()])
    );
    let noise = Made::two_levels(4, |[a, b, c], seed| (a * 3.1 + b * 1.7 + c * 2.3 + seed * 5.9).sin());
    let noise = noise.analysed("factors = ['a', 'b']\norder = 1\nselect = { c = 1 }");
    assert_eq!(noise.notes[2], "Not held: the lower end of their interval is below 80.0%.");
}

#[test]
fn seeds_that_are_not_whole_are_left_out_and_named() {
    let mut made = uneven(4);
    made.results.remove(3);
    made.results[11].outcome = Outcome::Diverged { epoch: 1, reason: "made up".into() };
    let effects = made.analysed(ALL);
    assert_eq!(
        effects.notes[0],
        "2 of 4 seeds are whole and analysed; 2 of 32 trials are without a y (1 missing, 1 diverged)."
    );
    assert_eq!(
        effects.notes[3],
        "Whether the lower end of their interval is above 80.0% is not judged: trials diverged, and the seeds left are those on which they went well."
    );
    assert_eq!(effects.rows.len(), 7 + 2);
    let text = csv(std::slice::from_ref(&effects));
    assert_eq!(text.lines().count(), 1 + 7 + 2 + 1);
    assert!(text.lines().last().unwrap().starts_with("effects,all named,0.9"), "{text}");
    let mut missing = uneven(4);
    missing.results.remove(3);
    let effects = missing.analysed(ALL);
    assert!(effects.notes[3].starts_with("Held so far: "), "{}", effects.notes[3]);
    made.results.clear();
    let effects = made.analysed(ALL);
    assert_eq!(effects.rows, []);
    insta::assert_snapshot!(effects.markdown(), @"
    ### What moves y

    0 of 4 seeds are whole and analysed; 32 of 32 trials are without a y (32 missing).

    No seed is whole yet, so nothing is analysed.
    ");
    assert_eq!(csv(&[effects]), "effects,effect,share,low,high\n");
    made.expected.clear();
    assert_eq!(made.analysed(ALL).notes, ["No seed is whole yet, so nothing is analysed."]);
}
