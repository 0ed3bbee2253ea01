//! The run store: one directory a trial, done when it holds `result.json`.
//!
//! ```text
//! STORE/store.json                    {"format": 1}
//! STORE/trials/ID/trial.toml          the complete trial
//!                 result.json         written last: the trial is done
//!                 weights.safetensors the trained weights
//!                 checkpoint.*        there only while a trial is unfinished
//!                 rungs.json          scores of the validation split at epochs where it rested
//!                 failure.json        why the last attempt ended without a result
//!                 run.json            when, where, on what and for how long it ran
//!                 log.txt             what it said
//!                 lock                held (advisory file lock) by the process that runs it
//! STORE/stop-early/NAME.jsonl         what a sweep that stops early decided, and on what (xtask)
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::trial::{FORMAT, Failure, TrialResult, trial_id};

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
    /// The store was written by another version.
    #[error("{}: run store of format {found}, this version reads format {FORMAT}; use another --store", path.display())]
    Format {
        /// The store's `store.json` or a result.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |cause| StoreError::Io { path, cause }
}

/// Writes a file so that a reader sees all of it or none of it: aside, to disk, then renamed.
///
/// # Errors
/// When the directory cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    // Readable as other files are (the umask applies), not by the owner alone: stores and reports are shared.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(io_error(path))?;
    file.write_all(bytes).map_err(io_error(path))?;
    file.as_file().sync_data().map_err(io_error(path))?;
    file.persist(path).map_err(|e| io_error(path)(e.error))?;
    Ok(())
}

/// A trial that nobody else runs while this value lives. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

/// A directory of trials.
#[derive(Debug, Clone)]
pub struct RunStore {
    root: PathBuf,
}

impl RunStore {
    /// Opens a store, or makes an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be made or read, or was written by another format version.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let marker = root.join("store.json");
        let trials = root.join("trials");
        fs::create_dir_all(&trials).map_err(io_error(&trials))?;
        match fs::read_to_string(&marker) {
            Ok(text) => check_format(&marker, &text)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                write_atomically(&marker, format!("{{\"format\": {FORMAT}}}\n").as_bytes())?;
            }
            Err(e) => return Err(io_error(&marker)(e)),
        }
        Ok(Self { root: root.to_path_buf() })
    }

    /// Where the store lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of a trial.
    pub fn trial_directory(&self, id: &str) -> PathBuf {
        self.root.join("trials").join(id)
    }

    /// Enters a trial, if it is not there yet, and returns its id.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, trial: &toml::Table) -> Result<String, StoreError> {
        let id = trial_id(trial);
        let directory = self.trial_directory(&id);
        let path = directory.join("trial.toml");
        if !path.exists() {
            fs::create_dir_all(&directory).map_err(io_error(&directory))?;
            let text = toml::to_string(trial).expect("a parsed TOML table can be written");
            write_atomically(&path, text.as_bytes())?;
        }
        Ok(id)
    }

    /// Ids of all trials, sorted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.root.join("trials");
        let mut ids = Vec::new();
        for entry in fs::read_dir(&folder).map_err(io_error(&folder))? {
            ids.push(entry.map_err(io_error(&folder))?.file_name().to_string_lossy().into_owned());
        }
        ids.sort();
        Ok(ids)
    }

    /// The result of a trial, `None` while it has none.
    ///
    /// # Errors
    /// When the file is there but is not a result of this format for this trial.
    pub fn result(&self, id: &str) -> Result<Option<TrialResult>, StoreError> {
        let path = self.trial_directory(id).join("result.json");
        let Some(result) = read_json::<TrialResult>(&path)? else { return Ok(None) };
        if result.id != id || trial_id(&result.trial) != id {
            let reason = format!(
                "holds the result of trial {}, not of {id}; delete it to run the trial again",
                result.id
            );
            return Err(StoreError::Malformed { path, reason });
        }
        Ok(Some(result))
    }

    /// The last failure of a trial, if there is one.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn failure(&self, id: &str) -> Result<Option<Failure>, StoreError> {
        read_json(&self.trial_directory(id).join("failure.json"))
    }

    /// Ends a trial: writes its result, then removes the traces of the way there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self, result: &TrialResult) -> Result<(), StoreError> {
        let directory = self.trial_directory(&result.id);
        write_json(&directory.join("result.json"), result)?;
        remove(&directory.join("failure.json"))?;
        for entry in fs::read_dir(&directory).map_err(io_error(&directory))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("checkpoint") {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Records why an attempt ended without a result; counts the attempts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn fail(&self, id: &str, reason: &str, retry: bool, log: Vec<String>) -> Result<Failure, StoreError> {
        let attempts = self.failure(id).ok().flatten().map_or(0, |f| f.attempts) + 1;
        let failure = Failure { reason: reason.to_string(), attempts, retry, log };
        write_json(&self.trial_directory(id).join("failure.json"), &failure)?;
        Ok(failure)
    }

    /// Forgets the failures of a trial, so that it is tried afresh.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forgive(&self, id: &str) -> Result<(), StoreError> {
        remove(&self.trial_directory(id).join("failure.json"))
    }

    /// Takes a trial for this process; `None` if another process has it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn claim(&self, id: &str) -> Result<Option<Claim>, StoreError> {
        let path = self.trial_directory(id).join("lock");
        let file = File::options().create(true).append(true).open(&path).map_err(io_error(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(io_error(&path)(e)),
        }
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error(path)(e)),
        _ => Ok(()),
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let mut text = serde_json::to_string_pretty(value).expect("plain data");
    text.push('\n');
    write_atomically(path, text.as_bytes())
}

