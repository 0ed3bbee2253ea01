mod chosen;

use super::*;
use crate::evidence::join;
use crate::synthetic::Synthetic;
use dml_spec::Ignore;
use dml_store::{Outcome, TrialResult};

const SPEC: &str = r#"
    name = "decoder"
    proposal = "A decoder and a reconstruction loss"
    treatment = { "model.system" = "dml_autoencoder", "routine.alpha" = 1.0 }
    control = { "model.system" = "dml" }
    each = ["data.name", "data.labelled_percent"]
    score = "test_folds.knn.accuracy"
    null_score = "test_folds.knn.ami"
"#;

fn verdicts(spec: &str, synthetic: &Synthetic) -> Vec<Verdict> {
    let ignore = Ignore::new();
    let trials = join(&synthetic.results, &synthetic.expected, &ignore);
    judge(&[toml::from_str(spec).unwrap()], &[], &trials, &Ranks::of(&trials)).verdicts
}

/// Lost pairs in the order of [`Cause`].
fn lost(verdict: &Verdict) -> [usize; 6] {
    use Cause::{ChosenNotJudged, ControlDiverged, NoResult, NothingDecides, OtherPair, TreatmentDiverged};
    [TreatmentDiverged, ControlDiverged, NoResult, NothingDecides, ChosenNotJudged, OtherPair]
        .map(|cause| verdict.lost.to(cause))
}

/// Lets the autoencoder beat (or not) the control by a noisy amount.
fn with_effect(seeds: i64, effect: impl Fn(f64) -> f64) -> Synthetic {
    let mut synthetic = Synthetic::new(seeds);
    synthetic.rescore(|system, percent, seed| {
        let noise = 0.01 * [0.3, -0.8, 1.1, -0.2, 0.6, -1.0, 0.1, 0.9, -0.4, -0.6][seed as usize % 10];
        let accuracy = if system == "dml_autoencoder" { 0.6 + effect(percent) + noise } else { 0.6 };
        (accuracy, accuracy - 0.1)
    });
    synthetic
}

