//! `cargo xtask test`: all that must hold before a commit, the cheap checks first.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::ensure;

use crate::{invariants, libtorch};

/// Cargo's part, with what is set for one step alone. The tests come last, so that their runner's closing lines
/// end the output; they run side by side, so each gets one thread. `cargo test` covers unit, integration and
/// doc-tests, and builds the examples.
const STEPS: [(&str, Option<(&str, &str)>); 4] = [
    ("fmt --all --check", None),
    ("clippy --workspace --all-targets -- -D warnings", None),
    ("doc --workspace --no-deps", Some(("RUSTDOCFLAGS", "-D warnings"))),
    ("test --workspace", Some(("OMP_NUM_THREADS", "1"))),
];

/// Checks until something fails; the exit code is then that step's own.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    libtorch::ensure(root)?;
    eprintln!("xtask test: dependency rules");
    let violations = invariants::violations(&invariants::graph(root)?);
    ensure!(violations.is_empty(), "the dependency rules do not hold: {}", violations.join("; "));
    for (arguments, variable) in STEPS {
        let start = Instant::now();
        eprintln!("xtask test: cargo {arguments}");
        let status = libtorch::cargo(root).args(arguments.split(' ')).envs(variable).status()?;
        let seconds = start.elapsed().as_secs_f64();
        if !status.success() {
            eprintln!("error: cargo {arguments} failed after {seconds:.1} s; what it found stands above");
            return Ok(status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .map_or(ExitCode::FAILURE, ExitCode::from));
        }
        if !arguments.starts_with("test") {
            eprintln!("xtask test: passed in {seconds:.1} s");
        }
    }
    Ok(ExitCode::SUCCESS)
}
