//! Whether a file is the one it should be.

use std::{fs::File, path::Path};

use md5::Md5;
use sha2::Sha256;

use crate::{DataError, files};

/// A checksum in lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Checksum<'a> {
    Sha256(&'a str),
    Md5(&'a str),
}

/// A file name with what makes a file of that name the right one.
#[derive(Debug, Clone)]
pub(crate) struct Variant<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: Option<u64>,
    pub(crate) checksum: Checksum<'a>,
}

/// What is wrong with the file at `path` as `expected`; `None` when it is the right one.
pub(crate) fn mismatch(path: &Path, expected: &Variant) -> Result<Option<String>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    let n_bytes = file.metadata().map_err(DataError::io(path))?.len();
    if let Some(bytes) = expected.bytes.filter(|&bytes| bytes != n_bytes) {
        return Ok(Some(format!("has {n_bytes} bytes instead of {bytes}")));
    }
    let (kind, right, found) = match expected.checksum {
        Checksum::Sha256(right) => ("sha256", right, files::digest::<Sha256>(file)),
        Checksum::Md5(right) => ("md5", right, files::digest::<Md5>(file)),
    };
    let found = found.map_err(DataError::io(path))?;
    Ok((found != right).then(|| format!("wrong checksum: its {kind} is {found} instead of {right}")))
}
