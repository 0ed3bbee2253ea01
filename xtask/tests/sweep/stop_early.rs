//! `--stop-early`: the best of each rung are trained on, and a killed sweep decides as one that was not.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, Ended};

const SECTION: &str =
    "[stop_early]\nfirst_epochs = 2\nreduction_factor = 3\nscore = 's'\nwithin = ['data.name']\n";

/// Nine trials a seed, of which q9 is the best.
fn nine(seeds: u32) -> Bench {
    let bench = Bench::new(&[], 1);
    bench.rewrite(&format!("{SECTION}{}", grid("q")), seeds);
    bench
}

fn grid(letter: &str) -> String {
    let what: Vec<String> = (1..=9).map(|digit| format!("{letter}{digit}")).collect();
    format!("[[grid]]\nwhat = {what:?}\n")
}

/// Replays, and returns what is said of it.
fn replayed(bench: &Bench) -> String {
    let ended = bench.sweep("--stop-early --replay");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.rsplit_once("jsonl: ").unwrap().1.to_owned()
}

#[test]
fn only_the_best_are_trained_to_the_end_and_later_the_others_are_too() {
    let bench = nine(1);
    let ended = bench.sweep("--stop-early --jobs 1");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ran = bench.ran();
    let until = |epoch: &str| ran.iter().filter(|line| line.ends_with(&format!("until {epoch}"))).count();
    assert_eq!(
        (until("2"), until("6"), until("18")),
        (9, 3, 1),
        "a third of nine, and a third of those: {ran:?}"
    );
    assert!(ran.contains(&"q9 0 until 18".to_owned()), "the best is trained to its end: {ran:?}");
    assert!(ended.stderr.contains("what=q1 and 5 more: stopped early, after epoch 2"), "{}", ended.stderr);
    assert_eq!(replayed(&bench), "13 decisions on 13 arrivals: the rule takes every one again\n");

    let page = fs::read_to_string(bench.path("out/index.html")).unwrap();
    let explained = "8 of 9 trials were stopped early: they have no result.";
    assert!(page.contains(explained), "a hole is explained");
    fs::copy(bench.path("sweep.toml"), bench.path("shares.toml")).unwrap();
    let mut report = Command::new(env!("CARGO_BIN_EXE_xtask"));
    report.arg("report").arg(bench.path("shares.toml")).arg("--store").arg(bench.path("store"));
    assert!(report.arg("--out").arg(bench.path("shared")).status().unwrap().success());
    let page = fs::read_to_string(bench.path("shared/index.html")).unwrap();
    assert!(page.contains(explained), "also by a sweep that shares these trials");
    let status = bench.sweep("--status").stdout;
    assert!(status.contains("9 trials: 1 done, 0 running, 0 failed, 0 missing, 8 stopped early"), "{status}");
    assert!(bench.sweep("--stop-early --plan").stdout.ends_with("to run: nothing\n"));
    assert!(bench.sweep("--plan").stdout.contains("to run: 8 trials"));
    assert_eq!(
        (bench.sweep("--stop-early --jobs 1").code, bench.ran()),
        (Some(0), ran.clone()),
        "nothing is left"
    );

    assert_eq!((bench.sweep("--jobs 2").code, bench.ran().len()), (Some(0), ran.len() + 8));
    let calm = nine(1);
    assert_eq!(calm.sweep("--jobs 2").code, Some(0));
    assert_eq!(bench.bytes(), calm.bytes());
    assert_eq!(bench.sweep("--stop-early").code, Some(0));
}

#[test]
fn a_trial_that_failed_once_and_then_rests_has_not_failed() {
    let bench = nine(1);
    bench.rewrite(&format!("{SECTION}{}", grid("w")), 1);
    let ended = bench.sweep("--stop-early --jobs 2");
    assert_eq!(ended.code, Some(0), "each dies once on every way: {ended:?}");
    let status = bench.sweep("--status").stdout;
    assert!(status.contains("1 done, 0 running, 0 failed, 0 missing, 8 stopped early"), "{status}");
}

#[test]
fn a_result_that_was_deleted_is_made_again() {
    let bench = nine(1);
    assert_eq!(bench.sweep("--stop-early --jobs 1").code, Some(0));
    let trials = fs::read_dir(bench.path("store/trials")).unwrap();
    let mut results = trials.map(|trial| trial.unwrap().path().join("result.json"));
    let result = results.find(|path| path.exists()).unwrap();
    let (bytes, ran) = (fs::read(&result).unwrap(), bench.ran().len());
    fs::remove_file(&result).unwrap();
    assert_eq!(bench.sweep("--stop-early --jobs 1").code, Some(0));
    assert_eq!(bench.ran()[ran..], ["q9 0 until 18"]);
    assert_eq!(fs::read(&result).unwrap(), bytes);
    replayed(&bench);
}

