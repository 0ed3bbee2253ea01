//! Tuned keys, and what counts as a pair.

use dml_store::{Outcome, Scores, TrialResult, trial_id};
use toml::Table;

use super::*;

/// Alpha is chosen on the validation split.
fn choosing() -> String {
    SPEC.replace(", \"routine.alpha\" = 1.0", "")
        + "choose = { keys = ['routine.alpha'], by = 'test_folds.knn.accuracy', on = { 'evaluation.split' = 'validation' } }"
}

#[test]
fn a_choice_that_does_not_say_by_which_trials_is_refused() {
    for on in ["", ", on = {}"] {
        let spec = format!("{SPEC}choose = {{ keys = ['routine.alpha'], by = 's'{on} }}");
        let message = toml::from_str::<VerdictSpec>(&spec).unwrap_err().message().to_string();
        assert_eq!(
            message,
            "`choose` has no `on`: the trials that choose must not be those that are judged; on = { \"evaluation.split\" = \"validation\" } would be right"
        );
    }
}

/// Validation likes alpha 0.5, with 0.4 on the test split; the test split alpha 1. DML has 0.5.
fn tuned_on_validation() -> Synthetic {
    let mut synthetic = Synthetic::new(2);
    let twin = |trial: &Table, split: &str| {
        let mut trial = trial.clone();
        trial.insert("evaluation".into(), toml::Value::Table(format!("split = '{split}'").parse().unwrap()));
        trial
    };
    let mut expected = Vec::new();
    let mut results = Vec::new();
    for result in &synthetic.results {
        for (split, best) in [("validation", 0.5), ("test", 1.0)] {
            let trial = twin(&result.trial, split);
            let alpha = trial["routine"]["alpha"].as_float();
            let dml = trial["model"]["system"].as_str() == Some("dml");
            let accuracy = if dml {
                0.5
            } else if alpha == Some(best) {
                0.9
            } else {
                0.4
            };
            let scores = Scores::from([("test_folds.knn.accuracy".into(), accuracy)]);
            let id = trial_id(&trial);
            results.push(TrialResult {
                id,
                trial: trial.clone(),
                outcome: Outcome::scored(scores),
                ..result.clone()
            });
            expected.push(trial);
        }
    }
    (synthetic.expected, synthetic.results) = (expected, results);
    synthetic
}

#[test]
fn the_choice_can_be_made_on_other_trials_of_the_same_seed() {
    let verdicts = verdicts(&choosing(), &tuned_on_validation());
    assert_eq!(verdicts[0].pairs, 2);
    assert!((verdicts[0].difference.unwrap().mean + 0.1).abs() < 1e-12, "{:?}", verdicts[0].difference);
    assert!(
        verdicts[0].choice.contains("split validation, which are not judged: alpha 0.5 in 2 of 2"),
        "{}",
        verdicts[0].choice
    );
}

#[test]
fn the_control_can_be_tuned_as_the_treatment_is() {
    let turned = choosing()
        .replace("control =", "without =")
        .replace("treatment =", "control =")
        .replace("without =", "treatment =")
        .replace("choose =", "choose_control =");
    let verdicts = verdicts(&turned, &tuned_on_validation());
    assert_eq!(verdicts[0].pairs, 2);
    assert!((verdicts[0].difference.unwrap().mean - 0.1).abs() < 1e-12, "{:?}", verdicts[0].difference);
    assert!(verdicts[0].choice.starts_with("The control’s alpha was chosen"), "{}", verdicts[0].choice);
    assert!(verdicts[0].choice.contains("alpha 0.5 in 2 of 2"), "{}", verdicts[0].choice);
}

