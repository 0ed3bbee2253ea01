use dml_spec::Ignore;
use dml_store::{Outcome, Scores};

use super::*;
use crate::evidence::join;
use crate::synthetic::Synthetic;

fn checked(spec: &str, synthetic: &Synthetic) -> Prediction {
    let ignore = Ignore::new();
    let trials = join(&synthetic.results, &synthetic.expected, &ignore);
    check(&[toml::from_str(spec).unwrap()], &trials, &Ranks::of(&trials)).remove(0)
}

/// Accuracies of dml: 0.2 with few labels and 0.8 with many, give or take 0.01.
fn made() -> Synthetic {
    let mut synthetic = Synthetic::new(3);
    synthetic.rescore(|_, percent, seed| {
        let accuracy = if percent < 1.0 { 0.2 } else { 0.8 };
        (accuracy + 0.01 * (seed - 1) as f64, 0.5)
    });
    synthetic
}

const RANGE: &str = "kind = 'range'\nname = 'many'\nsays = 'Many labels do'\nscore = 'test_folds.knn.accuracy'\n\
                     each = ['data.labelled_percent']\n";

fn range(bounds: &str) -> String {
    format!("{RANGE}{bounds}\nselect = {{ 'model.system' = 'dml' }}")
}

#[test]
fn a_range_is_held_where_all_cases_are_in_it_and_failed_where_one_is_not() {
    let held = checked(&range("below = 0.85"), &made());
    assert_eq!(held.fate, Fate::Held);
    insta::assert_snapshot!(markdown(&[held]), @"- **held**: Many labels do. In 2 of 2 cases the mean knn accuracy (test folds) over seeds is below 0.85; the nearest to the bound is labelled percent 10: 0.8000 (+0.7752 to +0.8248, 3 seeds).");
    let failed = checked(&range("at_least = 0.79"), &made());
    assert_eq!(failed.fate, Fate::Failed);
    insta::assert_snapshot!(markdown(&[failed]), @"- **failed**: Many labels do. In 1 of 2 cases the mean knn accuracy (test folds) over seeds is 0.79 or more; the nearest to the bound is labelled percent 10: 0.8000 (+0.7752 to +0.8248, 3 seeds, an interval that is partly outside); not in labelled percent 0.1: 0.2000 (+0.1752 to +0.2248, 3 seeds).");
    let both =
        |low: f64, high: f64| checked(&range(&format!("at_least = {low}\nbelow = {high}")), &made()).fate;
    // The means are 0.2 and 0.8.
    assert_eq!([both(0.19, 0.9), both(0.21, 0.9), both(0.1, 0.79)], [Fate::Held, Fate::Failed, Fate::Failed]);
}

#[test]
fn a_prediction_is_open_as_long_as_a_trial_has_no_result() {
    let mut synthetic = made();
    synthetic.lose("dml", 10.0, 1);
    let open = checked(&range("below = 0.85"), &synthetic);
    assert_eq!(open.fate, Fate::Open);
    insta::assert_snapshot!(open.found, @"In 2 of 2 cases the mean knn accuracy (test folds) over seeds is below 0.85; the nearest to the bound is labelled percent 10: 0.8050 (+0.7415 to +0.8685, 2 seeds, an interval that is partly outside). 1 of 6 trials have no such score yet.");
    // The case of 10% fails by the trials that it has, and may yet hold; that of 0.1% is over.
    assert_eq!(checked(&range("below = 0.5"), &synthetic).fate, Fate::Open);
    assert_eq!(checked(&range("at_least = 0.5"), &synthetic).fate, Fate::Failed);
    synthetic = made();
    synthetic.diverge("dml", 0.1, 1);
    let open = checked(&range("below = 0.85"), &synthetic);
    assert!(
        open.fate == Fate::Open
            && open.found.ends_with("1 of 6 trials diverged: those that are left are those that went well."),
        "{}",
        open.found
    );
    synthetic.results.clear();
    assert_eq!(
        checked(&range("below = 0.85"), &synthetic).found,
        "In 0 of 2 cases the mean knn accuracy (test folds) over seeds is below 0.85. 6 of 6 trials have no such score yet."
    );
    let nothing = checked(&range("below = 0.85").replace("'dml'", "'vae'"), &made());
    assert_eq!(
        (nothing.fate, nothing.found.as_str()),
        (Fate::Open, "The sweep has no trial that it speaks of.")
    );
}

