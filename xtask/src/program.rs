//! The programs of this checkout that xtask runs, built when they are asked for.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Result, ensure};

use crate::libtorch;

/// A program of the workspace.
#[derive(Debug)]
pub(crate) struct Program {
    pub package: &'static str,
    pub name: &'static str,
    /// Measured on two cores, all that it needs included: what is said before a first build.
    pub minutes: &'static str,
}

impl Program {
    /// Builds it and returns where it is; says so, and how long it takes, where it was never built.
    pub(crate) fn build(&self, root: &Path, quiet: bool) -> Result<PathBuf> {
        // Cargo puts all binaries into one folder, wherever that is.
        let path = env::current_exe()?.with_file_name(format!("{}{}", self.name, env::consts::EXE_SUFFIX));
        if !quiet && !path.exists() {
            let Self { name, minutes, .. } = self;
            eprintln!("xtask: building {name}, which takes about {minutes} on 2 cores this first time");
        }
        let status = self.cargo(root).args(quiet.then_some("--quiet")).status()?;
        let package = self.package;
        ensure!(status.success(), "`cargo build --package {package}` failed; what it said stands above");
        Ok(path)
    }

    /// Begins to build it without a word, for a later [`Program::build`], which takes the time that
    /// is left then and says what went wrong.
    pub(crate) fn begin(&self, root: &Path) -> Option<Child> {
        let mut cargo = self.cargo(root);
        cargo.arg("--quiet").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    }

    fn cargo(&self, root: &Path) -> Command {
        let mut cargo = libtorch::cargo(root);
        cargo.args(["build", "--package", self.package]);
        cargo
    }
}
