//! Where LibTorch comes from: what the machine has already, else Python wheels, once per machine.
//!
//! `.libtorch` in the checkout is a link to a folder with `torch/{lib,include}` (and, for the CPU
//! build, `nvidia/cu13/lib` beside it); `.cargo/config.toml` points `LIBTORCH` there, so plain
//! cargo finds it.

mod install;
mod manifest;
mod python;
mod unpack;

use std::env;
use std::env::consts::DLL_SUFFIX;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context as _, bail, ensure};
use etcetera::BaseStrategy as _;

use manifest::Manifest;

/// A LibTorch that this workspace can be built with.
#[derive(Debug)]
pub(crate) struct LibTorch {
    /// The folder with `lib` and `include`.
    pub(crate) torch: PathBuf,
    /// As it says itself, like `2.11.0` or `2.11.0+cu130`.
    pub(crate) version: String,
    /// Whether it has the CUDA libraries.
    pub(crate) cuda: bool,
}

/// Where to take LibTorch from; the first that there is.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// `LIBTORCH` is exported: used as it is.
    Exported(PathBuf),
    /// `.libtorch` works already.
    Linked,
    /// The folder that `python3` imports torch from: what machines with a GPU usually have.
    Python(PathBuf),
    /// This machine's cache, filled from the wheels if need be.
    Cache,
}

/// Finds or brings LibTorch and links it from `.libtorch`, in milliseconds when it is there.
///
/// # Errors
/// When an exported `LIBTORCH` does not fit, or none is here and none can be fetched.
pub(crate) fn ensure(root: &Path) -> anyhow::Result<LibTorch> {
    let manifest = Manifest::ours()?;
    let link = root.join(".libtorch");
    let source = choose(
        exported(root),
        || link_works(&link, &manifest),
        || python::folder_of_torch().filter(|folder| inspect(&folder.join("torch"), &manifest).is_ok()),
    );
    match source {
        Source::Exported(torch) => {
            return inspect(&torch, &manifest)
                .context("the exported LIBTORCH does not fit (unset, one that does is found or fetched)");
        }
        Source::Linked => {}
        Source::Python(folder) => point(&link, &folder)?,
        Source::Cache => point(&link, &install::install(&manifest, &cache()?, python::download)?)?,
    }
    inspect(&fs::canonicalize(link.join("torch"))?, &manifest)
}

/// Later questions, which cost more, are asked only where no earlier answer was yes.
fn choose(
    exported: Option<PathBuf>,
    linked: impl FnOnce() -> bool,
    python: impl FnOnce() -> Option<PathBuf>,
) -> Source {
    if let Some(torch) = exported {
        Source::Exported(torch)
    } else if linked() {
        Source::Linked
    } else {
        python().map_or(Source::Cache, Source::Python)
    }
}

/// `LIBTORCH` as the user exported it; cargo's own `[env]` sets it too, to the link.
fn exported(root: &Path) -> Option<PathBuf> {
    let torch = PathBuf::from(env::var_os("LIBTORCH")?);
    (torch != root.join(".libtorch/torch")).then_some(torch)
}

fn link_works(link: &Path, manifest: &Manifest) -> bool {
    let is_ours = link.join(manifest::STAMP).exists();
    inspect(&link.join("torch"), manifest).is_ok() && (!is_ours || manifest.is_installed_in(link))
}

/// Looks whether `torch` is a LibTorch of the right version.
fn inspect(torch: &Path, manifest: &Manifest) -> anyhow::Result<LibTorch> {
    let library = |name: &str| torch.join(format!("lib/lib{name}{DLL_SUFFIX}"));
    for part in
        [library("torch_cpu"), library("c10"), torch.join("include/torch/csrc/api/include/torch/torch.h")]
    {
        ensure!(part.exists(), "{} is not there: this is no complete LibTorch", part.display());
    }
    let version = version(torch).with_context(|| {
        format!("neither build-version nor version.py in {} says which LibTorch it is", torch.display())
    })?;
    ensure!(
        fits(&version, torch, manifest),
        "{} is LibTorch {version}, but tch 0.24 needs {}",
        torch.display(),
        manifest.version
    );
    Ok(LibTorch { torch: torch.to_path_buf(), cuda: library("torch_cuda").exists(), version })
}

/// torch-sys insists on the patch release where there is a `build-version`, else on the minor one.
fn fits(version: &str, torch: &Path, manifest: &Manifest) -> bool {
    let number = version.split('+').next().unwrap_or_default();
    let minor = |number: &str| number.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    number == manifest.version
        || !torch.join("build-version").exists() && minor(number) == minor(&manifest.version)
}

/// LibTorch's own archives have a `build-version`, Python's package a `version.py`.
fn version(torch: &Path) -> Option<String> {
    if let Ok(version) = fs::read_to_string(torch.join("build-version")) {
        return Some(version.trim().to_owned());
    }
    let script = fs::read_to_string(torch.join("version.py")).ok()?;
    let value = script.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(value.trim_matches(['\'', '"']).to_owned())
}

