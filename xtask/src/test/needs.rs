//! What a proof needs from outside the checkout, and how it is had.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::libtorch;
use crate::python::{self, done};

/// One thing that a proof needs.
#[derive(Debug)]
pub(super) enum Need {
    /// Programs; on Debian, as root, these packages bring them.
    Programs { programs: &'static [&'static str], debian: &'static [&'static str] },
    /// A program that cargo installs, for longer than a proof may take.
    Cargo(&'static str),
    /// An environment with Python packages; the script finds its interpreter in `PYTHON`.
    Python(&'static [&'static str]),
    /// A package of Node; the script finds it through `NODE_PATH`.
    Npm(&'static str),
    /// To mount a file system that only the script sees.
    Mount,
}

impl Need {
    /// Sees to it, and returns the variable that tells the script where it is.
    ///
    /// # Errors
    /// The reason why it cannot be had here.
    pub(super) fn meet(&self) -> Result<Option<(&'static str, OsString)>> {
        match self {
            Self::Programs { programs, debian } => have(programs, debian).map(|()| None),
            Self::Cargo(program) => {
                ensure!(
                    is_there(program),
                    "there is no {program}: cargo install --locked {program} brings it"
                );
                Ok(None)
            }
            Self::Python(packages) => {
                Ok(Some(("PYTHON", python::environment("interchange", packages)?.into_os_string())))
            }
            Self::Npm(package) => {
                let folder = libtorch::cache()?.join(format!("npm-{package}"));
                let modules = folder.join("node_modules");
                if !modules.join(".package-lock.json").exists() {
                    let npm = ["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"];
                    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
                    done(Command::new("npm").args(npm).arg(&folder).arg(package), "npm install")?;
                }
                Ok(Some(("NODE_PATH", modules.into_os_string())))
            }
            Self::Mount => {
                let mut unshare = Command::new("unshare");
                if !rustix::process::geteuid().is_root() {
                    unshare.arg("--map-root-user");
                }
                unshare.args(["--mount", "mount", "-t", "tmpfs", "none"]).arg(env::temp_dir());
                ensure!(
                    unshare.stderr(Stdio::null()).status().is_ok_and(|status| status.success()),
                    "this system lets us mount nothing (unshare --mount mount -t tmpfs)"
                );
                Ok(None)
            }
        }
    }
}

/// Installs what is missing, where that is possible.
fn have(programs: &[&str], debian: &[&str]) -> Result<()> {
    let missing = || -> Vec<&str> { programs.iter().copied().filter(|program| !is_there(program)).collect() };
    let lacking = missing();
    if lacking.is_empty() {
        return Ok(());
    }
    let (lacking, packages) = (lacking.join(", "), debian.join(" "));
    if !is_there("apt-get") {
        bail!("there is no {lacking} (Debian's {packages}), and no apt-get to install it with");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("there is no {lacking}: install {packages}, or run this as root, which does it");
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet=2");
        apt
    };
    eprintln!("xtask test: apt-get install {packages}");
    done(apt().arg("update"), "apt-get update")?;
    done(apt().args(["install", "--no-install-recommends"]).args(debian), "apt-get install")?;
    ensure!(
        missing().is_empty(),
        "there is still no {} after apt-get install {packages}",
        missing().join(", ")
    );
    Ok(())
}

/// Whether a program is on the path, or where Debian puts a system's services.
fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.any(|folder| folder.join(program).is_file())
}