#[test]
fn a_clear_gain_is_supported_and_a_clear_loss_refuted() {
    let verdicts = verdicts(SPEC, &with_effect(10, |percent| if percent < 1.0 { 0.1 } else { -0.1 }));
    assert_eq!(verdicts.iter().map(|v| v.ruling).collect::<Vec<_>>(), [Ruling::Supported, Ruling::Refuted]);
    insta::assert_snapshot!(markdown(&Judged { verdicts, ..Judged::default() }), @"
    2 comparisons in all, and every p is corrected for all of them (Holm 1979); the intervals are not corrected. The t test supposes normally distributed differences, which so few seeds can neither show nor exclude; the p of sign flips beside it does not, but of n seeds it is at least 2 / 2^n before correction, so the t test rules. Intervals are over seeds alone: all seeds share one test set, and what another would give they do not cover.

    ### A decoder and a reconstruction loss

    That it raises knn accuracy (test folds) is supported in 1 of 2 cases (data mnist, labelled percent 0.1), refuted in 1 of 2 cases (data mnist, labelled percent 10).

    - **supported**, data mnist, labelled percent 0.1: The treatment’s knn accuracy (test folds) is 0.1000 higher than the control’s (95% interval of the difference +0.0948 to +0.1052, 10 seeds; p below 0.0001 by the t test and 0.0039 by sign flips after Holm’s correction for 2 comparisons).
    - **refuted**, data mnist, labelled percent 10: The treatment’s knn accuracy (test folds) is 0.1000 lower than the control’s (95% interval of the difference -0.1052 to -0.0948, 10 seeds; p below 0.0001 by the t test and 0.0039 by sign flips after Holm’s correction for 2 comparisons).
    ");
}

#[test]
fn noise_is_undecided() {
    let verdicts = verdicts(SPEC, &with_effect(10, |_| 0.001));
    assert!(verdicts.iter().all(|v| v.ruling == Ruling::Undecided && v.adjusted_p == Some(1.0)));
}

#[test]
fn holm_makes_the_same_difference_count_less_among_many() {
    let alone = SPEC.replace(
        r#"each = ["data.name", "data.labelled_percent"]"#,
        r#"each = ["data.name"]
        select = { "data.labelled_percent" = 0.1 }"#,
    );
    let synthetic = with_effect(10, |percent| if percent < 1.0 { 0.0055 } else { 0.0 });
    assert_eq!(
        verdicts(&alone, &synthetic)[0].adjusted_p.map(|p| 2.0 * p),
        verdicts(SPEC, &synthetic)[0].adjusted_p
    );
}

#[test]
fn a_comparison_without_a_result_counts_as_one_that_shows_nothing() {
    let effect = |percent| if percent < 1.0 { 0.0055 } else { 0.0 };
    let whole = verdicts(SPEC, &with_effect(10, effect));
    let mut missing = with_effect(10, effect);
    missing.lose("dml", 10.0, 10);
    let mut diverged = with_effect(10, effect);
    diverged.diverge("dml", 10.0, 9);
    for part in [missing, diverged] {
        let part = verdicts(SPEC, &part);
        assert_eq!((part[0].adjusted_p, part[0].comparisons), (whole[0].adjusted_p, 2));
        assert_eq!((part[1].adjusted_p, part[1].comparisons, part[1].ruling), (None, 2, Ruling::Undecided));
    }
}

#[test]
fn one_seed_is_undecided_and_asks_for_more() {
    let fixed = SPEC.replace(", \"routine.alpha\" = 1.0", "") + "unpaired = ['routine.alpha']";
    let verdicts = verdicts(&fixed, &with_effect(1, |_| 0.3));
    assert!(verdicts.iter().all(|v| v.ruling == Ruling::Undecided));
    assert!(verdicts[0].words().contains("needs more seeds"), "{}", verdicts[0].words());
    let careful = "Careful: a side of a pair is the mean over trials that differ in routine.alpha.";
    assert!(verdicts[0].words().ends_with(careful), "{}", verdicts[0].words());
}

#[test]
fn a_guesser_is_recognised_as_the_null_model() {
    let mut synthetic = Synthetic::new(5);
    synthetic.rescore(|system, _, seed| match system {
        "dml_autoencoder" => (0.1, 0.001 * [1.0, -1.0, 0.5, -0.5, 0.1][seed as usize]),
        _ => (0.8 + 0.001 * seed as f64, 0.7),
    });
    let verdicts = verdicts(SPEC, &synthetic);
    assert!(verdicts.iter().all(|v| v.null_model && v.ruling == Ruling::Refuted));
    assert!(verdicts[0].words().contains("is the null model"), "{}", verdicts[0].words());
}

#[test]
fn lost_pairs_are_counted_by_cause() {
    let mut synthetic = with_effect(4, |_| 0.1);
    synthetic.diverge("dml_autoencoder", 0.1, 2);
    synthetic.diverge("dml", 10.0, 1);
    synthetic.lose("dml", 0.1, 0);
    let verdicts = verdicts(SPEC, &synthetic);
    assert_eq!((verdicts[0].pairs, lost(&verdicts[0])), (4, [2, 0, 0, 0, 0, 0]));
    assert_eq!((verdicts[1].pairs, lost(&verdicts[1])), (4, [0, 1, 0, 0, 0, 0]));
    assert!(verdicts[1].words().contains(" The sign flips alone would leave it undecided."));
    insta::assert_snapshot!(csv(&verdicts), @r#"
    verdict,case,score,ruling,difference,low,high,seeds,holm_p,holm_sign_flip_p,comparisons,null_model,pairs,lost_treatment_diverged,lost_control_diverged,lost_no_result,lost_nothing_decides,lost_chosen_not_judged,lost_other_pair_of_seed,two_way_low,two_way_high
    decoder,"data mnist, labelled percent 0.1",test_folds.knn.accuracy,undecided,0.104500,0.021910,0.187090,2,,,2,false,4,2,0,0,0,0,0,,
    decoder,"data mnist, labelled percent 10",test_folds.knn.accuracy,supported,0.100333,0.076206,0.124461,3,0.006218,0.500000,2,false,4,0,1,0,0,0,0,,
    "#);
}

#[test]
fn what_is_left_after_a_divergence_does_not_speak_for_the_side_that_diverged() {
    let rulings = |effect: f64, diverged: &[&str]| {
        let mut synthetic = with_effect(10, |_| effect);
        for system in diverged {
            synthetic.diverge(system, 0.1, 1);
        }
        let verdict = verdicts(SPEC, &synthetic).remove(0);
        (verdict.ruling, verdict.adjusted_p.is_some())
    };
    let (treatment, control) = ("dml_autoencoder", "dml");
    assert_eq!(rulings(0.1, &[treatment]), (Ruling::Undecided, false));
    assert_eq!(rulings(-0.1, &[treatment]), (Ruling::Refuted, true));
    assert_eq!(rulings(0.1, &[control]), (Ruling::Supported, true));
    assert_eq!(rulings(-0.1, &[control]), (Ruling::Undecided, false));
    assert_eq!(rulings(0.1, &[treatment, control]), (Ruling::Undecided, false));
    assert_eq!(rulings(-0.1, &[treatment, control]), (Ruling::Undecided, false));

    let mut synthetic = with_effect(10, |_| 0.1);
    synthetic.diverge(treatment, 0.1, 1);
    insta::assert_snapshot!(verdicts(SPEC, &synthetic)[0].words(), @"The treatment’s knn accuracy (test folds) is 0.0997 higher than the control’s (95% interval of the difference +0.0939 to +0.1055, 9 seeds). 1 of 10 pairs are lost: 1 because the treatment diverged. The treatment diverged in places: the seeds left are those on which it went well, so they may refute it, not support it.");
}

#[test]
fn a_difference_that_is_the_same_for_every_seed_has_no_p() {
    let mut synthetic = Synthetic::new(3);
    // Equal but for rounding: 0.7 - 0.6, 0.8 - 0.7, 0.9 - 0.8.
    synthetic.rescore(|system, _, seed| {
        let control = 0.6 + 0.1 * seed as f64;
        (if system == "dml" { control } else { control + 0.1 }, 0.5)
    });
    let verdicts = verdicts(SPEC, &synthetic);
    assert!(verdicts.iter().all(|v| v.ruling == Ruling::Undecided && v.adjusted_p.is_none()));
    insta::assert_snapshot!(verdicts[0].words(), @"The treatment’s knn accuracy (test folds) is 0.1000 higher than the control’s, the same with each of 3 seeds: as the seed has no part in it they count as one, and there is no telling this from chance.");
}

#[test]
fn a_null_score_that_might_be_far_from_0_makes_no_null_model() {
    let with_null = |scale: f64| {
        let mut synthetic = Synthetic::new(3);
        synthetic.rescore(|_, _, seed| (0.5, scale * [0.9, -1.0, 0.2][seed as usize]));
        verdicts(SPEC, &synthetic).remove(0)
    };
    // Both means are near 0; the interval of the second reaches from -0.21 to +0.28.
    assert!(with_null(0.01).null_model);
    assert!(!with_null(0.1).null_model);
}

#[test]
fn scores_that_differ_by_less_than_the_margin_are_equivalent_and_count_as_comparisons() {
    let mut synthetic = with_effect(10, |_| 0.1);
    synthetic.rescore(|_, percent, seed| {
        let noise = 0.002 * [0.3, -0.8, 1.1, -0.2, 0.6, -1.0, 0.1, 0.9, -0.4, -0.6][seed as usize];
        (0.8, if percent < 1.0 { 0.801 + noise } else { 0.82 + noise })
    });
    let spec = "name = 'same'\nsays = 'Both scores agree'\neach = ['data.labelled_percent']\nmargin = 0.01\n\
                select = { 'model.system' = 'dml' }\nscores = ['test_folds.knn.accuracy', 'test_folds.knn.ami']";
    let (spec, ignore) = (toml::from_str(spec).unwrap(), Ignore::new());
    let trials = join(&synthetic.results, &synthetic.expected, &ignore);
    let judged = judge(&[toml::from_str(SPEC).unwrap()], &[spec], &trials, &Ranks::of(&trials));
    assert_eq!(judged.verdicts[0].comparisons, 4);
    insta::assert_snapshot!(markdown(&Judged { verdicts: vec![], ..judged.clone() }), @"
    4 comparisons in all, and every p is corrected for all of them (Holm 1979); the intervals are not corrected. The t test supposes normally distributed differences, which so few seeds can neither show nor exclude; the p of sign flips beside it does not, but of n seeds it is at least 2 / 2^n before correction, so the t test rules. Intervals are over seeds alone: all seeds share one test set, and what another would give they do not cover.

    ### Both scores agree

    That they differ by less than 0.01 is shown in 1 of 2 comparisons; not shown is not different.

    - **equivalent**, labelled percent 0.1, knn accuracy (test folds) against knn ami (test folds): The first is 0.0010 lower (95% interval of the difference -0.0020 to +0.0000, 10 seeds). p below 0.0001 that they differ by 0.01 or more, after Holm’s correction for 4 comparisons.
    - **not shown**, labelled percent 10, knn accuracy (test folds) against knn ami (test folds): The first is 0.0200 lower (95% interval of the difference -0.0210 to -0.0190, 10 seeds). p 1.0000 that they differ by 0.01 or more, after Holm’s correction for 4 comparisons. Its whole interval, which is not corrected, is beyond the margin.
    ");
    insta::assert_snapshot!(equivalences_csv(&judged.equivalences), @"
    equivalence,case,first,second,ruling,difference,low,high,seeds,margin,holm_p,comparisons
    same,labelled percent 0.1,test_folds.knn.accuracy,test_folds.knn.ami,equivalent,-0.001000,-0.002032,0.000032,10,0.01,0.000000,4
    same,labelled percent 10,test_folds.knn.accuracy,test_folds.knn.ami,not shown,-0.020000,-0.021032,-0.018968,10,0.01,1.000000,4
    ");
}

#[test]
fn one_score_is_compared_across_the_values_of_a_key() {
    let mut synthetic = with_effect(10, |percent| if percent < 1.0 { 0.001 } else { 0.1 });
    // A seed without one of its scores does not count.
    synthetic.results.retain(|r| r.trial["seed"].as_integer() != Some(9) || is_dml(&r.trial));
    let spec = "name = 'same'\nsays = 'A decoder changes nothing'\neach = ['data.labelled_percent']\n\
                across = 'model.system'\nmargin = 0.02\nscores = ['test_folds.knn.accuracy']\n\
                select = { 'model.system' = ['dml', 'dml_autoencoder'], 'routine.alpha' = 0.5 }";
    let (spec, ignore) = (toml::from_str(spec).unwrap(), Ignore::new());
    let trials = join(&synthetic.results, &synthetic.expected, &ignore);
    let judged = judge(&[], &[spec], &trials, &Ranks::of(&trials));
    insta::assert_snapshot!(markdown(&judged).split_once("### ").unwrap().1, @"
    A decoder changes nothing

    That they differ by less than 0.02 is shown in 1 of 2 comparisons; not shown is not different.

    - **equivalent**, labelled percent 0.1, knn accuracy (test folds) with system dml against that with system dml_autoencoder: The first is 0.0017 lower (95% interval of the difference -0.0073 to +0.0040, 9 seeds). p below 0.0001 that they differ by 0.02 or more, after Holm’s correction for 2 comparisons. 9 of 10 seeds have both scores.
    - **not shown**, labelled percent 10, knn accuracy (test folds) with system dml against that with system dml_autoencoder: The first is 0.1007 lower (95% interval of the difference -0.1063 to -0.0950, 9 seeds). p 1.0000 that they differ by 0.02 or more, after Holm’s correction for 2 comparisons. Its whole interval, which is not corrected, is beyond the margin. 9 of 10 seeds have both scores.
    ");
    let first = equivalences_csv(&judged.equivalences);
    let sides = "same,labelled percent 0.1,test_folds.knn.accuracy with system dml,test_folds.knn.accuracy with system dml_autoencoder,";
    assert!(first.lines().nth(1).unwrap().starts_with(sides), "{first}");
}

#[test]
fn what_is_left_after_a_divergence_is_not_shown_to_be_equivalent() {
    let judged = |diverged: bool| {
        let mut synthetic = with_effect(10, |_| 0.001);
        if diverged {
            synthetic.diverge("dml_autoencoder", 0.1, 3);
        }
        let spec = "name = 'same'\nsays = 'A decoder changes nothing'\neach = []\nacross = 'model.system'\n\
                    margin = 0.02\nscores = ['test_folds.knn.accuracy']\n\
                    select = { 'data.labelled_percent' = 0.1, 'routine.alpha' = 0.5, 'model.system' = ['dml', 'dml_autoencoder'] }";
        let (spec, ignore) = (toml::from_str(spec).unwrap(), Ignore::new());
        let trials = join(&synthetic.results, &synthetic.expected, &ignore);
        judge(&[], &[spec], &trials, &Ranks::of(&trials)).equivalences.remove(0)
    };
    assert!(judged(false).is_shown());
    let left = judged(true);
    assert!(!left.is_shown() && left.adjusted_p.is_none());
    let words = left.words();
    assert!(words.ends_with("7 of 10 seeds have both scores. Trials diverged in places: the seeds left are those on which they went well, so they show nothing."), "{words}");
}

fn is_dml(trial: &toml::Table) -> bool {
    trial["model"]["system"].as_str() == Some("dml")
}

#[test]
fn the_seeds_that_are_asked_for_depend_on_the_number_of_comparisons() {
    // By the quantiles of t: 3 * sqrt(3) = 5.20 has p 0.035 with 2 degrees of freedom; 3 * sqrt(5)
    // = 6.71 has 0.0026 with 4, which is 0.036 times 14, while 6.00 with 3 has 0.0093; 3 * sqrt(7)
    // = 7.94 with 6 has 0.00021.
    assert_eq!([1, 2, 14, 100].map(seeds_needed), [3, 4, 5, 7]);
}

/// 200 images, some harder than others, and some of them by another image's measure with each seed.
fn with_hits() -> Synthetic {
    let mut synthetic = Synthetic::new(4);
    synthetic.hit(|system, percent, seed| {
        let level = if system == "dml_autoencoder" { 120 + percent as i64 } else { 100 };
        let jitter = |image: i64| (image * 7 + seed * 13 + level) % 41 - 20;
        (0..200).map(|image| (image * 37) % 200 + jitter(image) < level).collect()
    });
    synthetic
}

#[test]
fn where_results_say_which_images_were_right_there_is_an_interval_over_seeds_and_images() {
    let judged = Judged { verdicts: verdicts(SPEC, &with_hits()), ..Judged::default() };
    let scope = scope(&judged).unwrap();
    insta::assert_snapshot!(scope.split_once(" rules. ").unwrap().1, @"Intervals are over seeds alone: all seeds share one test set, and what another would give they do not cover. Only those called over seeds and test images do: percentiles of 2000 draws of both, each with replacement (a two-way bootstrap, Owen 2007), drawn out as so few seeds call for. They say how far another test set, too, could move a difference, and do not rule.");
    let lines = csv(&judged.verdicts);
    let mut lines = lines.lines();
    assert!(lines.next().unwrap().ends_with(",two_way_low,two_way_high"));
    for (verdict, line) in judged.verdicts.iter().zip(lines) {
        let (seeds, (low, high)) = (verdict.difference.unwrap(), verdict.two_way.unwrap());
        assert!(low < seeds.interval().0 && seeds.interval().1 < high, "{seeds:?} {low} {high}");
        assert!(line.ends_with(&format!(",{low:.6},{high:.6}")), "{line}");
        let said = format!(", 4 seeds; over seeds and test images {low:+.4} to {high:+.4}; p ");
        assert!(verdict.words().contains(&said), "{}", verdict.words());
    }
}

#[test]
fn without_the_images_of_all_trials_or_for_another_score_there_is_no_interval_over_images() {
    let two_way = |spec: &str, change: &dyn Fn(&mut TrialResult)| {
        let mut synthetic = with_hits();
        // The first of them is of the control, with 0.1 percent.
        change(&mut synthetic.results[0]);
        verdicts(spec, &synthetic).iter().map(|v| v.two_way.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(two_way(SPEC, &|_| ()), [true, true]);
    let of_ami = SPEC.replace("score = \"test_folds.knn.accuracy\"", "score = \"test_folds.knn.ami\"");
    assert_eq!(two_way(&of_ami, &|_| ()), [false, false]);
    let forget = |result: &mut TrialResult| {
        if let Outcome::Scored { hits, .. } = &mut result.outcome {
            hits.clear();
        }
    };
    assert_eq!(two_way(SPEC, &forget), [false, true]);
    let of_other_data = |result: &mut TrialResult| result.data_sha256 = Some("00ff".into());
    assert_eq!(two_way(SPEC, &of_other_data), [false, true]);
}

#[test]
fn without_results_nothing_is_said() {
    let mut synthetic = Synthetic::new(2);
    synthetic.results.clear();
    let verdicts = verdicts(SPEC, &synthetic);
    assert_eq!(verdicts.len(), 2);
    assert!(verdicts[0].words().starts_with("No seed"), "{}", verdicts[0].words());
}
