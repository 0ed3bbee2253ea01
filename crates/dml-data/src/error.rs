//! What can go wrong with data, each in one sentence.

use std::{io, path::Path, path::PathBuf};

/// What can go wrong between a data set's name and its arrays.
///
/// Every message is one sentence that names the file, key or value and says what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder could not be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A file is there, but is not what it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A name that is neither in the manifest nor a file.
    #[error("there is no data set `{name}`: known are {known}, or give the path of an npz file")]
    UnknownName {
        /// The name as given.
        name: String,
        /// The names of the manifest, separated by commas.
        known: String,
    },
    /// No place and no mirror had the data set.
    #[error(
        "{name} cannot be had ({reasons}): put {files} into a folder and set DML_DATASETS to that folder"
    )]
    Unavailable {
        /// The data set's name.
        name: String,
        /// Each place's or mirror's reason, in short, separated by semicolons.
        reasons: String,
        /// The files that are needed.
        files: String,
    },
    /// A manifest that does not parse.
    #[error("the manifest of data sets is not valid: {0}")]
    Manifest(#[from] toml::de::Error),
    /// A value outside its range; the message names it.
    #[error("{0}")]
    Value(String),
}

impl DataError {
    /// An [`DataError::Io`] about `path`, to be given to `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> DataError + '_ {
        |cause| DataError::Io { path: path.to_owned(), cause }
    }

    /// A [`DataError::Format`] about `path`, to be given to `map_err`.
    pub(crate) fn format(path: &Path) -> impl FnOnce(String) -> DataError + '_ {
        |reason| DataError::Format { path: path.to_owned(), reason }
    }
}
