//! Fills the cache under another name, then renames: the folder is whole or not there.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use rustix::fs::statvfs;

use super::manifest::{Manifest, STAMP};
use super::unpack::unpack;

/// The manifest's LibTorch in `cache`, brought by `download` unless it is there. A second process
/// waits for the first; what a killed one left is removed.
pub(crate) fn install(
    manifest: &Manifest,
    cache: &Path,
    download: impl FnOnce(&Manifest, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let target = cache.join(manifest.folder());
    if manifest.is_installed_in(&target) {
        return Ok(target);
    }
    fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let _lock = lock(&cache.join(format!("{}.lock", manifest.folder())))?;
    if manifest.is_installed_in(&target) {
        return Ok(target);
    }

    let partial = cache.join(format!("{}.partial", manifest.folder()));
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", partial.display()));
        }
        _ => {}
    }
    check_space(cache, manifest)?;
    let outcome = fill(manifest, &partial, &target, download);
    // Removed with whatever came of it; the next run would do it too.
    let _ = fs::remove_dir_all(&partial);
    outcome.map(|()| target)
}

fn fill(
    manifest: &Manifest,
    partial: &Path,
    target: &Path,
    download: impl FnOnce(&Manifest, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (wheels, tree) = (partial.join("wheels"), partial.join("tree"));
    fs::create_dir_all(&wheels).with_context(|| format!("cannot create {}", wheels.display()))?;
    eprintln!("LibTorch {}: fetching it once for this machine, into {}", manifest.version, target.display());
    download(manifest, &wheels)?;
    unpack(manifest, &wheels, &tree)?;
    // torch-sys checks the version only where this file is; the wheel's libtorch.so wants CUDA.
    fs::write(tree.join("torch/build-version"), format!("{}\n", manifest.version))?;
    fs::write(tree.join("torch/lib/libtorch.so"), "INPUT ( -ltorch_cpu -lc10 )\n")?;
    fs::write(tree.join(STAMP), manifest.stamp())?;
    rustix::fs::syncfs(File::open(&tree)?)?;
    if target.exists() {
        // Damaged, as `is_installed_in` found: goes with the rest of `partial`.
        fs::rename(target, partial.join("damaged"))?;
    }
    fs::rename(&tree, target).with_context(|| format!("cannot create {}", target.display()))
}

/// Held until the file is dropped, or the process dies.
fn lock(path: &Path) -> anyhow::Result<File> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let locked = match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            eprintln!("LibTorch: another process is fetching it, waiting");
            file.lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
    };
    locked.with_context(|| {
        format!("cannot lock {}: set DML_CACHE to a folder on a disk that has file locks", path.display())
    })?;
    Ok(file)
}