fn check_format(path: &Path, text: &str) -> Result<(), StoreError> {
    let malformed =
        |e: serde_json::Error| StoreError::Malformed { path: path.to_path_buf(), reason: e.to_string() };
    let value: serde_json::Value = serde_json::from_str(text).map_err(malformed)?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(found) if found != u64::from(FORMAT) => {
            Err(StoreError::Format { path: path.to_path_buf(), found })
        }
        Some(_) => Ok(()),
        None => Err(StoreError::Malformed {
            path: path.to_path_buf(),
            reason: format!("has no \"format\"; a run store of this version says {FORMAT}"),
        }),
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error(path)(e)),
    };
    let malformed = |reason: String| StoreError::Malformed {
        path: path.to_path_buf(),
        reason: format!("{reason}; delete it to run the trial again"),
    };
    if path.ends_with("result.json") {
        check_format(path, &text).map_err(|error| match error {
            StoreError::Malformed { reason, .. } => malformed(reason),
            other => other,
        })?;
    }
    serde_json::from_str(&text).map(Some).map_err(|e| malformed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Curves, Outcome, Scores};

    fn store() -> (tempfile::TempDir, RunStore, String) {
        let folder = tempfile::tempdir().unwrap();
        let store = RunStore::open(folder.path()).unwrap();
        let id = store.add(&"seed = 1".parse().unwrap()).unwrap();
        (folder, store, id)
    }

    fn result(id: &str) -> TrialResult {
        TrialResult {
            format: FORMAT,
            id: id.into(),
            trial: "seed = 1".parse().unwrap(),
            outcome: Outcome::Scored { scores: Scores::from([("a".into(), 0.5)]) },
            curves: Curves::new(),
        }
    }

    #[test]
    fn a_trial_is_done_when_its_result_is_there() {
        let (_folder, store, id) = store();
        assert_eq!(store.ids().unwrap(), std::slice::from_ref(&id));
        assert!(store.result(&id).unwrap().is_none());
        assert_eq!(store.fail(&id, "the disk is full", true, vec![]).unwrap().attempts, 1);
        assert_eq!(store.fail(&id, "the disk is full", true, vec![]).unwrap().attempts, 2);
        store.finish(&result(&id)).unwrap();
        assert_eq!(store.result(&id).unwrap(), Some(result(&id)));
        assert!(store.failure(&id).unwrap().is_none());
    }

    #[test]
    fn a_corrupted_result_is_named_and_never_misread() {
        let (_folder, store, id) = store();
        let path = store.trial_directory(&id).join("result.json");
        fs::write(&path, "{\"format\": 1, \"id\"").unwrap();
        assert!(store.result(&id).unwrap_err().to_string().contains("result.json"));
        fs::write(&path, "{\"format\": 2}").unwrap();
        let message = store.result(&id).unwrap_err().to_string();
        assert!(message.contains("format 2, this version reads format 1"), "{message}");
        fs::write(&path, serde_json::to_string(&result("other")).unwrap()).unwrap();
        assert!(store.result(&id).unwrap_err().to_string().contains("of trial other"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_written_is_readable_like_any_other_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomically(&ours, b"x").unwrap();
        fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn a_store_of_another_format_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("store.json"), "{\"format\": 7}").unwrap();
        assert!(RunStore::open(folder.path()).unwrap_err().to_string().contains("format 7"));
    }

    #[test]
    fn a_trial_is_claimed_once() {
        let (_folder, store, id) = store();
        let claim = store.claim(&id).unwrap();
        assert!(claim.is_some());
        assert!(store.claim(&id).unwrap().is_none());
        drop(claim);
        assert!(store.claim(&id).unwrap().is_some());
    }
}
