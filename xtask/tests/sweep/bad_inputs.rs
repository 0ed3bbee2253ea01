//! Bad inputs, each with the exit code and the sentence that it gets.

use std::fs;
use std::process::{Command, Stdio};

use super::bench::{Bench, report_program};

/// What every sweep file begins with.
const HEAD: &str = "claim = 'c'\ncommand = 'x'\nseeds = 1\nseconds_per_trial = 1.0\n";
const BASE: &str = "[base]\nseed = 0\nepochs = 20\nmodel = { hidden = [8], dim = 2 }\n";

/// The exit code of a call in a bench's folder, and all that it says; of what clap says the first
/// line, which is the sentence.
fn answer(bench: &Bench, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env("DML_REPORT", report_program());
    let output = command.args(arguments).stdin(Stdio::null()).current_dir(bench.path("")).output().unwrap();
    let folder = bench.path("").display().to_string();
    let mut said = String::from_utf8(output.stderr).unwrap().replace(&folder, "");
    // All sweeps that there are.
    while let (Some(first), Some(last)) = (said.find("collapse, "), said.find("vamp-nll")) {
        said.replace_range(first..last + "vamp-nll".len(), "…");
    }
    assert!(output.stdout.is_empty(), "{arguments:?} prints {:?}", String::from_utf8_lossy(&output.stdout));
    assert!(said.starts_with("error: ") && !said.contains("panicked"), "{arguments:?}: {said}");
    let sentence = said.split("\n\n").next().unwrap().trim_end();
    format!("{} {}", output.status.code().unwrap(), sentence.strip_prefix("error: ").unwrap())
}

/// An answer for each call.
fn answers(bench: &Bench, calls: &[&str]) -> String {
    let of_call = |call: &&str| {
        let arguments: Vec<&str> = call.split(' ').collect();
        format!("{call}\n    {}", answer(bench, &arguments))
    };
    calls.iter().map(of_call).collect::<Vec<_>>().join("\n")
}

/// An answer for each text of a sweep file.
fn answers_to_files(texts: &[&str]) -> String {
    let bench = Bench::new(&["fine"], 1);
    let of_text = |text: &&str| {
        fs::write(bench.path("mine.toml"), text).unwrap();
        answer(&bench, &["sweep", "mine.toml", "--store", "store", "--plan"])
            .replace("this cannot be run: ", "")
    };
    texts.iter().map(of_text).collect::<Vec<_>>().join("\n")
}

const VALUES: [&str; 13] = [
    "sweep sweep.toml --sedes 3",
    "sweep sweep.toml --seeds 0",
    "sweep sweep.toml --seeds -1",
    "sweep sweep.toml --seeds three",
    "sweep sweep.toml --seeds 4000000000",
    "sweep sweep.toml --jobs 0",
    "sweep sweep.toml --jobs 70000",
    "sweep sweep.toml --retries -1",
    "sweep sweep.toml --epoch-limit 0",
    "sweep sweep.toml --heartbeat=0",
    "sweep sweep.toml --stack 0",
    "sweep sweep.toml --at-once 0",
    "sweep sweep.toml --executor cloud",
];

const CALLS: [&str; 17] = [
    "swep",
    "sweep quik",
    "sweep nowhere/mine.toml",
    "sweep sweep.toml --plan --status",
    "sweep sweep.toml --replay",
    "sweep sweep.toml --sbatch=--output=mine",
    "sweep sweep.toml --sbatch=--comment='mine",
    "sweep sweep.toml --store sweep.toml",
    "sweep sweep.toml --store store --stop-early",
    "sweep sweep.toml --store store --stop-early --executor slurm",
    "sweep sweep.toml --store store --at-once 3",
    "sweep sweep.toml --store store --sbatch=--time=3",
    "sweep sweep.toml --store store --executor slurm --jobs 3",
    "sweep sweep.toml --store store --quiet --dml nowhere",
    "report quik",
    "report sweep.toml --store store --out sweep.toml",
    "test --some",
];

