//! One process at a time writes a data set's cache folder.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use crate::{DataError, progress::Progress};

/// The right to write into a data set's cache folder; other processes wait for it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    held: bool,
}

impl Lock {
    pub(crate) fn wait(folder: &Path, name: &str, progress: Progress) -> Result<Lock, DataError> {
        let path = folder.join(".lock");
        let file = File::create(&path).map_err(DataError::io(&path))?;
        let held = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                progress.say(&format!("{name}: waiting for another process that fetches it"));
                file.lock().is_ok()
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => false,
        };
        Ok(Lock { _file: file, held })
    }

    /// Where a download grows: a fixed name, so that it can be resumed, unless others may write it
    /// too.
    pub(crate) fn part(&self, folder: &Path, name: &str) -> PathBuf {
        if self.held {
            folder.join(format!("{name}.part"))
        } else {
            folder.join(format!("{name}.{}.part", std::process::id()))
        }
    }
}
