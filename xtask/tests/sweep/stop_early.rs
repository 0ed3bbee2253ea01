//! `--stop-early`: the best of each rung go on, and a killed sweep decides as any other.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, Ended, report_program};

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
    bench.ends(0, "--stop-early --replay").stdout.rsplit_once("jsonl: ").unwrap().1.to_owned()
}

#[test]
fn only_the_best_are_trained_to_the_end_and_later_the_others_are_too() {
    let bench = nine(1);
    let ended = bench.ends(0, "--stop-early --jobs 1");
    let ran = bench.ran();
    let until = |epoch: &str| ran.iter().filter(|line| line.ends_with(&format!("until {epoch}"))).count();
    assert_eq!(
        (until("2"), until("6"), until("18")),
        (9, 3, 1),
        "a third of nine, and a third of those: {ran:?}"
    );
    assert!(ran.contains(&"q9 0 until 18".to_owned()), "the best is trained to its end: {ran:?}");
    ended.says("what=q1 and 5 more: stopped early, after epoch 2");
    assert_eq!(replayed(&bench), "13 decisions on 13 arrivals: the rule takes every one again\n");

    let page = fs::read_to_string(bench.path("out/index.html")).unwrap();
    let explained = "8 of 9 trials were stopped early: they have no result.";
    assert!(page.contains(explained), "a hole is explained");
    fs::copy(bench.path("sweep.toml"), bench.path("shares.toml")).unwrap();
    let mut report = Command::new(env!("CARGO_BIN_EXE_xtask"));
    report.env("DML_REPORT", report_program());
    report.arg("report").arg(bench.path("shares.toml")).arg("--store").arg(bench.path("store"));
    assert!(report.arg("--out").arg(bench.path("shared")).status().unwrap().success());
    let page = fs::read_to_string(bench.path("shared/index.html")).unwrap();
    assert!(page.contains(explained), "also by a sweep that shares these trials");
    let status = bench.sweep("--status").stdout;
    assert!(status.contains("9 trials: 1 done, 0 running, 0 failed, 0 missing, 8 stopped early"), "{status}");
    assert!(bench.sweep("--stop-early --plan").stdout.ends_with("to run: nothing\n"));
    assert!(bench.sweep("--plan").stdout.contains("to run: 8 trials"));
    bench.ends(0, "--stop-early --jobs 1");
    assert_eq!(bench.ran(), ran, "nothing is left");

    bench.ends(0, "--jobs 2");
    assert_eq!(bench.ran().len(), ran.len() + 8);
    let calm = nine(1);
    calm.ends(0, "--jobs 2");
    assert_eq!(bench.bytes(), calm.bytes());
    bench.ends(0, "--stop-early");
}

#[test]
fn a_trial_that_failed_once_and_then_rests_has_not_failed() {
    let bench = nine(1);
    bench.rewrite(&format!("{SECTION}{}", grid("w")), 1);
    bench.ends(0, "--stop-early --jobs 2"); // Each dies once on every way.
    let status = bench.sweep("--status").stdout;
    assert!(status.contains("1 done, 0 running, 0 failed, 0 missing, 8 stopped early"), "{status}");
}

#[test]
fn a_result_that_was_deleted_is_made_again() {
    let bench = nine(1);
    bench.ends(0, "--stop-early --jobs 1");
    let trials = fs::read_dir(bench.path("store/trials")).unwrap();
    let mut results = trials.map(|trial| trial.unwrap().path().join("result.json"));
    let result = results.find(|path| path.exists()).unwrap();
    let (bytes, ran) = (fs::read(&result).unwrap(), bench.ran().len());
    fs::remove_file(&result).unwrap();
    bench.ends(0, "--stop-early --jobs 1");
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
    bench.ends(0, "--stop-early --jobs 2");
    replayed(&bench);
    for best in ["q9 0 until 18", "q9 1 until 18"] {
        assert!(bench.ran().contains(&best.to_owned()), "each seed has its own: {:?}", bench.ran());
    }
    bench.ends(0, "--jobs 2");
    let calm = nine(2);
    calm.ends(0, "--jobs 2");
    assert_eq!(bench.bytes(), calm.bytes());
}

#[test]
fn trials_that_fail_diverge_or_have_few_epochs_stop_no_others() {
    let bench = Bench::new(&[], 1);
    let what = ["fails", "diverges", "fine", "killed_once", "q1", "q2", "q3"];
    bench.rewrite(&format!("{SECTION}[[grid]]\nwhat = {what:?}\n"), 1);
    let ended = bench.ends(1, "--stop-early --jobs 1");
    ended.says("(4 done, 0 running, 1 failed, 0 missing, 2 stopped early)");
    ended.says("what=fails: failed");
    ended.says("--stop-early --retry-failed");
    replayed(&bench);
    let ran = bench.ran().len();
    bench.ends(1, "--stop-early --jobs 1 --retry-failed --retries 0");
    assert_eq!(bench.ran()[ran..], ["fails 0 until 2"]);
    replayed(&bench);
}

#[test]
fn what_failed_is_retried_whatever_stands_beside_it() {
    // In order of ids, the one is the last and the other the first.
    for what in ["fails", "fails_for_good"] {
        let bench = Bench::new(&[], 1);
        bench.rewrite(&format!("{SECTION}[[grid]]\nwhat = ['{what}', 'fine']\n"), 1);
        bench.ends(1, "--stop-early --jobs 1 --retries 0");
        let ran = bench.ran().len();
        bench.ends(1, "--stop-early --jobs 1 --retries 0 --retry-failed");
        assert_eq!(bench.ran()[ran..], [format!("{what} 0 until 2")]);
        replayed(&bench);
    }
}

#[test]
fn a_journal_that_was_changed_does_not_replay() {
    let bench = nine(1);
    bench.ends(0, "--stop-early --jobs 1");
    let journal = bench.path("store/stop-early/sweep.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let complaint = |text: &str| {
        fs::write(&journal, text).unwrap();
        bench.ends(1, "--stop-early --replay").stderr
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
        bench.ends(2, arguments).says(sentence);
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
    bench.ends(1, "--stop-early").says("another sweep with --stop-early writes it");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(Ended::from(child.wait_with_output().unwrap()).code, Some(130));
    let journal = fs::read_to_string(bench.path("store/stop-early/sweep.jsonl")).unwrap();
    bench.rewrite(&format!("{}{}", SECTION.replace("factor = 3", "factor = 2"), grid("q")), 1);
    bench.ends(1, "--stop-early").says("begun with other settings");
    assert_eq!(fs::read_to_string(bench.path("store/stop-early/sweep.jsonl")).unwrap(), journal);
}