/// AMI and KL of dml with few and with many labels.
fn with_information(few: (f64, f64), many: (f64, f64)) -> Synthetic {
    let mut synthetic = Synthetic::new(1);
    for result in &mut synthetic.results {
        let percent = result.trial["data"]["labelled_percent"].as_float().unwrap();
        let (ami, kl) = if percent < 1.0 { few } else { many };
        let scores = Scores::from([("ami".into(), ami), ("kl".into(), kl)]);
        result.outcome = Outcome::scored(scores);
    }
    synthetic
}

const INFORMATION: &str = "kind = 'information'\nname = 'bound'\nsays = 'A sample knows no more than it holds'\n\
                           ami = 'ami'\nkl = 'kl'\nclasses = 10\ntolerance = 0.01\nselect = { 'model.system' = 'dml' }";

#[test]
fn no_read_out_knows_more_than_its_embedding_holds() {
    let fate = |ami: f64, kl: f64| checked(INFORMATION, &with_information((ami, kl), (0.0, 1.0))).fate;
    // Nothing of nothing, all of much; 0.1 of ln 10 is 0.23 nats.
    assert_eq!([fate(0.0, 0.0), fate(1.0, 20.0), fate(0.1, 0.25)], [Fate::Held; 3]);
    // 0.157 is 0.36 nats if the labels are evenly spread and more than 0.19 nats however they are:
    // the largest AMI of 0.19 nats is 0.152, that of 0.21 nats 0.167.
    assert_eq!(
        [fate(0.157, 0.18), fate(0.157, 0.2), fate(0.157, 0.36)],
        [Fate::Failed, Fate::Open, Fate::Held]
    );
    let found = |few, many| markdown(&[checked(INFORMATION, &with_information(few, many))]);
    let id = |text: String| {
        let (before, rest) = text.split_once("trial ").unwrap();
        format!("{before}trial …{}", rest.split_once(' ').map(|(_, after)| format!(" {after}")).unwrap())
    };
    insta::assert_snapshot!(id(found((0.0, 0.005), (0.6457, 8.62))), @"- **held**: A sample knows no more than it holds. 2 of 2 trials hold; nearest to the bound is trial … with AMI 0.0000, which is at most 0.0000 nats, and KL 0.0050.");
    insta::assert_snapshot!(id(found((0.157, 0.005), (0.9, 2.0))), @"- **failed**: A sample knows no more than it holds. 0 of 2 trials hold; 1 fail; 1 are open, for the AMI alone does not tell; farthest beyond it is trial … with AMI 0.1570, which is at most 0.3615 nats, and KL 0.0050.");
}

#[test]
fn a_seed_counts_in_a_range_with_all_its_trials_and_what_it_is_the_mean_of_is_said() {
    // A seed has few labels, with 0.2, and many, with 0.8.
    let range = "kind = 'range'\nname = 'p'\nsays = 'P'\nscore = 'test_folds.knn.accuracy'\neach = []\nbelow = 0.55\n\
                 select = { 'model.system' = 'dml' }";
    let mut synthetic = made();
    assert_eq!(checked(range, &synthetic).fate, Fate::Held);
    synthetic.diverge("dml", 0.1, 1);
    let left = checked(range, &synthetic);
    assert_eq!(left.fate, Fate::Open);
    assert!(left.found.contains("0.5050 ("), "the mean of seeds 1 and 2: {}", left.found);
    assert!(
        left.found.contains("Careful: a seed is the mean over trials that differ in data.labelled_percent."),
        "{}",
        left.found
    );
}