/// Points `.libtorch` at `folder` in one step, so that no process ever finds it missing.
fn point(link: &Path, folder: &Path) -> anyhow::Result<()> {
    if link.is_dir() && !link.is_symlink() {
        bail!("{} is a folder without a LibTorch that fits, not a link: move it away", link.display());
    }
    let aside = link.with_extension(format!("new-{}", process::id()));
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    symlink(folder, &aside)
        .and_then(|()| fs::rename(&aside, link))
        .with_context(|| format!("cannot link {} to {}", link.display(), folder.display()))
}

/// This machine's cache: `$DML_CACHE`, or `dml` in the user's cache folder.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    if let Some(folder) = env::var_os("DML_CACHE").filter(|folder| !folder.is_empty()) {
        return std::path::absolute(&folder).context("DML_CACHE");
    }
    let user = etcetera::choose_base_strategy().context("set DML_CACHE or HOME: there is no cache folder")?;
    Ok(user.cache_dir().join("dml"))
}

/// Cargo in `root`, as if typed in a shell.
pub(crate) fn cargo(root: &Path) -> Command {
    command(root, env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program in `root`, as if typed in a shell: without what `cargo run` told xtask about xtask,
/// which makes build scripts run again, and with OpenMP threads that sleep while they wait.
pub(crate) fn command(root: &Path, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).env("OMP_WAIT_POLICY", "PASSIVE").env("GOMP_SPINCOUNT", "20000");
    for (name, _) in env::vars_os().filter(|(name, _)| is_about_xtask(name)) {
        command.env_remove(name);
    }
    if exported(root).is_none() {
        command.env_remove("LIBTORCH");
    }
    command
}

fn is_about_xtask(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name == "CARGO"
        || ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like LibTorch.
    fn fake(version_file: &str, version: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let torch = folder.path().join("torch");
        for part in ["lib/libtorch_cpu.so", "lib/libc10.so", "include/torch/csrc/api/include/torch/torch.h"] {
            let part = torch.join(part.replace(".so", DLL_SUFFIX));
            fs::create_dir_all(part.parent().unwrap()).unwrap();
            fs::write(part, "").unwrap();
        }
        fs::write(torch.join(version_file), version).unwrap();
        folder
    }

    fn unasked<T>() -> T {
        panic!("asked although an earlier source was there")
    }

    #[test]
    fn the_first_source_that_is_there_is_taken_and_no_later_one_asked() {
        let folder = || PathBuf::from("/torch");
        assert_eq!(choose(Some(folder()), unasked, unasked), Source::Exported(folder()));
        assert_eq!(choose(None, || true, unasked), Source::Linked);
        assert_eq!(choose(None, || false, || Some(folder())), Source::Python(folder()));
        assert_eq!(choose(None, || false, || None), Source::Cache);
    }

    #[test]
    fn both_kinds_of_version_file_are_read() {
        let manifest = Manifest::ours().unwrap();
        for (file, text, version) in [
            ("build-version", "2.11.0\n", "2.11.0"),
            ("version.py", "from typing import Optional\n__version__ = '2.11.1+cu130'\n", "2.11.1+cu130"),
        ] {
            let folder = fake(file, text);
            let found = inspect(&folder.path().join("torch"), &manifest).unwrap();
            assert_eq!((found.version.as_str(), found.cuda), (version, false));
        }
    }

    #[test]
    fn another_version_is_refused_with_both_numbers() {
        let folder = fake("build-version", "2.13.0+cpu");
        let error =
            inspect(&folder.path().join("torch"), &Manifest::ours().unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("is LibTorch 2.13.0+cpu, but tch 0.24 needs 2.11.0"), "{error}");
    }

    #[test]
    fn a_link_works_until_its_folder_is_gone_and_can_be_pointed_elsewhere() {
        let manifest = Manifest::ours().unwrap();
        let (old, new) = (fake("build-version", "2.11.0"), fake("build-version", "2.11.0"));
        let checkout = tempfile::tempdir().unwrap();
        let link = checkout.path().join(".libtorch");
        assert!(!link_works(&link, &manifest));
        point(&link, old.path()).unwrap();
        assert!(link_works(&link, &manifest));
        old.close().unwrap();
        assert!(!link_works(&link, &manifest));
        point(&link, new.path()).unwrap();
        assert!(link_works(&link, &manifest));
        assert_eq!(fs::read_dir(checkout.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_real_folder_named_libtorch_is_never_replaced() {
        let checkout = tempfile::tempdir().unwrap();
        let link = checkout.path().join(".libtorch");
        fs::create_dir(&link).unwrap();
        let error = point(&link, checkout.path()).unwrap_err().to_string();
        assert!(error.contains("move it away"), "{error}");
        assert!(link.is_dir());
    }

    #[test]
    fn only_what_cargo_run_says_about_xtask_is_withheld() {
        for (name, withheld) in [
            ("CARGO", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_PKG_NAME", true),
            ("CARGO_HOME", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_NET_OFFLINE", false),
        ] {
            assert_eq!(is_about_xtask(OsStr::new(name)), withheld, "{name}");
        }
    }
}