#[test]
fn sides_that_choose_on_other_trials_choose_each_on_its_own() {
    let mut synthetic = tuned_on_validation();
    // The split that the control is chosen on likes the treatment's other alpha, and by far.
    for result in synthetic.results.clone() {
        let mut trial = result.trial.clone();
        if trial["evaluation"]["split"].as_str() == Some("validation") {
            trial.insert("evaluation".into(), toml::Value::Table("split = 'other'".parse().unwrap()));
            let accuracy = if trial["routine"]["alpha"].as_float() == Some(1.0) { 1.0 } else { 0.0 };
            let scores = Scores::from([("test_folds.knn.accuracy".into(), accuracy)]);
            let (id, outcome) = (trial_id(&trial), Outcome::scored(scores));
            synthetic.results.push(TrialResult { id, trial: trial.clone(), outcome, ..result });
            synthetic.expected.push(trial);
        }
    }
    let both = choosing()
        + "\nchoose_control = { keys = ['routine.alpha'], by = 'test_folds.knn.accuracy', on = { 'evaluation.split' = 'other' } }";
    let verdict = verdicts(&both, &synthetic).remove(0);
    assert_eq!(verdict.pairs, 2);
    assert!((verdict.difference.unwrap().mean + 0.1).abs() < 1e-12, "{:?}", verdict.difference);
    assert!(verdict.choice.contains("alpha 0.5 in 2 of 2"), "{}", verdict.choice);
}

#[test]
fn where_no_trial_is_like_the_judged_ones_nothing_decides_and_nothing_is_said_to_have_diverged() {
    let mut synthetic = tuned_on_validation();
    let is_of_validation = |trial: &Table| trial["evaluation"]["split"].as_str() == Some("validation");
    // The split is held out of the training images, which `on` does not say.
    for trial in synthetic.expected.iter_mut().chain(synthetic.results.iter_mut().map(|r| &mut r.trial)) {
        let held_out = if is_of_validation(trial) { 5000 } else { 0 };
        trial["data"].as_table_mut().unwrap().insert("validation".into(), held_out.into());
    }
    for result in &mut synthetic.results {
        result.id = trial_id(&result.trial);
    }
    let verdict = verdicts(&choosing(), &synthetic).remove(0);
    assert_eq!((verdict.pairs, lost(&verdict)), (2, [0, 0, 0, 2, 0, 0]));
    assert_eq!(verdict.diverged, Diverged::default());
    let words = verdict.words();
    assert!(
        words.contains(
            "2 because no trial decides the tuned keys, one that is like them in all but the keys of `on`"
        ),
        "{words}"
    );
    let whole = choosing().replace("{ 'evaluation.split'", "{ 'data.validation' = 5000, 'evaluation.split'");
    assert_eq!(lost(&verdicts(&whole, &synthetic)[0]), [0; 6]);
}

/// `change` of every trial beside the trial itself, with its own result.
fn twice(synthetic: &mut Synthetic, change: impl Fn(&mut Table), score: impl Fn(&Table) -> Option<f64>) {
    let (mut expected, mut results) = (Vec::new(), Vec::new());
    for result in &synthetic.results {
        let mut twin = result.trial.clone();
        change(&mut twin);
        for trial in [result.trial.clone(), twin] {
            if let Some(accuracy) = score(&trial) {
                let scores = Scores::from([("test_folds.knn.accuracy".into(), accuracy)]);
                let outcome = Outcome::scored(scores);
                let id = trial_id(&trial);
                results.push(TrialResult { id, trial: trial.clone(), outcome, ..result.clone() });
            }
            expected.push(trial);
        }
    }
    (synthetic.expected, synthetic.results) = (expected, results);
}

#[test]
fn a_seed_that_has_lost_a_pair_is_left_out_whole() {
    let fixed = SPEC.replace("\"routine.alpha\" = 1.0", "\"routine.alpha\" = 0.5");
    let mut synthetic = Synthetic::new(4);
    // Two latent dimensions with effects of +0.4 and -0.2, so +0.1 for a seed that has both; seed 0
    // has lost the worse one.
    twice(
        &mut synthetic,
        |trial| drop(trial["model"].as_table_mut().unwrap().insert("latent_dim".into(), 2.into())),
        |trial| {
            let treated = trial["model"]["system"].as_str() == Some("dml_autoencoder");
            let effect = if trial["model"]["latent_dim"].as_integer() == Some(2) { 0.4 } else { -0.2 };
            let seed = trial["seed"].as_integer().unwrap();
            (seed > 0 || !treated || effect > 0.0)
                .then_some(0.5 + if treated { effect + 0.001 * (seed as f64 - 2.0) } else { 0.0 })
        },
    );
    let verdicts = verdicts(&fixed, &synthetic);
    let difference = verdicts[0].difference.unwrap();
    assert_eq!(difference.n, 3, "{difference:?}");
    assert!((difference.mean - 0.1).abs() < 1e-12, "{difference:?}");
    assert_eq!((verdicts[0].pairs, lost(&verdicts[0])), (8, [0, 0, 1, 0, 0, 1]));
    let words = verdicts[0].words();
    assert!(words.ends_with("2 of 8 pairs are lost: 1 because a result is missing, 1 because their seed has lost another pair. A seed is the mean over pairs that differ in model.latent_dim."), "{words}");
}