#[test]
fn a_killed_sweep_goes_on_with_its_decisions_and_replays() {
    let bench = nine(2);
    for killed_at in [2, 9, 14] {
        let mut child = bench.start("--stop-early --jobs 2");
        Bench::until("some trials run", || bench.ran().len() >= killed_at);
        child.kill().unwrap();
        child.wait().unwrap();
        Bench::until("no process is left", || bench.processes() == 0);
        replayed(&bench);
        // As if the kill had come while a line was written, inside a character.
        let journal = bench.path("store/stop-early/sweep.jsonl");
        let text = fs::read(&journal).unwrap();
        fs::write(&journal, [&text[..text.len() - 9], b"\xc3"].concat()).unwrap();
        replayed(&bench);
    }
    let ended = bench.sweep("--stop-early --jobs 2");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    replayed(&bench);
    for best in ["q9 0 until 18", "q9 1 until 18"] {
        assert!(bench.ran().contains(&best.to_owned()), "each seed has its own: {:?}", bench.ran());
    }
    assert_eq!(bench.sweep("--jobs 2").code, Some(0));
    let calm = nine(2);
    assert_eq!(calm.sweep("--jobs 2").code, Some(0));
    assert_eq!(bench.bytes(), calm.bytes());
}

#[test]
fn trials_that_fail_diverge_or_have_few_epochs_stop_no_others() {
    let bench = Bench::new(&[], 1);
    let what = ["fails", "diverges", "fine", "killed_once", "q1", "q2", "q3"];
    bench.rewrite(&format!("{SECTION}[[grid]]\nwhat = {what:?}\n"), 1);
    let ended = bench.sweep("--stop-early --jobs 1");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let counts = "(4 done, 0 running, 1 failed, 0 missing, 2 stopped early)";
    assert!(ended.stderr.contains(counts) && ended.stderr.contains("what=fails: failed"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--stop-early --retry-failed"), "{}", ended.stderr);
    replayed(&bench);
    let ran = bench.ran().len();
    assert_eq!(bench.sweep("--stop-early --jobs 1 --retry-failed --retries 0").code, Some(1));
    assert_eq!(bench.ran()[ran..], ["fails 0 until 2"]);
    replayed(&bench);
}

#[test]
fn what_failed_is_retried_whatever_stands_beside_it() {
    // In order of ids, the one is the last and the other the first.
    for what in ["fails", "fails_for_good"] {
        let bench = Bench::new(&[], 1);
        bench.rewrite(&format!("{SECTION}[[grid]]\nwhat = ['{what}', 'fine']\n"), 1);
        assert_eq!(bench.sweep("--stop-early --jobs 1 --retries 0").code, Some(1));
        let ran = bench.ran().len();
        assert_eq!(bench.sweep("--stop-early --jobs 1 --retries 0 --retry-failed").code, Some(1));
        assert_eq!(bench.ran()[ran..], [format!("{what} 0 until 2")]);
        replayed(&bench);
    }
}

#[test]
fn a_journal_that_was_changed_does_not_replay() {
    let bench = nine(1);
    assert_eq!(bench.sweep("--stop-early --jobs 1").code, Some(0));
    let journal = bench.path("store/stop-early/sweep.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let complaint = |text: &str| {
        fs::write(&journal, text).unwrap();
        let ended = bench.sweep("--stop-early --replay");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        ended.stderr
    };
    let said = complaint(&text.replacen("\"value\":0.8", "\"value\":0.2", 1));
    assert!(said.contains("sweep.jsonl: line 8: the journal decides {\"why\":\"promote\""), "{said}");
    assert!(
        complaint(&text.replacen("arrival", "arival", 1)).contains("sweep.jsonl: line 3: unknown variant")
    );
    let said = complaint(&text.replacen("\"format\":1", "\"format\":7", 1));
    assert!(said.contains("line 1: has format 7, this version reads 1"), "{said}");
    fs::remove_file(&journal).unwrap();
    assert!(bench.sweep("--stop-early --replay").stderr.contains("sweep.jsonl: is not there"));
}

#[test]
fn what_cannot_stop_early_is_refused_with_one_sentence() {
    let bench = Bench::new(&["fine"], 1);
    let refused = |arguments: &str, sentence: &str| {
        let ended = bench.sweep(arguments);
        assert!(ended.code == Some(2) && ended.stderr.contains(sentence), "{arguments}: {ended:?}");
    };
    refused("--stop-early", "sweep.toml: has no [stop_early] with first_epochs");
    refused("--replay", "--stop-early");
    bench.rewrite(&SECTION.replace("data.name", "data.nmae"), 1);
    refused("--stop-early", "`stop_early.within` names `data.nmae`, a key that no trial has");
    bench.rewrite(SECTION, 1);
    refused("--stop-early --executor slurm", "leave out --executor slurm and --stack");
    refused("--stop-early --stack 2", "leave out --executor slurm and --stack");
    assert!(bench.ran().is_empty());
}

#[test]
fn a_journal_has_one_writer_and_one_setting() {
    let bench = Bench::new(&[], 1);
    bench.rewrite(&format!("{SECTION}[[grid]]\nwhat = 'silent'\n"), 1);
    let child = bench.start("--stop-early --jobs 1");
    Bench::until("a trial runs", || !bench.ran().is_empty());
    let second = bench.sweep("--stop-early");
    assert!(second.stderr.contains("another sweep with --stop-early writes it"), "{second:?}");
    assert_eq!(second.code, Some(1));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(Ended::from(child.wait_with_output().unwrap()).code, Some(130));
    let journal = fs::read_to_string(bench.path("store/stop-early/sweep.jsonl")).unwrap();
    bench.rewrite(&format!("{}{}", SECTION.replace("factor = 3", "factor = 2"), grid("q")), 1);
    let other = bench.sweep("--stop-early");
    assert!(other.code == Some(1) && other.stderr.contains("begun with other settings"), "{other:?}");
    assert_eq!(fs::read_to_string(bench.path("store/stop-early/sweep.jsonl")).unwrap(), journal);
}
