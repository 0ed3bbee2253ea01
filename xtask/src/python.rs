//! Python environments for what is measured and checked against Python's packages, in the cache.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::libtorch;

/// The interpreter of an environment with these packages; their versions are pinned, so that it is
/// made anew only when they change.
pub(crate) fn environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = libtorch::cache()?.join(format!("python-{name}"));
    let python = folder.join("bin/python");
    // The stamp is written last: an interrupted installation is made again.
    let stamp = folder.join("packages");
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        eprintln!("xtask: a Python environment in {}", folder.display());
        done(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), "python3 -m venv")?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        done(Command::new(&python).args(pip).args(packages), "pip install")?;
        fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
    }
    Ok(python)
}

/// Runs an installer; its output is progress: stderr.
pub(crate) fn done(command: &mut Command, name: &str) -> Result<()> {
    let status = command.stdout(io::stderr()).status();
    let status = status.with_context(|| format!("{name} cannot be started; is it installed?"))?;
    ensure!(status.success(), "{name} failed; what it said stands above");
    Ok(())
}