#[test]
fn seeds_that_have_pairs_of_other_kinds_are_told() {
    let fixed = SPEC.replace("\"routine.alpha\" = 1.0", "\"routine.alpha\" = 0.5");
    let mut synthetic = Synthetic::new(4);
    // The seeds 2 and 3 have other latent dimensions than 0 and 1.
    for trial in synthetic.expected.iter_mut().chain(synthetic.results.iter_mut().map(|r| &mut r.trial)) {
        if trial["seed"].as_integer() > Some(1) {
            trial["model"].as_table_mut().unwrap().insert("latent_dim".into(), 2.into());
        }
    }
    for result in &mut synthetic.results {
        result.id = trial_id(&result.trial);
    }
    let words = verdicts(&fixed, &synthetic)[0].words();
    assert!(words.ends_with("Careful: seeds have pairs that differ in model.latent_dim, and not each has those of the others, so the mean over seeds is one of unlike things."), "{words}");
}

#[test]
fn what_is_neither_judged_nor_decides_is_in_no_mean() {
    // Beside the deciding trials, which hold out 5000 images, are such of the treatment that hold
    // out 1000, and are bad.
    let mut synthetic = tuned_on_validation();
    for result in synthetic.results.clone() {
        let mut trial = result.trial.clone();
        let is_of_validation = trial["evaluation"]["split"].as_str() == Some("validation");
        if is_of_validation && trial["model"]["system"].as_str() == Some("dml_autoencoder") {
            trial["evaluation"].as_table_mut().unwrap().insert("held_out".into(), 1000.into());
            let scores = Scores::from([("test_folds.knn.accuracy".into(), 0.0)]);
            let (id, outcome) = (trial_id(&trial), Outcome::scored(scores));
            synthetic.results.push(TrialResult { id, trial: trial.clone(), outcome, ..result });
            synthetic.expected.push(trial);
        }
    }
    for trial in synthetic.expected.iter_mut().chain(synthetic.results.iter_mut().map(|r| &mut r.trial)) {
        let evaluation = trial["evaluation"].as_table_mut().unwrap();
        let held_out = if evaluation["split"].as_str() == Some("validation") { 5000 } else { 0 };
        evaluation.entry("held_out").or_insert(held_out.into());
    }
    for result in &mut synthetic.results {
        result.id = trial_id(&result.trial);
    }
    let on = "{ 'evaluation.split' = 'validation', 'evaluation.held_out' = 5000 }";
    let verdict =
        verdicts(&choosing().replace("{ 'evaluation.split' = 'validation' }", on), &synthetic).remove(0);
    assert_eq!((verdict.pairs, lost(&verdict)), (2, [0; 6]));
    assert!((verdict.difference.unwrap().mean + 0.1).abs() < 1e-12, "{:?}", verdict.difference);
}

#[test]
fn of_settings_that_are_as_good_the_first_in_the_sweep_is_taken_and_that_is_said() {
    let mut synthetic = tuned_on_validation();
    let is_of_validation = |trial: &Table| trial["evaluation"]["split"].as_str() == Some("validation");
    for result in synthetic.results.iter_mut().filter(|r| is_of_validation(&r.trial)) {
        result.outcome = Outcome::scored(Scores::from([("test_folds.knn.accuracy".into(), 0.5)]));
    }
    let choice = verdicts(&choosing(), &synthetic).remove(0).choice;
    assert!(
        choice.contains(
            "alpha 0.5 in 2 of 2 pairs. In 2 of 2 another was as good, and the first in the sweep was taken."
        ),
        "{choice}"
    );
    synthetic.expected.reverse();
    let choice = verdicts(&choosing(), &synthetic).remove(0).choice;
    assert!(choice.contains("alpha 1 in 2 of 2 pairs. In 2 of 2 another was as good"), "{choice}");
}

