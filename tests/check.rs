//! `dml check`, and calls of `dml run` that are wrong.

use std::fs;

use crate::call::{Answer, call, stdout_of, text};
use crate::store::trial;

#[test]
fn check_tells_ids_and_goes_on_after_a_bad_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let trial = trial("seed = 7");
    let good = write("good.toml", &toml::to_string(&trial).unwrap());
    let of_bad = toml::to_string(&trial).unwrap().replace("beta = 1.0", "beta = -1.0");
    let line = 1 + of_bad.lines().position(|line| line == "beta = -1.0").unwrap();
    let bad = write("bad.toml", &of_bad);
    let missing = folder.path().join("missing.toml");
    let expected = format!("{}: trial {}\n", good.display(), dml_store::trial_id(&trial));
    let arguments = ["check", text(&bad), text(&missing), text(&good)];
    let Answer { out, err, .. } = call(&arguments).says(1, &[]);
    assert_eq!(out, expected);
    let lines: Vec<&str> = err.lines().collect();
    let [of_bad, of_missing] = lines[..] else { panic!("{err}") };
    assert_eq!(
        of_bad,
        format!(
            "error: {}: line {line}: kl.beta = -1.0 is out of range; it must be 0 or more, at most 3.4e38",
            bad.display()
        )
    );
    assert!(of_missing.contains(text(&missing)) && of_missing.contains("No such file"), "{of_missing}");
}

#[test]
fn every_mistake_of_a_file_has_a_line_that_names_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trial.toml");
    let text_of = include_str!("trial.toml");
    let bad = text_of.replace("\nbeta = 1.0", "\nbeto = 1.0").replace("epochs = 3", "epochs = 'three'");
    fs::write(&path, bad).unwrap();
    let complaint = call(&["check", text(&path)]).says(1, &[]).err;
    insta::assert_snapshot!(complaint.replace(text(&path), "FILE"), @r#"
    error: FILE: line 36: `kl` has no `beta`
    FILE: line 37: there is no key `beto`; `beta` is the nearest
    FILE: line 54: `epochs` is the string "three"; an integer from 0 to 4294967295 would be right
    "#);
}

#[test]
fn wrong_calls_exit_with_2_and_say_what_would_be_right() {
    for (arguments, part) in [
        (&["run"][..], "<DIR>..."),
        (&["run", "x", "--threads", "0"], "'--threads <THREADS>': 0 is not in 1..="),
        (&["run", "x", "--device", "tpu"], "tpu"),
        (&["runn"], "similar subcommand exists: 'run'"),
    ] {
        call(arguments).says(2, &[part]);
    }
}

#[test]
fn help_is_no_error() {
    assert!(stdout_of(&["run", "--help"]).contains("Usage: dml run [OPTIONS] <DIR>..."));
}
