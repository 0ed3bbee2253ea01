//! The sweep engine from outside, against a stand-in for `dml` that follows its protocol.

#[path = "sweep/bad_inputs.rs"]
mod bad_inputs;
#[path = "sweep/bench.rs"]
mod bench;
#[path = "sweep/stop_early.rs"]
mod stop_early;

use std::fs;
use std::io::{BufRead, BufReader};

use bench::{Bench, Ended};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn a_sweep_ends_with_tables_and_a_second_one_runs_nothing_and_gives_the_same_bytes() {
    let bench = Bench::new(&["fine", "also_fine"], 3);
    let first = bench.ends(0, "--jobs 2");
    assert_eq!(bench.ran().len(), 6);
    first.prints("| also_fine |");
    first.says("6/6 done, 0 running, 0 failed, ETA 0 s: ");
    let bytes = bench.bytes();
    assert_eq!(bench.ends(0, "--jobs 2").stdout, first.stdout);
    assert_eq!((bench.ran().len(), bench.bytes()), (6, bytes));
}

#[test]
fn neither_the_number_of_workers_nor_the_order_of_trials_changes_a_byte() {
    let one = Bench::new(&["fine", "slow", "third"], 4);
    one.ends(0, "--jobs 1 --quiet");
    let three = Bench::new(&["third", "fine", "slow"], 4);
    three.ends(0, "--jobs 3 --quiet");
    assert_ne!(one.ran(), three.ran());
    // Rows stand in the order of the sweep file, so both tables are made from the same one.
    three.rewrite("[[grid]]\nwhat = ['fine', 'slow', 'third']\n", 4);
    three.ends(0, "--quiet");
    assert_eq!(three.ran().len(), 12);
    assert_eq!(one.bytes(), three.bytes());
}

#[test]
fn a_killed_process_costs_its_trial_an_attempt_and_the_others_nothing() {
    let bench = Bench::new(&["fine", "killed", "killed_once", "leaves", "last"], 1);
    let ended = bench.ends(1, "--jobs 1");
    let failure = bench.failure("killed");
    assert_eq!(failure["attempts"], 2);
    let reason = failure["reason"].as_str().unwrap();
    assert!(reason.contains("killed by signal 9") && reason.ends_with("says the library"), "{reason}");
    assert_eq!(failure["log"][0], "killed begins");
    assert!(bench.failure("leaves")["reason"].as_str().unwrap().contains("exit code 0 without a result"));
    let summary = &ended.stderr[ended.stderr.find("2 of 5 trials have no result").unwrap()..];
    assert!(summary.contains("what=killed: failed (2 attempts)"), "{summary}");
    assert!(summary.contains("sweep.toml --store") && summary.contains("--retry-failed"), "{summary}");
    bench.ends(1, "--jobs 1");
    assert_eq!(bench.ran().len(), 8);
    bench.ends(1, "--jobs 1 --retry-failed --retries 0");
    assert_eq!((bench.ran().len(), &bench.failure("killed")["attempts"]), (10, &1.into()));
}

#[test]
fn a_process_that_falls_silent_is_killed_and_the_rest_of_its_trials_run() {
    let bench = Bench::new(&["silent", "fine", "also_fine"], 1);
    bench.ends(1, "--jobs 1 --epoch-limit 1 --retries 0");
    assert_eq!(bench.ran(), ["silent 0", "fine 0", "also_fine 0"]);
    let reason = bench.failure("silent")["reason"].as_str().unwrap().to_owned();
    assert_eq!(reason, "nothing was heard of it for 1 s (--epoch-limit), so it was killed");
}

#[test]
fn a_failure_is_retried_as_often_as_asked_and_one_that_no_retry_helps_is_not() {
    let bench = Bench::new(&["fails", "fails_for_good", "fine"], 1);
    bench.ends(1, "--jobs 2 --retries 2").says("failed, and is tried again: what=fails: it did not work");
    assert_eq!(bench.failure("fails")["attempts"], 3);
    assert_eq!(bench.failure("fails_for_good")["attempts"], 1);
    assert_eq!(bench.ran().iter().filter(|trial| *trial == "fine 0").count(), 1);
}

#[test]
fn fail_fast_leaves_the_rest_for_later() {
    let bench = Bench::new(&["fails_for_good", "fine"], 9);
    bench.ends(1, "--jobs 1 --fail-fast").says("missing");
    assert!(bench.ran().len() < 10, "{:?}", bench.ran());
}

#[test]
fn a_data_set_that_cannot_be_had_stops_its_trials_and_no_others() {
    let bench = Bench::new(&[], 1);
    bench.rewrite("[[grid]]\n'data.name' = ['no_such_set', './none.npz']\nwhat = ['fine', 'also_fine']\n", 1);
    let ended = bench.ends(1, "--jobs 1");
    assert_eq!(bench.ran().len(), 2);
    assert_eq!(ended.stderr.matches("its trials are left out").count(), 1, "{}", ended.stderr);
    ended.says("2 of 4 trials have no result");
    ended.prints("2 of 4 trials have a result");
}