fn check_space(cache: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let disk =
        statvfs(cache).with_context(|| format!("cannot ask for the free space of {}", cache.display()))?;
    let free = disk.f_bavail * disk.f_frsize / 1_000_000;
    let needed = manifest.disk_megabytes;
    ensure!(
        free >= needed,
        "fetching LibTorch takes {needed} MB in {}, and {free} MB are free: \
         make room, or set DML_CACHE to a folder on a larger disk",
        cache.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    // `printf 'a library' | sha256sum`; the RECORD has that of `a header`, as PEP 376 writes it.
    const MANIFEST: &str = r#"
        version = "2.11.0"
        disk_megabytes = 0
        python = "3.11"
        platforms = []
        [[wheel]]
        name = "to-rch"
        version = "2.11.0"
        headers = "torch/include/"
        record = { path = "to_rch.dist-info/RECORD", sha256 = "84dc3a5a6a5232330316925f205667195311415047c0651687a237d99aeb4eba" }
        [[wheel.library]]
        path = "torch/lib/libtorch_cpu.so"
        bytes = 9
        sha256 = "31f109ab38348582abdc9e1c9942f74505c719e98c6d0ab6fbcfdccfd8c9935b"
    "#;
    const RECORD: &str = "torch/include/torch.h,sha256=nv7f3ol9u2ZEc7FTdHlLexlkUjjeiWL3cm40C6SuvRo,8\ntorch/__init__.py,sha256=AAAA,8\n";

    /// The members of a wheel that fits the manifest.
    const WHEEL: [(&str, &str); 4] = [
        ("torch/lib/libtorch_cpu.so", "a library"),
        ("torch/include/torch.h", "a header"),
        ("torch/__init__.py", "a script"),
        ("to_rch.dist-info/RECORD", RECORD),
    ];

    fn manifest() -> Manifest {
        Manifest::parse(MANIFEST).unwrap()
    }

    fn write_wheel(folder: &Path, members: &[(&str, &str)]) {
        let file = File::create(folder.join("to_rch-2.11.0-cp311-cp311-any.whl")).unwrap();
        let mut zip = zip::ZipWriter::new(file);
        for (path, text) in members {
            zip.start_file(*path, zip::write::FileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }

    fn install_wheel(cache: &Path, members: &[(&str, &str)]) -> anyhow::Result<PathBuf> {
        install(&manifest(), cache, |_, wheels| {
            write_wheel(wheels, members);
            Ok(())
        })
    }

    /// What lies in the cache beside the lock.
    fn contents(cache: &Path) -> Vec<String> {
        let names =
            fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| *name != "libtorch-2.11.0-cpu.lock").collect()
    }

    #[test]
    fn what_is_needed_is_taken_and_a_second_run_downloads_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let target = install_wheel(cache.path(), &WHEEL).unwrap();
        let read = |path: &str| fs::read_to_string(target.join(path)).unwrap();
        assert_eq!(read("torch/lib/libtorch_cpu.so"), "a library");
        assert_eq!(read("torch/include/torch.h"), "a header");
        assert_eq!(read("torch/build-version"), "2.11.0\n");
        assert!(!target.join("torch/__init__.py").exists());
        assert_eq!(contents(cache.path()), ["libtorch-2.11.0-cpu"]);

        let again = install(&manifest(), cache.path(), |_, _| panic!("downloaded although it is there"));
        assert_eq!(again.unwrap(), target);
    }

    #[test]
    fn a_member_with_another_checksum_is_named_and_nothing_is_installed() {
        for changed in 0..2 {
            let mut members = WHEEL;
            members[changed].1 = "malice";
            let cache = tempfile::tempdir().unwrap();
            let error = format!("{:#}", install_wheel(cache.path(), &members).unwrap_err());
            assert!(error.contains(members[changed].0) && error.contains("was expected"), "{error}");
            assert!(contents(cache.path()).is_empty());
        }
    }

    #[test]
    fn a_changed_record_or_a_missing_member_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let mut members = WHEEL;
        members[3].1 = "";
        let error = format!("{:#}", install_wheel(cache.path(), &members).unwrap_err());
        assert!(error.contains("RECORD has sha256"), "{error}");
        let error = format!("{:#}", install_wheel(cache.path(), &WHEEL[1..]).unwrap_err());
        assert!(error.contains("torch/lib/libtorch_cpu.so"), "{error}");
        assert!(contents(cache.path()).is_empty());
    }

    #[test]
    fn a_failed_download_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let outcome = install(&manifest(), cache.path(), |_, wheels| {
            fs::write(wheels.join("half.whl"), "ha")?;
            anyhow::bail!("the line went dead")
        });
        assert_eq!(outcome.unwrap_err().to_string(), "the line went dead");
        assert!(contents(cache.path()).is_empty());
    }

    #[test]
    fn leftovers_of_a_killed_run_and_a_damaged_folder_are_replaced() {
        let cache = tempfile::tempdir().unwrap();
        let target = install_wheel(cache.path(), &WHEEL).unwrap();
        fs::write(target.join("torch/lib/libtorch_cpu.so"), "cut").unwrap();
        let leftover = cache.path().join("libtorch-2.11.0-cpu.partial/tree/torch");
        fs::create_dir_all(&leftover).unwrap();
        fs::write(leftover.join("half"), "").unwrap();

        install_wheel(cache.path(), &WHEEL).unwrap();
        assert!(manifest().is_installed_in(&target));
        assert!(!target.join("torch/half").exists());
        assert_eq!(contents(cache.path()), ["libtorch-2.11.0-cpu"]);
    }

    #[test]
    fn two_at_once_download_once() {
        let cache = tempfile::tempdir().unwrap();
        let n_downloads = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    install(&manifest(), cache.path(), |_, wheels| {
                        n_downloads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        write_wheel(wheels, &WHEEL);
                        Ok(())
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(n_downloads.into_inner(), 1);
    }

    #[test]
    fn a_full_disk_is_said_before_anything_is_fetched() {
        let cache = tempfile::tempdir().unwrap();
        let manifest = Manifest { disk_megabytes: u64::MAX, ..manifest() };
        let error = install(&manifest, cache.path(), |_, _| panic!("downloaded")).unwrap_err().to_string();
        assert!(error.contains("MB are free") && error.contains("DML_CACHE"), "{error}");
    }
}