#[test]
fn a_chosen_setting_that_is_not_judged_and_sides_that_never_meet_are_told() {
    let mut synthetic = tuned_on_validation();
    let is_judged_and_chosen = |trial: &Table| {
        trial["evaluation"]["split"].as_str() == Some("test")
            && trial["model"]["system"].as_str() == Some("dml_autoencoder")
            && trial["routine"]["alpha"].as_float() == Some(0.5)
    };
    synthetic.expected.retain(|trial| !is_judged_and_chosen(trial));
    let verdict = verdicts(&choosing(), &synthetic).remove(0);
    assert_eq!((verdict.pairs, lost(&verdict)), (2, [0, 0, 0, 0, 2, 0]));
    let words = verdict.words();
    assert!(
        words.contains("2 because what was chosen for the tuned keys has no trial that is judged"),
        "{words}"
    );
    let never = SPEC.replace(", \"routine.alpha\" = 1.0", "").replace("\"dml\"", "\"pixels\"");
    let mut synthetic = Synthetic::new(2);
    synthetic.expected.retain(|trial| {
        trial["model"]["system"].as_str() != Some("dml_autoencoder")
            || trial["routine"]["alpha"].as_float() == Some(1.0)
    });
    let words = verdicts(&never, &synthetic)[0].words();
    assert!(words.starts_with("There is no pair: "), "{words}");
}

#[test]
fn only_trials_of_the_treatment_choose() {
    let spec = choosing();
    let mut synthetic = Synthetic::new(2);
    // The control, which is bad, has validation trials too, whose files say alpha 0.5.
    let validation = |trial: &mut Table| {
        trial.insert(
            "evaluation".into(),
            Table::from_iter([("split".to_string(), "validation".into())]).into(),
        );
    };
    twice(&mut synthetic, validation, |trial| {
        let treated = trial["model"]["system"].as_str() == Some("dml_autoencoder");
        Some(match (treated, trial["routine"]["alpha"].as_float()) {
            (true, Some(0.5)) => 0.9,
            (true, _) => 0.7,
            (false, _) => 0.1,
        })
    });
    let verdicts = verdicts(&spec, &synthetic);
    assert!(verdicts[0].choice.contains("alpha 0.5 in 2 of 2"), "{}", verdicts[0].choice);
}

/// The validation trial of alpha 1 and seed 1.
fn decides(result: &TrialResult) -> bool {
    let trial = &result.trial;
    trial.contains_key("evaluation")
        && trial["routine"]["alpha"].as_float() == Some(1.0)
        && trial["seed"].as_integer() == Some(1)
}

#[test]
fn nothing_is_chosen_before_all_trials_that_decide_have_ended() {
    let spec = choosing();
    let judged = |change: fn(&mut Synthetic)| {
        let mut synthetic = Synthetic::new(3);
        let split = |trial: &mut Table| {
            let validation = Table::from_iter([("split".to_string(), "validation".into())]);
            trial.insert("evaluation".into(), validation.into());
        };
        // Alpha 1 is best on validation: 0.9 against 0.8.
        twice(&mut synthetic, split, |trial| {
            Some(if trial["routine"]["alpha"].as_float() == Some(1.0) { 0.9 } else { 0.8 })
        });
        change(&mut synthetic);
        verdicts(&spec, &synthetic).remove(0)
    };
    assert!(judged(|_| ()).choice.contains("alpha 1 in 3 of 3"));
    let missing = judged(|synthetic| synthetic.results.retain(|result| !decides(result)));
    assert_eq!((missing.pairs, lost(&missing), missing.difference), (3, [0, 0, 3, 0, 0, 0], None));
    let diverged = judged(|synthetic| {
        for result in synthetic.results.iter_mut().filter(|result| decides(result)) {
            result.outcome = Outcome::Diverged { epoch: 1, reason: "made up".into() };
        }
    });
    assert!(diverged.choice.contains("alpha 0.5 in 3 of 3"), "{}", diverged.choice);
}
