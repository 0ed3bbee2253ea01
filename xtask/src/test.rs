//! `cargo xtask test`: all that must hold before a commit, the cheap checks first.

mod needs;
mod proofs;

use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Instant;

use anyhow::{anyhow, ensure};

use crate::{invariants, libtorch};

/// What `cargo xtask test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArguments {
    /// Also the proofs against other software and with real kills, in minutes: what CI runs
    ///
    /// Dependencies are checked with cargo-deny. What we write is opened with Python's packages,
    /// the report's page is used in Chromium, a sweep is killed with kill -9, meets a full disk and
    /// a file system without locks, and runs on a real Slurm of one node. Python and Node packages
    /// go into the cache; as root on Debian, Chromium and Slurm are installed where they are
    /// missing. A proof that cannot be had here is skipped, with the reason.
    #[arg(long)]
    all: bool,
}

/// Cargo's part, with what is set for one step alone.
type Step = (&'static str, Option<(&'static str, &'static str)>);

const CHECKS: [Step; 7] = [
    ("fmt --all --check", None),
    ("clippy --workspace --all-targets -- -D warnings", None),
    ("clippy -p dml-data --no-default-features --all-targets -- -D warnings", None),
    ("clippy -p dml-cli --no-default-features --all-targets -- -D warnings", None),
    // The scorer without LibTorch; the tests of the whole workspace put the whole `dml` in its
    // place.
    ("test -p dml-cli --no-default-features", None),
    ("doc --workspace --no-deps", Some(("RUSTDOCFLAGS", "-D warnings"))),
    // Each crate with all that it needs, as it would be published; what they need is here by now.
    ("package --workspace --exclude xtask --no-verify --allow-dirty --offline --quiet", None),
];

/// Builds the tests, and with them the programs that the proofs run: of `cargo build` each would be
/// built once more, with other features of what it needs.
const BUILD: Step = ("test --workspace --no-run", None);

/// The tests come last, so that their runner's closing lines end the output; they run side by side,
/// so each gets one thread. `cargo test` covers unit, integration and doc-tests, and builds the
/// examples.
const TESTS: Step = ("test --workspace", Some(("OMP_NUM_THREADS", "1")));

/// Checks until something fails; the exit code is then that step's own.
pub(crate) fn run(root: &Path, arguments: &TestArguments) -> anyhow::Result<ExitCode> {
    libtorch::ensure(root)?;
    let prepared = arguments.all.then(proofs::prepare);
    eprintln!("xtask test: dependency rules");
    let violations = invariants::check(root)?;
    ensure!(violations.is_empty(), "the dependency rules do not hold: {}", violations.join("; "));
    let build = arguments.all.then_some(BUILD);
    for step in CHECKS.into_iter().chain(build) {
        let start = Instant::now();
        if let Some(code) = cargo(root, step)? {
            return Ok(code);
        }
        eprintln!("xtask test: passed in {:.1} s", start.elapsed().as_secs_f64());
    }
    if let Some(prepared) = prepared {
        let prepared =
            prepared.join().map_err(|_| anyhow!("what the proofs need could not be looked for"))?;
        let proofs::Outcome { failed: at, skipped } = proofs::run(root, prepared)?;
        if let Some((script, status)) = at {
            return Ok(failed(script, status));
        }
        // Once more, where it is seen.
        for line in skipped {
            eprintln!("{line}");
        }
    }
    Ok(cargo(root, TESTS)?.unwrap_or(ExitCode::SUCCESS))
}

/// Runs a step of cargo's; an exit code if it fails.
fn cargo(root: &Path, (words, variable): Step) -> anyhow::Result<Option<ExitCode>> {
    eprintln!("xtask test: cargo {words}");
    let status = libtorch::cargo(root).args(words.split(' ')).envs(variable).status()?;
    Ok((!status.success()).then(|| failed(&format!("cargo {words}"), status)))
}

/// Says so; the exit code is the step's own.
fn failed(step: &str, status: ExitStatus) -> ExitCode {
    eprintln!("error: {step} failed ({status}); what it found stands above");
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
