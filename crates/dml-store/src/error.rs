//! What can be wrong with a store.

use std::io;
use std::path::{Path, PathBuf};

use crate::FORMAT;

/// What can be wrong with a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Reading or writing failed.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is there, but is not what it should be.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The file system has no file locks.
    #[error(
        "{}: this file system has no file locks ({cause}), by which trials are claimed; with --heartbeat, which the store \
         remembers, they are claimed without",
        path.display()
    )]
    NoLocks {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The store was written by another version.
    #[error("{}: run store of format {found}, this version reads format {FORMAT}; use another --store", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
}

impl StoreError {
    /// A [`StoreError::Io`] about `path`, to be given to `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Io { path, cause }
    }

    /// A [`StoreError::Malformed`] about `path`.
    pub(crate) fn malformed(path: &Path, reason: &impl ToString) -> Self {
        Self::Malformed { path: path.to_path_buf(), reason: reason.to_string() }
    }
}