#[test]
fn a_signal_lets_the_trials_write_their_checkpoints_and_the_next_sweep_goes_on() {
    let bench = Bench::new(&["slow"], 4);
    let child = bench.start("--jobs 2");
    Bench::until("two trials run", || bench.ran().len() == 2);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{ended:?}");
    ended.says("interrupted: 0 of 4 trials done");
    let ids = fs::read_dir(bench.path("store/trials")).unwrap();
    assert_eq!(ids.filter(|id| id.as_ref().unwrap().path().join("checkpoint.json").exists()).count(), 2);
    bench.ends(0, "--jobs 4");
}

#[test]
fn a_second_signal_ends_everything_at_once() {
    let bench = Bench::new(&["stubborn"], 1);
    let mut child = bench.start("--jobs 1");
    Bench::until("the trial is deaf to signals", || bench.ran().len() == 2);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    while !said.contains("once more ends them at once") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!((child.wait().unwrap().code(), bench.processes()), (Some(143), 0));
    assert_eq!(bench.sweep("--status").stdout.matches("0 running").count(), 1);
}

#[test]
fn a_sweep_killed_without_warning_leaves_no_process_and_ends_with_the_same_bytes() {
    let calm = Bench::new(&["slow", "fine"], 3);
    calm.ends(0, "--jobs 2");
    let bench = Bench::new(&["slow", "fine"], 3);
    for killed_at in [1, 2, 4] {
        let mut child = bench.start("--jobs 2");
        Bench::until("some trials run", || bench.ran().len() >= killed_at);
        child.kill().unwrap();
        child.wait().unwrap();
        Bench::until("no process is left", || bench.processes() == 0);
    }
    bench.ends(0, "--jobs 2");
    assert_eq!(bench.bytes(), calm.bytes());
}

#[test]
fn two_sweeps_on_one_store_run_no_trial_twice_and_both_end_with_all_results() {
    let bench = Bench::new(&["slow", "fine"], 4);
    let other = bench.start("--jobs 2");
    let one = bench.sweep("--jobs 2");
    let other = Ended::from(other.wait_with_output().unwrap());
    assert_eq!((one.code, other.code), (Some(0), Some(0)), "{one:?} {other:?}");
    assert_eq!(one.stdout, other.stdout);
    let mut ran = bench.ran();
    ran.sort();
    ran.dedup();
    assert_eq!((ran.len(), bench.ran().len()), (8, 8));
}

#[test]
fn plan_dry_run_and_status_run_nothing_and_say_what_is_there() {
    let bench = Bench::new(&["fine", "fails"], 2);
    let plan = bench.sweep("--plan --jobs 2").stdout;
    assert!(plan.contains("4 trials: 0 done, 0 running, 0 failed, 4 missing"), "{plan}");
    assert!(plan.contains("to run: 4 trials, about 2 s with 2 workers (1.0 s a trial"), "{plan}");
    assert_eq!(bench.sweep("--dry-run").stdout.matches("what=fails").count(), 2);
    assert!(bench.ran().is_empty());
    bench.ends(1, "--retries 0 --jobs 1 --quiet");
    let status = bench.sweep("--status").stdout;
    assert!(status.contains("4 trials: 2 done, 0 running, 2 failed, 0 missing"), "{status}");
    assert!(status.contains("seed=0 what=fails and 1 more: failed: it did not work"), "{status}");
    assert!(bench.sweep("--plan --retries 0").stdout.ends_with("to run: nothing\n"));
}

#[test]
fn a_changed_sweep_file_adds_and_drops_trials_without_touching_the_finished_ones() {
    let bench = Bench::new(&["fine", "also_fine"], 1);
    bench.ends(0, "--jobs 1");
    bench.rewrite("[[grid]]\nwhat = ['also_fine', 'third']\n", 1);
    let ended = bench.ends(0, "--jobs 1");
    assert_eq!(bench.ran(), ["fine 0", "also_fine 0", "third 0"]);
    assert!(!ended.stdout.contains("| fine |") && ended.stdout.contains("| third |"), "{}", ended.stdout);
}

#[test]
fn wrong_calls_end_with_2_and_one_sentence() {
    let bench = Bench::new(&["fine"], 1);
    bench.rewrite("[[grid]]\nwaht = 'fine'\n", 1);
    let ended = bench.ends(2, "");
    assert!(
        ended.stderr.ends_with("sweep.toml: line 11: there is no key `waht`; `what` is the nearest\n"),
        "{}",
        ended.stderr
    );
    let moves_logs = bench.ends(2, "--executor slurm --sbatch=--output=mine");
    moves_logs.says("leave out --output=mine: the logs are in STORE/slurm/");
    assert!(!bench.path("store/slurm").exists());
    fs::create_dir(bench.path("store")).unwrap();
    fs::write(bench.path("store/store.json"), "{\"format\": 9}").unwrap();
    bench.rewrite("", 1);
    bench.ends(2, "").says("format 9");
}

#[test]
fn a_corrupted_result_is_named_and_the_other_trials_run() {
    let bench = Bench::new(&["fine", "also_fine"], 1);
    bench.ends(0, "--dry-run");
    let listing = bench.sweep("--dry-run").stdout;
    let id = listing.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    fs::create_dir_all(bench.path("store/trials").join(&id)).unwrap();
    fs::write(bench.path("store/trials").join(&id).join("result.json"), "{\"format\": 1").unwrap();
    let ended = bench.ends(1, "--jobs 1");
    assert_eq!(bench.ran().len(), 1);
    ended.says("what=also_fine: unreadable: ");
    ended.says("result.json");
}
