//! What can be wrong with a report.

use std::io;
use std::path::{Path, PathBuf};

use dml_data::DataError;
use dml_spec::SpecError;
use dml_store::StoreError;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The sweep file asks for something that does not exist.
    #[error("{0}")]
    Spec(String),
    /// The run store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A latent space of the run store cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of a trial is there, but is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Writing failed.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl From<SpecError> for ReportError {
    fn from(error: SpecError) -> Self {
        Self::Spec(error.0)
    }
}

impl ReportError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Io { path, cause }
    }

    pub(crate) fn file(path: &Path, reason: &dyn std::fmt::Display) -> Self {
        Self::File { path: path.to_path_buf(), reason: reason.to_string() }
    }
}
