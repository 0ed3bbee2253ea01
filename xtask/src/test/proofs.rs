//! The proofs against other software and with real kills: minutes each, and each a script that can
//! be run by hand.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::Result;

use super::needs::Need;
use crate::libtorch;

/// One script, and what it needs from outside the checkout.
struct Proof {
    name: &'static str,
    needs: &'static [Need],
    /// Below the checkout, with its arguments.
    script: &'static str,
}

/// Its standard library makes the data.
const PYTHON3: Need = Need::Programs { programs: &["python3"], debian: &["python3"] };

/// What a page is looked at with.
const BROWSER: &[Need] = &[
    Need::Programs { programs: &["chromium"], debian: &["chromium"] },
    Need::Programs { programs: &["node", "npm"], debian: &["nodejs", "npm"] },
    Need::Npm("playwright-core@1.65.1"),
];

const PROOFS: [Proof; 9] = [
    Proof {
        name: "licences, versions and sources of dependencies",
        needs: &[Need::Cargo("cargo-deny")],
        script: "xtask/tests/deny.sh",
    },
    Proof {
        name: "what we write, opened with Python's packages",
        needs: &[Need::Python(&[
            "numpy==2.4.6",
            "pandas==3.1.1",
            "safetensors==0.8.0",
            "scikit-learn==1.9.1",
            "tensorboard==2.21.0",
        ])],
        script: "xtask/tests/interchange.sh",
    },
    Proof {
        name: "the report's page in Chromium",
        needs: BROWSER,
        script: "crates/dml-report/tests/browser/page.sh",
    },
    Proof {
        name: "the page of a model in Chromium",
        needs: BROWSER,
        script: "crates/dml-cli/tests/browser/model.sh",
    },
    Proof {
        name: "full disks, read-only stores, damaged files",
        needs: &[PYTHON3, Need::Mount],
        script: "xtask/tests/damage.sh",
    },
    Proof {
        name: "a file system without locks",
        needs: &[PYTHON3, Need::Programs { programs: &["cc"], debian: &["gcc", "libc6-dev"] }],
        script: "xtask/tests/no_flock.sh",
    },
    Proof { name: "a stand-in for CUDA", needs: &[PYTHON3], script: "xtask/tests/stand_in/check.sh" },
    Proof { name: "three kill -9 of everything", needs: &[PYTHON3], script: "xtask/tests/kill.sh 3" },
    Proof {
        name: "a real Slurm",
        needs: &[
            PYTHON3,
            Need::Programs {
                programs: &["munged", "slurmctld", "slurmd", "sbatch"],
                debian: &["slurmctld", "slurmd", "slurm-client", "munge"],
            },
        ],
        script: "xtask/tests/slurm/check.sh",
    },
];

/// What came of the proofs.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The first script that failed, and how it ended.
    pub failed: Option<(&'static str, ExitStatus)>,
    /// A line for each whose needs cannot be met here, with the reason.
    pub skipped: Vec<String>,
}

/// For each proof the variables that tell its script where things are, or why it cannot be had.
type Prepared = Vec<Result<Vec<(&'static str, OsString)>>>;

/// Begins to see to what the proofs need. That waits for the network more than it computes, so it
/// is done beside what is compiled before.
pub(super) fn prepare() -> JoinHandle<Prepared> {
    let of = |Proof { needs, .. }: &Proof| {
        let variables: Result<Vec<_>> = needs.iter().map(Need::meet).collect();
        variables.map(|variables| variables.into_iter().flatten().collect())
    };
    thread::spawn(move || PROOFS.iter().map(of).collect())
}

/// Runs the proofs until one fails, with the programs that the tests of the workspace have built.
///
/// # Errors
/// When a script cannot be started.
pub(super) fn run(root: &Path, prepared: Prepared) -> Result<Outcome> {
    let mut skipped = Vec::new();
    for (Proof { name, script, .. }, variables) in PROOFS.iter().zip(prepared) {
        let variables = match variables {
            Ok(variables) => variables,
            Err(reason) => {
                let line = format!("xtask test: SKIPPED: {name}: {reason:#}");
                eprintln!("{line}");
                skipped.push(line);
                continue;
            }
        };
        let start = Instant::now();
        eprintln!("xtask test: {name}: {script}");
        let mut bash = libtorch::command(root, "bash");
        let status = bash.args(script.split(' ')).envs(variables).env("built", "true").status()?;
        if !status.success() {
            return Ok(Outcome { failed: Some((script, status)), skipped });
        }
        eprintln!("xtask test: passed in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(Outcome { failed: None, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_proof_is_a_script_that_is_there() {
        for Proof { script, .. } in &PROOFS {
            let path = crate::root().join(script.split(' ').next().unwrap());
            assert!(path.is_file(), "{}", path.display());
        }
    }
}
