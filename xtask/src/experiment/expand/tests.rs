use dml_spec::Ignore;

use super::*;
use crate::experiment::trial::label;

const BASE: &str = r#"
seed = 0
data = { name = "mnist", percent = 0.1 }
model = { hidden = [512, 256], latent_dim = 10 }
routine = { kind = "alternate", alpha = 0.5 }
"#;

fn expanded(base: &Table, grids: &str, seeds: u32) -> Result<Vec<Trial>, Vec<Wrong>> {
    let grids: Table = grids.parse().unwrap();
    let grids = grids.get("grid").and_then(Value::as_array).into_iter().flatten();
    let grids: Vec<_> = grids.map(|grid| grid.as_table().unwrap().clone()).collect();
    expand(base, &grids, seeds)
}

fn trials(grids: &str) -> Result<Vec<Trial>, Vec<Wrong>> {
    expanded(&BASE.parse().unwrap(), grids, 1)
}

fn labels(grids: &str) -> String {
    labelled(trials(grids).unwrap()).join("\n")
}

fn labelled(mut trials: Vec<Trial>) -> Vec<String> {
    label(&mut trials, &Ignore::new());
    trials.into_iter().map(|trial| trial.label).collect()
}

/// What is wrong, each with its place.
fn complaint(grids: &str) -> String {
    in_lines(&trials(grids).unwrap_err())
}

fn in_lines(wrong: &[Wrong]) -> String {
    let lines: Vec<_> =
        wrong.iter().map(|wrong| format!("{}: {}", wrong.path.join("/"), wrong.what)).collect();
    lines.join("\n")
}

#[test]
fn without_a_grid_the_base_runs_alone() {
    let all = trials("").unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].id, trial_id(&BASE.parse().unwrap()));
}

