//! `cargo xtask fuzz`: arbitrary bytes for all that reads files, by libFuzzer and stable Rust.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::builder::PossibleValuesParser;
use tempfile::TempDir;

use crate::say;

/// The programs of `fuzz/`, of which each reads files of one kind.
const TARGETS: [&str; 11] =
    ["idx", "idx_gz", "npy", "npz", "score", "pictures", "trial", "sweep", "result", "rungs", "checkpoint"];

/// What cargo-fuzz sets too, without a sanitizer: those need a nightly compiler, and there is next
/// to no unsafe code that they could watch. With the last, calls of LibTorch, which is not there,
/// are looked up when they are made, which is never.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Crelocation-model=static";

/// What `cargo xtask fuzz` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArguments {
    /// Seconds over all targets
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Kinds of files [default: all]
    #[arg(value_parser = PossibleValuesParser::new(TARGETS), value_name = "TARGET")]
    targets: Vec<String>,
}

/// Builds the targets, makes their first inputs and runs one after another. What a run finds stays
/// in `fuzz/corpus`, where the next one begins; an input that ends a target lies in
/// `fuzz/artifacts`.
pub(crate) fn run(root: &Path, arguments: &FuzzArguments) -> Result<ExitCode> {
    let targets: Vec<&str> = match &arguments.targets[..] {
        [] => TARGETS.to_vec(),
        some => some.iter().map(String::as_str).collect(),
    };
    let folder = root.join("fuzz");
    let programs = build(&folder, &targets)?;
    let corpus = folder.join("corpus");
    let seeds = Command::new(programs.join("seeds")).arg(&corpus).arg(root).status()?;
    ensure!(seeds.success(), "the inputs to begin with could not be made: {seeds}");
    let seconds = (arguments.seconds / targets.len() as u32).max(1);
    let mut code = ExitCode::SUCCESS;
    for target in targets {
        match fuzz(&folder, &programs.join(target), target, seconds)? {
            Ended::Well(told) => say(&format!("{target:<12}{told}\n")),
            Ended::Crashed(log) => {
                eprintln!("error: {target} crashed; {} says on what", log.display());
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// Builds with what libFuzzer is told of coverage by; the folder of the programs.
fn build(folder: &Path, targets: &[&str]) -> Result<PathBuf> {
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().context("rustc")?;
    let host = String::from_utf8(host.stdout)?.trim().to_owned();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With a target of its own, flags are not those of build scripts.
    cargo.current_dir(folder).args(["build", "--target-dir", "target", "--target", &host]);
    for target in targets.iter().chain(&["seeds"]) {
        cargo.args(["--bin", target]);
    }
    let status = cargo.env("RUSTFLAGS", RUSTFLAGS).status().context("cargo")?;
    ensure!(status.success(), "the targets could not be built; cargo says why above");
    Ok(folder.join("target").join(host).join("debug"))
}

/// How a target ended.
enum Ended {
    /// Executions and coverage.
    Well(String),
    /// Where it says why.
    Crashed(PathBuf),
}

fn fuzz(folder: &Path, program: &Path, target: &str, seconds: u32) -> Result<Ended> {
    let (corpus, artifacts) = (folder.join("corpus").join(target), folder.join("artifacts").join(target));
    fs::create_dir_all(&artifacts).with_context(|| artifacts.display().to_string())?;
    let log = artifacts.join("log.txt");
    let scratch = scratch()?;
    let status = Command::new(program)
        .arg(&corpus)
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .env("TMPDIR", scratch.path())
        .stderr(File::create(&log)?)
        .status()
        .with_context(|| program.display().to_string())?;
    let told = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    Ok(if status.success() { Ended::Well(in_words(&told)) } else { Ended::Crashed(log) })
}

/// Inputs go through files, which memory holds where it can.
fn scratch() -> Result<TempDir> {
    Ok(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?)
}

/// The last numbers of libFuzzer's output.
fn in_words(told: &str) -> String {
    let after = |line: &str, word: &str| -> Option<String> {
        Some(line.split_once(word)?.1.split_whitespace().next()?.to_owned())
    };
    let last = |word: &str| told.lines().rev().find_map(|line| after(line, word)).unwrap_or_default();
    let (n, coverage) = (last("number_of_executed_units:"), last(" cov: "));
    format!("{n} executions, coverage {coverage}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_its_program_and_its_row_in_the_documents() {
        let root = crate::root();
        let document = fs::read_to_string(root.join("docs/fuzzing.md")).unwrap();
        for target in TARGETS {
            assert!(root.join(format!("fuzz/fuzz_targets/{target}.rs")).is_file(), "{target}");
            assert!(document.contains(&format!("| `{target}` |")), "{target}");
        }
        assert_eq!(fs::read_dir(root.join("fuzz/fuzz_targets")).unwrap().count(), TARGETS.len());
    }

    #[test]
    fn executions_and_coverage_are_the_last_that_libfuzzer_tells() {
        let told = "#2\tINITED cov: 5 ft: 6\n#9\tDONE   cov: 797 ft: 1836 corp: 1/1b\nstat::number_of_executed_units: 286819\n";
        assert_eq!(in_words(told), "286819 executions, coverage 797");
    }
}