#[test]
fn bad_values_of_options() {
    let bench = Bench::new(&["fine"], 1);
    insta::assert_snapshot!(answers(&bench, &VALUES), @r"
    sweep sweep.toml --sedes 3
        2 unexpected argument '--sedes' found
    sweep sweep.toml --seeds 0
        2 invalid value '0' for '--seeds <N>': 0 is not in 1..=4294967295
    sweep sweep.toml --seeds -1
        2 unexpected argument '-1' found
    sweep sweep.toml --seeds three
        2 invalid value 'three' for '--seeds <N>': invalid digit found in string
    sweep sweep.toml --seeds 4000000000
        2 this cannot be run: sweep.toml: 4000000000 seeds make 4000000000 trials; at most 100000 would be right
    sweep sweep.toml --jobs 0
        2 invalid value '0' for '--jobs <N>': 0 is not in 1..=65535
    sweep sweep.toml --jobs 70000
        2 invalid value '70000' for '--jobs <N>': 70000 is not in 1..=65535
    sweep sweep.toml --retries -1
        2 unexpected argument '-1' found
    sweep sweep.toml --epoch-limit 0
        2 invalid value '0' for '--epoch-limit <SECONDS>': 0 is not in 1..18446744073709551615
    sweep sweep.toml --heartbeat=0
        2 invalid value '0' for '--heartbeat[=<SECONDS>]': 0 is not in 1..=4294967295
    sweep sweep.toml --stack 0
        2 invalid value '0' for '--stack <N>': 0 is not in 1..=65535
    sweep sweep.toml --at-once 0
        2 invalid value '0' for '--at-once <N>': 0 is not in 1..=65535
    sweep sweep.toml --executor cloud
        2 invalid value 'cloud' for '--executor <EXECUTOR>'
      [possible values: local, slurm]
    ");
}

#[test]
fn bad_calls() {
    let bench = Bench::new(&["fine"], 1);
    insta::assert_snapshot!(answers(&bench, &CALLS), @r#"
    swep
        2 unrecognized subcommand 'swep'
    sweep quik
        2 this cannot be run: there is no sweep "quik"; quick is the nearest of …, and the path of a sweep file would be right too
    sweep nowhere/mine.toml
        2 this cannot be run: there is no sweep "nowhere/mine.toml"; there are …, and the path of a sweep file would be right too
    sweep sweep.toml --plan --status
        2 the argument '--plan' cannot be used with '--status'
    sweep sweep.toml --replay
        2 the following required arguments were not provided:
      --stop-early
    sweep sweep.toml --sbatch=--output=mine
        2 invalid value '--output=mine' for '--sbatch <OPTIONS>': leave out --output=mine: the logs are in STORE/slurm/NAME-N/logs, where the sweep reads how a task died
    sweep sweep.toml --sbatch=--comment='mine
        2 invalid value '--comment='mine' for '--sbatch <OPTIONS>': "--comment='mine" has a quote without its end, or a backslash at its end; a shell's quotes would be right
    sweep sweep.toml --store sweep.toml
        2 this cannot be run: sweep.toml/trials: Not a directory (os error 20)
    sweep sweep.toml --store store --stop-early
        2 this cannot be run: sweep.toml: has no [stop_early] with first_epochs, reduction_factor, score and within, which --stop-early needs
    sweep sweep.toml --store store --stop-early --executor slurm
        2 this cannot be run: --stop-early decides on one trial at a time, here: leave out --executor slurm and --stack
    sweep sweep.toml --store store --at-once 3
        2 this cannot be run: --at-once is for Slurm: add --executor slurm, or leave it out
    sweep sweep.toml --store store --sbatch=--time=3
        2 this cannot be run: --sbatch is for Slurm: add --executor slurm, or leave it out
    sweep sweep.toml --store store --executor slurm --jobs 3
        2 this cannot be run: --jobs is for processes on this machine: leave it out
    sweep sweep.toml --store store --quiet --dml nowhere
        2 this cannot be run: nowhere: is no dml to run: No such file or directory (os error 2)
    report quik
        2 this cannot be run: there is no sweep "quik"; quick is the nearest of …, and the path of a sweep file would be right too
    report sweep.toml --store store --out sweep.toml
        1 sweep.toml: sweep.toml/tables: Not a directory (os error 20)
    test --some
        2 unexpected argument '--some' found
    "#);
}

#[test]
fn bad_stores() {
    let bench = Bench::new(&["fine"], 1);
    fs::create_dir(bench.path("store")).unwrap();
    let of_marker = |marker: &str, call: &str| {
        fs::write(bench.path("store/store.json"), marker).unwrap();
        format!("{marker}\n    {}", answer(&bench, &call.split(' ').collect::<Vec<_>>()))
    };
    let status = "sweep sweep.toml --store store --status";
    let answers = [
        of_marker("", status),
        of_marker("{}", status),
        of_marker("{\"format\": 9}", status),
        of_marker("{\"format\": \"1\"}", status),
        of_marker(
            "{\"format\": 1, \"heartbeat_seconds\": 180}",
            "sweep sweep.toml --store store --heartbeat=60 --status",
        ),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r#"
        2 this cannot be run: store/store.json: EOF while parsing a value at line 1 column 0; use another --store
    {}
        2 this cannot be run: store/store.json: has no "format"; this version writes 1; use another --store
    {"format": 9}
        2 this cannot be run: store/store.json: run store of format 9, this version reads format 1; use another --store
    {"format": "1"}
        2 this cannot be run: store/store.json: has no "format"; this version writes 1; use another --store
    {"format": 1, "heartbeat_seconds": 180}
        2 this cannot be run: store/store.json: claims of this store are given up after 180 s, not 60; --heartbeat=180 would be right
    "#);
}

fn sweep_files() -> Vec<String> {
    let with = |more: &str| format!("{HEAD}{more}");
    let on_base = |more: &str| format!("{HEAD}{BASE}{more}");
    vec![
        String::new(),
        "no TOML".into(),
        format!("{HEAD}{HEAD}"),
        with(""),
        with("base = 3\n"),
        with("[base]\nepochs = 20\n"),
        on_base("").replace("seeds = 1", "seeds = 0"),
        on_base("").replace("seeds = 1", "seeds = -1"),
        on_base("").replace("seeds = 1", "seeds = 1.5"),
        on_base("").replace("seeds = 1", "seeds = 'one'"),
        on_base("").replace("seeds = 1", "seeds = 4000000000"),
        on_base("").replace("seeds = 1", "seeds = 4294967296"),
        on_base("").replace("seconds_per_trial = 1.0", "seconds_per_trial = nan"),
        on_base("").replace("seconds_per_trial", "second_per_trial"),
        on_base("").replace("seed = 0", "seed = -1"),
        on_base("").replace("seed = 0", "seed = 0.5"),
        on_base("").replace("seed = 0", "seed = 'zero'"),
        on_base("").replace("seed = 0", "seed = 9223372036854775807").replace("seeds = 1", "seeds = 2"),
        on_base("").replace("seed = 0", "seed = 9223372036854775808"),
        on_base("").replace(BASE, "extends = 'tabel-1'\n"),
        on_base("").replace(BASE, "extends = 'table-1.toml'\n"),
        on_base("").replace(BASE, "extends = 'mine'\n"),
        on_base("").replace(BASE, "include = ['quick', 'table-11']\n"),
        on_base("").replace(BASE, "include = 'quick'\n"),
        on_base("").replace(BASE, &format!("grid = 3\n{BASE}")),
        on_base("").replace(BASE, &format!("select = 3\n{BASE}")),
    ]
}

#[test]
fn bad_sweep_files() {
    let texts = sweep_files();
    insta::assert_snapshot!(answers_to_files(&texts.iter().map(String::as_str).collect::<Vec<_>>()), @r#"
    2 mine.toml: `claim` is missing
    mine.toml: `command` is missing
    mine.toml: `seconds_per_trial` is missing
    mine.toml: `seeds` is missing
    2 mine.toml: line 1: key with no value, expected `=`
    2 mine.toml: line 5: duplicate key
    mine.toml: line 6: duplicate key
    mine.toml: line 7: duplicate key
    mine.toml: line 8: duplicate key
    2 mine.toml: [base] has no `seed`; `seed = 0` would be right (`seeds` then counts it up)
    2 mine.toml: line 5: `base` is the integer `3`; a table would be right
    2 mine.toml: line 5: [base] has no `seed`; `seed = 0` would be right (`seeds` then counts it up)
    2 mine.toml: line 3: `seeds` is 0; 1 or more would be right
    2 mine.toml: line 3: `seeds` is the integer `-1`; an integer from 0 to 4294967295 would be right
    2 mine.toml: line 3: `seeds` is the floating point `1.5`; an integer from 0 to 4294967295 would be right
    2 mine.toml: line 3: `seeds` is the string "one"; an integer from 0 to 4294967295 would be right
    2 mine.toml: line 3: 4000000000 seeds make 4000000000 trials; at most 100000 would be right
    2 mine.toml: line 3: `seeds` is the integer `4294967296`; an integer from 0 to 4294967295 would be right
    2 mine.toml: line 4: `seconds_per_trial` is NaN; a measured time above 0 would be right
    2 mine.toml: `seconds_per_trial` is missing
    mine.toml: line 4: there is no key `second_per_trial`; `seconds_per_trial` is the nearest
    2 mine.toml: line 6: `seed` is -1; 0 or more would be right
    2 mine.toml: line 6: `seed` is the float 0.5; an integer from 0 on would be right
    2 mine.toml: line 6: `seed` is the string "zero"; an integer from 0 on would be right
    2 mine.toml: line 6: `seed` is 9223372036854775807, which leaves no room for 2 seeds; at most 9223372036854775806 would be right
    2 mine.toml: line 6: `seed` is too large; at most 9223372036854775807 would be right
    2 mine.toml: line 5: there is no sweep "tabel-1"; table-1 is the nearest of …
    2 mine.toml: line 5: "table-1.toml" is a path; the name of a sweep of the same folder or of xtask/sweeps would be right
    2 mine.toml: line 5: this is "mine" itself; sweeps may not build on each other
    2 mine.toml: line 5: there is no sweep "table-11"; table-1 is the nearest of …
    2 mine.toml: line 5: `include` is the string "quick"; an array would be right
    2 mine.toml: line 5: `grid` is the integer `3`; an array would be right
    2 mine.toml: line 5: `select` is the integer `3`; a table would be right
    "#);
}

#[test]
fn bad_sections_of_sweep_files() {
    let on_base = |more: &str| format!("{HEAD}{BASE}{more}");
    let texts = [
        "[[grid]]\nepoch = 2\n",
        "[[grid]]\n'model.layers' = 2\n",
        "[[grid]]\nepochs = [2, 2.0]\n",
        "[[grid]]\nepochs = []\n",
        "[[grid]]\nseed = [1, 2]\n",
        "[[grid]]\n'model.hidden' = [8, 16]\n",
        "[grid]\nepochs = 2\n",
        "[[table]]\nname = 't'\n",
        "[[table]]\nname = 't'\ntitle = 'T'\nrow = []\nrows = []\nscores = 'accuracy'\n",
        "[[verdict]]\nname = 'v'\nproposals = 'P'\n",
        "[[figure]]\nkind = 'pie'\n",
        "[[figure]]\nkind = 'score'\nname = 'f'\ntitle = 'F'\n",
        "[[figure]]\nname = 'f'\n",
        "[stop_early]\nfirst_epochs = 0\nreduction_factor = 1\nscore = 's'\nwithin = []\n",
        "[stop_early]\nfirst_epochs = 1\n",
        "[ignore]\nmodel = 3\n",
        "[baselines]\n[selects]\n",
    ];
    let texts = texts.map(on_base);
    insta::assert_snapshot!(answers_to_files(&texts.each_ref().map(String::as_str)), @r#"
    2 mine.toml: line 10: there is no key `epoch`; `epochs` is the nearest
    2 mine.toml: line 10: there is no key `model.layers`; `model` has here `model.decoders`, `model.dim`, `model.hidden`, `model.length`
    2 mine.toml: line 10: `epochs` is given the float 2.0; integer like the base's 20 would be right
    2 mine.toml: line 10: `epochs` is varied over an empty array; give it at least one value
    2 mine.toml: line 10: `seed` is set by `seeds`, not by a grid
    2 mine.toml: line 10: `model.hidden` is given the integer 8; an array in a grid is varied: to set one array, wrap it, as in [[512, 256]]
    2 mine.toml: line 9: `grid` is the table; an array would be right
    2 mine.toml: line 9: `table` has no `title`, `rows`, `scores`
    2 mine.toml: line 12: there is no key `row`; `rows` is the nearest
    mine.toml: line 14: `scores` is the string "accuracy"; an array would be right
    2 mine.toml: line 9: `verdict` has no `proposal`, `treatment`, `control`, `each`, `score`
    mine.toml: line 11: there is no key `proposals`; `proposal` is the nearest
    2 mine.toml: line 10: `kind`: there is no `pie`; there are `latent`, `geodesics`, `curves`, `score`, `information`, `images`
    2 mine.toml: line 9: `figure` has no `x`, `score`, `lines`
    2 mine.toml: line 9: `figure` has no `kind`
    2 mine.toml: line 10: `stop_early.first_epochs` is 0; 1 or more would be right
    mine.toml: line 11: `stop_early.reduction_factor` is 1; 2 or more would be right
    2 mine.toml: line 9: `stop_early` has no `reduction_factor`, `score`, `within`
    2 mine.toml: line 10: `model` is the integer `3`; a table would be right
    2 mine.toml: line 10: there is no key `selects`; `select` is the nearest
    "#);
}