#[test]
fn arrays_are_varied_scalars_and_tables_are_fixed_and_equal_trials_are_one() {
    insta::assert_snapshot!(labels(r#"
[[grid]]
"data.percent" = [0.1, 10.0]
"model.latent_dim" = [2, 10]
"routine.alpha" = 1.0
[[grid]]
"data.percent" = 10.0
"routine.alpha" = [0.5, 1.0]
[[grid]]
"model.hidden" = [[64], [32, 16]]
routine = { kind = "joint", gamma = 2.0 }
"#), @"
    percent=0.1 hidden=[512, 256] latent_dim=2 alpha=1.0 routine=alternate
    percent=0.1 hidden=[512, 256] latent_dim=10 alpha=1.0 routine=alternate
    percent=10.0 hidden=[512, 256] latent_dim=2 alpha=1.0 routine=alternate
    percent=10.0 hidden=[512, 256] latent_dim=10 alpha=1.0 routine=alternate
    percent=10.0 hidden=[512, 256] latent_dim=10 alpha=0.5 routine=alternate
    percent=0.1 hidden=[64] latent_dim=10 routine=joint
    percent=0.1 hidden=[32, 16] latent_dim=10 routine=joint
    ");
}

#[test]
fn a_deep_key_is_set_inside_the_table_that_a_shallow_key_put_there() {
    insta::assert_snapshot!(labels(r#"
[[grid]]
"routine.gamma" = [5.0, 10.0]
routine = { kind = "joint", gamma = 2.0 }
"#), @"
    gamma=5.0
    gamma=10.0
    ");
}

#[test]
fn every_trial_runs_with_every_seed_one_seed_after_the_other() {
    let mut base: Table = BASE.parse().unwrap();
    let grids = ["'model.latent_dim' = [2, 4]".parse().unwrap()];
    for first in [0, 7] {
        base.insert(SEED_KEY.into(), Value::Integer(first));
        let all = expand(&base, &grids, 2).unwrap();
        let labels = labelled(all);
        let expected = [(2, 0), (4, 0), (2, 1), (4, 1)]
            .map(|(latent_dim, seed)| format!("latent_dim={latent_dim} seed={}", first + seed));
        assert_eq!(labels, expected);
    }
}

#[test]
fn mistakes_are_answered_with_their_place_and_what_would_be_right() {
    let fine = "[[grid]]\n'model.latent_dim' = 2\n";
    insta::assert_snapshot!(complaint(&format!("{fine}[[grid]]\n'model.latentdim' = 2")), @"grid/1/model.latentdim: there is no key `model.latentdim`; `model.latent_dim` is the nearest");
    insta::assert_snapshot!(complaint("[[grid]]\n'model.depth' = 2"), @"grid/0/model.depth: there is no key `model.depth`; `model.length` is the nearest");
    insta::assert_snapshot!(complaint("[[grid]]\nmodle = 2"), @"grid/0/modle: there is no key `modle`; `model` is the nearest");
    insta::assert_snapshot!(complaint("[[grid]]\n'optimiser.x.y' = 2"), @"grid/0/optimiser.x.y: there is no key `optimiser.x.y`; a trial has `data`, `distance`, `instance`, `model`, `pseudo_labels`, `routine`, `seed`, `views`");
    insta::assert_snapshot!(complaint("[[grid]]\n'data.name.x' = 2"), @"grid/0/data.name.x: there is no key `data.name.x`; `data.name` is the nearest");
    insta::assert_snapshot!(complaint("[[grid]]\n'data.percent' = [0.1, 10]"), @"grid/0/data.percent: `data.percent` is given the integer 10; write 10.0");
    insta::assert_snapshot!(complaint("[[grid]]\n'data.name' = 3"), @r#"grid/0/data.name: `data.name` is given the integer 3; string like the base's "mnist" would be right"#);
    insta::assert_snapshot!(complaint("[[grid]]\n'model.hidden' = [512, 256]"), @"grid/0/model.hidden: `model.hidden` is given the integer 512; an array in a grid is varied: to set one array, wrap it, as in [[512, 256]]");
    insta::assert_snapshot!(complaint("[[grid]]\nseed = [1, 2]"), @"grid/0/seed: `seed` is set by `seeds`, not by a grid");
    insta::assert_snapshot!(complaint("[[grid]]\n'model.latent_dim' = []"), @"grid/0/model.latent_dim: `model.latent_dim` is varied over an empty array; give it at least one value");
}

#[test]
fn all_mistakes_of_all_grids_are_told() {
    insta::assert_snapshot!(complaint(r#"
[[grid]]
"data.percnt" = 1.0
"data.name" = ["a", 3]
[[grid]]
"model.latent_dim" = []
"routine.alpha" = 1
"#), @r#"
grid/0/data.name: `data.name` is given the integer 3; string like the base's "mnist" would be right
grid/0/data.percnt: there is no key `data.percnt`; `data.percent` is the nearest
grid/1/model.latent_dim: `model.latent_dim` is varied over an empty array; give it at least one value
grid/1/routine.alpha: `routine.alpha` is given the integer 1; write 1.0
"#);
}

#[test]
fn seeds_that_no_trial_can_have_and_more_trials_than_anyone_waits_for_are_refused() {
    let of = |seed: &str, grids: &str, seeds: u32| {
        let base = BASE.replace("seed = 0", &format!("seed = {seed}")).parse().unwrap();
        in_lines(&expanded(&base, grids, seeds).unwrap_err())
    };
    insta::assert_snapshot!(of("9223372036854775807", "", 2), @"base/seed: `seed` is 9223372036854775807, which leaves no room for 2 seeds; at most 9223372036854775806 would be right");
    insta::assert_snapshot!(of("-1", "", 1), @"base/seed: `seed` is -1; 0 or more would be right");
    insta::assert_snapshot!(of("0.5", "", 1), @"base/seed: `seed` is the float 0.5; an integer from 0 on would be right");
    insta::assert_snapshot!(of("0", "[[grid]]\n'model.latent_dim' = [2, 10]", 4_000_000_000), @"seeds: 4000000000 seeds make 8000000000 trials; at most 100000 would be right");
    let many = format!("[[grid]]\n'data.percent' = {0:?}\n'routine.alpha' = {0:?}", [0.5; 400]);
    insta::assert_snapshot!(of("0", &many, 1), @"grid/0: this grid makes 160000 trials a seed; at most 100000 would be right");
    let many = format!("{many}\n'model.latent_dim' = []");
    insta::assert_snapshot!(of("0", &many, 1), @"grid/0: this grid makes 160000 trials a seed; at most 100000 would be right");
    let largest = BASE.replace("seed = 0", "seed = 9223372036854775806").parse().unwrap();
    assert_eq!(expanded(&largest, "", 2).unwrap().len(), 2);
    assert_eq!(
        in_lines(&expand(&Table::new(), &[], 1).unwrap_err()),
        "base: [base] has no `seed`; `seed = 0` would be right (`seeds` then counts it up)"
    );
}
