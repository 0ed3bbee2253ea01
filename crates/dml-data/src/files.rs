//! Files as all crates here write and name them: aside and then renamed, with checksums as
//! `sha256sum` prints them.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// A file that is written beside its place and renamed into it, so that a reader sees all of it or
/// none of it. Without [`Aside::finish`] it goes away again.
#[derive(Debug)]
pub struct Aside {
    path: PathBuf,
    file: NamedTempFile,
}

impl Aside {
    /// Begins a file that will be called `path`; its folder has to be there. Where `path` is a
    /// symbolic link, that will be what it points to.
    ///
    /// # Errors
    /// When the folder cannot be written, and where `path` is a folder, a device, a pipe or a file
    /// that is protected from writing.
    pub fn create(path: &Path) -> io::Result<Aside> {
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        let path = &if is_link { behind(path)? } else { path.to_owned() };
        let found = fs::metadata(path);
        if found.as_ref().is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::other("is no file that could be written; the name of one would be right"));
        }
        if found.is_ok_and(|found| found.permissions().readonly()) {
            return Err(io::Error::other("is protected from writing; another name would be right"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-");
        // Readable as other files are (the umask applies), not by the owner alone: stores and
        // reports are shared.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Aside { path: path.to_owned(), file: builder.tempfile_in(folder)? })
    }

    /// Brings its bytes to disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }

    /// Gives the file its name, once its bytes are on disk.
    ///
    /// # Errors
    /// When the bytes cannot be stored or the file not be renamed.
    pub fn finish(self) -> io::Result<()> {
        self.sync()?;
        self.file.persist(&self.path)?;
        Ok(())
    }
}

/// What a link points to, which need not be there yet.
fn behind(link: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(link.parent().unwrap_or(Path::new("")).join(fs::read_link(link)?))
        }
        found => found,
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Aside {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Writes a file so that a reader sees all of it or none of it.
///
/// # Errors
/// When its folder cannot be written. The error does not name the file.
pub fn write_aside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Aside::create(path)?;
    file.write_all(bytes)?;
    file.finish()
}

/// Gives a file that is whole its name, once its bytes are on disk: for files that are written
/// aside under a fixed name, so that what a killed process left of them is found again or written
/// over.
///
/// # Errors
/// When the bytes cannot be stored or the file not be renamed. The error does not name the file.
pub fn rename_whole(aside: &Path, path: &Path) -> io::Result<()> {
    File::open(aside)?.sync_all()?;
    fs::rename(aside, path)
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of a file's content, in hexadecimal digits.
///
/// # Errors
/// When the file cannot be read. The error does not name the file.
pub fn sha256_of_file(path: &Path) -> io::Result<String> {
    digest::<Sha256>(File::open(path)?)
}

/// The digest of all that a reader gives, in hexadecimal digits.
pub(crate) fn digest<D: Digest>(mut reader: impl Read) -> io::Result<String> {
    let mut hash = D::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&block[..n]),
        }
    }
}

/// Whether a word that may be a name is a path: it ends in `.extension`, or has more than one part.
pub fn is_path(word: &str, extension: &str) -> bool {
    let path = Path::new(word);
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
        || path.components().count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_written_is_readable_like_any_other_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_aside(&ours, b"x").unwrap();
        fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn what_is_not_finished_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let mut aside = Aside::create(&path).unwrap();
        aside.write_all(b"new").unwrap();
        drop(aside);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_protected_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        let refused = write_aside(&path, b"new").unwrap_err().to_string();
        assert_eq!(refused, "is protected from writing; another name would be right");
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, lost] = ["file", "link", "lost"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_aside(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        std::os::unix::fs::symlink("nowhere", &lost).unwrap();
        write_aside(&lost, b"x").unwrap();
        assert_eq!(fs::read(folder.path().join("nowhere")).unwrap(), b"x");
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for wrong in [folder.path(), &socket] {
            let error = write_aside(wrong, b"x").unwrap_err().to_string();
            assert!(error.starts_with("is no file that could be written"), "{}: {error}", wrong.display());
        }
    }

    #[test]
    fn names_are_told_from_paths() {
        for path in ["a.npz", "A.NPZ", "./a", "a/b", "/a", "../a.toml"] {
            assert!(is_path(path, "npz"), "{path}");
        }
        for name in ["mnist", "a.toml", ""] {
            assert!(!is_path(name, "npz"), "{name}");
        }
    }

    #[test]
    fn digests_are_those_of_sha256sum() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(&[0, 255]), "00ff");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, vec![7; 100_000]).unwrap();
        assert_eq!(sha256_of_file(&path).unwrap(), sha256(&vec![7; 100_000]));
    }
}
