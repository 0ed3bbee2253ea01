//! The tasks of this checkout: `cargo xtask TASK`. One file a task; none of them links LibTorch, so
//! that they run where it is not yet and can bring it.

mod bench;
mod engine;
mod experiment;
mod fuzz;
mod invariants;
mod kept;
mod libtorch;
#[cfg(test)]
mod numbers;
mod program;
mod python;
mod report;
mod selected;
mod setup;
mod sweep;
mod test;
mod written;

use std::env;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "The tasks of this checkout")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Brings LibTorch and MNIST, once per machine; the other tasks do it by themselves
    ///
    /// LibTorch is the first of these that there is: an exported `LIBTORCH`; what `.libtorch` in
    /// the checkout links to; the torch 2.11 of python3, with CUDA where it has it; else the CPU
    /// build, fetched with pip into the cache (`DML_CACHE`, or dml in the user's cache folder) and
    /// checked. To choose anew, remove `.libtorch`.
    Setup,
    /// Runs the trials of a sweep that have no result yet, then writes its tables
    Sweep(sweep::SweepArguments),
    /// Writes the report of a sweep again, from the raw results alone
    Report(report::ReportArguments),
    /// Measures ours beside the tools that people know, in one run
    Bench(bench::BenchArguments),
    /// Gives arbitrary bytes to all that reads files, until something breaks or the time is over
    ///
    /// Each target reads files of one kind, with libFuzzer, which is built from its sources by a
    /// C++ compiler; nothing has to be installed. docs/fuzzing.md says what was found, and what to
    /// do with a crash.
    Fuzz(fuzz::FuzzArguments),
    /// Checks format, dependency rules, lints and docs, and runs all tests
    Test(test::TestArguments),
}

fn main() -> ExitCode {
    let root = root();
    let outcome = match Arguments::parse().task {
        Task::Setup => setup::run(&root),
        Task::Sweep(arguments) => sweep::run(&root, &arguments),
        Task::Report(arguments) => report::run(&root, &arguments),
        Task::Bench(arguments) => bench::run(&root, &arguments),
        Task::Fuzz(arguments) => fuzz::run(&root, &arguments),
        Task::Test(arguments) => test::run(&root, &arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if error.is::<WrongCall>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

/// Marks an error as the caller's: exit code 2, where 1 says that the work itself failed.
#[derive(Debug, Clone, Copy)]
struct WrongCall;

impl fmt::Display for WrongCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this cannot be run")
    }
}

/// The checkout's top folder: where cargo says that the package is, or this binary was built.
fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Prints what was asked for. A reader that has gone away, as `head` does, is no error.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
