//! What is asked of the machine's Python: whether it has torch, and pip for the wheels.

use std::env::consts::{ARCH, OS};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use super::manifest::Manifest;

/// The folder that `python3` would import torch from, `site-packages` mostly; torch is not loaded.
pub(crate) fn folder_of_torch() -> Option<PathBuf> {
    let question = "import importlib.util as u; print(u.find_spec('torch').origin)";
    let answer = Command::new("python3").args(["-c", question]).stderr(Stdio::null()).output().ok()?;
    let answer = String::from_utf8(answer.stdout).ok()?;
    Some(Path::new(answer.trim_end()).parent()?.parent()?.to_path_buf())
}

/// Has pip put the manifest's wheels into `folder`, wherever the user's pip gets wheels from.
///
/// # Errors
/// When the platform has no wheel, Python or pip is missing, or pip finds nothing.
pub(crate) fn download(manifest: &Manifest, folder: &Path) -> anyhow::Result<()> {
    let version = &manifest.version;
    ensure!(
        (OS, ARCH) == ("linux", "x86_64"),
        "no LibTorch {version} can be fetched for {ARCH} {OS}: set LIBTORCH to an unpacked one, \
         or have a python3 with torch {version}"
    );
    let pip = Command::new("python3").args(["-m", "pip", "--version"]).output().with_context(|| {
        format!("python3 is needed to fetch LibTorch, or LIBTORCH set to a LibTorch {version}")
    })?;
    ensure!(
        pip.status.success(),
        "python3 has no pip, which is needed to fetch LibTorch: install it (python3-pip on Debian and Ubuntu), \
         or set LIBTORCH to a LibTorch {version}"
    );

    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]).args([
        "--disable-pip-version-check",
        "--implementation",
        "cp",
        "--python-version",
        &manifest.python,
    ]);
    for platform in &manifest.platforms {
        pip.args(["--platform", platform]);
    }
    if !io::stderr().is_terminal() {
        pip.arg("--progress-bar=off");
    }
    // Three equals signs: an index may offer 2.11.0+cpu, whose files differ.
    pip.arg("--dest")
        .arg(folder)
        .args(manifest.wheels.iter().map(|wheel| format!("{}==={}", wheel.name, wheel.version)));
    // pip works in TMPDIR first: on the disk whose free space was looked at.
    let status = pip.env("TMPDIR", folder).stdout(io::stderr()).status()?;
    if !status.success() {
        bail!(
            "pip could not bring LibTorch {version} (it says why above): set LIBTORCH to an unpacked one; \
             or, offline, put the wheels of {} into a folder and set PIP_FIND_LINKS to it and PIP_NO_INDEX=1",
            wheels(manifest)
        );
    }
    Ok(())
}

fn wheels(manifest: &Manifest) -> String {
    let names: Vec<_> =
        manifest.wheels.iter().map(|wheel| format!("{} {}", wheel.name, wheel.version)).collect();
    names.join(", ")
}
