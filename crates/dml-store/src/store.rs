//! The run store itself: entering trials, claiming them, and what is kept of each.

mod begun;

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dml_data::files::write_aside;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Table;

use crate::{FORMAT, Failure, Provenance, Rungs, StoreError, TrialResult, canonical, names, trial_id};

/// What to do about a damaged file of a trial.
const RUN_AGAIN: &str = "delete it to run the trial again";

/// A trial that no other process runs while this value lives. The system lets go of it when the
/// process ends, however it ends.
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
        let marker = root.join(names::STORE);
        let trials = root.join(names::TRIALS);
        fs::create_dir_all(&trials).map_err(StoreError::io(&trials))?;
        match read(&marker)? {
            Some(text) => check_format(&marker, &text, "use another --store")?,
            None => write(&marker, &format!("{{\"format\": {FORMAT}}}\n"))?,
        }
        Ok(Self { root: root.to_path_buf() })
    }

    /// Where the store lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of a trial.
    pub fn trial_directory(&self, id: &str) -> PathBuf {
        self.root.join(names::TRIALS).join(id)
    }

    /// A file of a trial, by its name of [`names`].
    pub fn file(&self, id: &str, name: &str) -> PathBuf {
        self.trial_directory(id).join(name)
    }

    /// Enters a trial, if it is not there yet, and returns its id.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, trial: &Table) -> Result<String, StoreError> {
        let id = trial_id(trial);
        let directory = self.trial_directory(&id);
        let path = directory.join(names::TRIAL);
        if !path.exists() {
            fs::create_dir_all(&directory).map_err(StoreError::io(&directory))?;
            let trial = canonical(trial.clone());
            write(&path, &toml::to_string(&trial).expect("a parsed TOML table can be written"))?;
        }
        Ok(id)
    }

    /// Ids of all trials, sorted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.root.join(names::TRIALS);
        let mut ids = Vec::new();
        for entry in fs::read_dir(&folder).map_err(StoreError::io(&folder))? {
            ids.push(entry.map_err(StoreError::io(&folder))?.file_name().to_string_lossy().into_owned());
        }
        ids.sort();
        Ok(ids)
    }

    /// The result of a trial, `None` while it has none.
    ///
    /// # Errors
    /// When the file is there but is not a result of this format for this trial.
    pub fn result(&self, id: &str) -> Result<Option<TrialResult>, StoreError> {
        let path = self.file(id, names::RESULT);
        let Some(text) = read(&path)? else { return Ok(None) };
        check_format(&path, &text, RUN_AGAIN)?;
        let result: TrialResult = parse(&path, &text, RUN_AGAIN)?;
        if result.id != id || trial_id(&result.trial) != id {
            let reason = format!("holds the result of trial {}, not of {id}; {RUN_AGAIN}", result.id);
            return Err(StoreError::malformed(&path, &reason));
        }
        Ok(Some(result))
    }

    /// The last failure of a trial, if there is one.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn failure(&self, id: &str) -> Result<Option<Failure>, StoreError> {
        let path = self.file(id, names::FAILURE);
        read(&path)?.map(|text| parse(&path, &text, RUN_AGAIN)).transpose()
    }

    /// Ends a trial: writes its result, then removes the traces of the way there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self, result: &TrialResult) -> Result<(), StoreError> {
        write_json(&self.file(&result.id, names::RESULT), result)?;
        self.forget_failures(&result.id)?;
        self.forget_checkpoint(&result.id)
    }

    /// Forgets how far a trial had come.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn forget_checkpoint(&self, id: &str) -> Result<(), StoreError> {
        let directory = self.trial_directory(id);
        for entry in fs::read_dir(&directory).map_err(StoreError::io(&directory))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(names::CHECKPOINT) {
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
        write_json(&self.file(id, names::FAILURE), &failure)?;
        Ok(failure)
    }

    /// Forgets the failures of a trial, so that it is tried afresh.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget_failures(&self, id: &str) -> Result<(), StoreError> {
        remove(&self.file(id, names::FAILURE))
    }

    /// How a trial came to its result; `None` where that is not there or cannot be read, as no
    /// result depends on it.
    pub fn provenance(&self, id: &str) -> Option<Provenance> {
        serde_json::from_str(&fs::read_to_string(self.file(id, names::RUN)).ok()?).ok()
    }

    /// Writes how a trial came to its result.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_provenance(&self, id: &str, provenance: &Provenance) -> Result<(), StoreError> {
        write_json(&self.file(id, names::RUN), provenance)
    }

    /// The rungs that a trial has come to.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn rungs(&self, id: &str) -> Result<Rungs, StoreError> {
        const SCORE_AGAIN: &str = "delete it to score the trial's rungs again";
        let path = self.file(id, names::RUNGS);
        let Some(text) = read(&path)? else { return Ok(Rungs::default()) };
        check_format(&path, &text, SCORE_AGAIN)?;
        parse(&path, &text, SCORE_AGAIN)
    }

    /// Writes the rungs that a trial has come to.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_rungs(&self, id: &str, rungs: &Rungs) -> Result<(), StoreError> {
        write_json(&self.file(id, names::RUNGS), rungs)
    }

    /// Takes a trial for this process; `None` if another process has it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn claim(&self, id: &str) -> Result<Option<Claim>, StoreError> {
        let path = self.file(id, names::LOCK);
        let file = File::options().create(true).append(true).open(&path).map_err(StoreError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(StoreError::io(&path)(e)),
        }
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::io(path)(e)),
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    write_aside(path, text.as_bytes()).map_err(StoreError::io(path))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    write(path, &(serde_json::to_string_pretty(value).expect("plain data") + "\n"))
}

/// A file's text; `None` where there is no file.
fn read(path: &Path) -> Result<Option<String>, StoreError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        text => text.map(Some).map_err(StoreError::io(path)),
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str, what_to_do: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::malformed(path, &format!("{e}; {what_to_do}")))
}

/// Before anything else: what another version wrote need not parse as what this one reads.
fn check_format(path: &Path, text: &str, what_to_do: &str) -> Result<(), StoreError> {
    let value: Value = parse(path, text, what_to_do)?;
    match value.get("format").and_then(Value::as_u64) {
        Some(found) if found == u64::from(FORMAT) => Ok(()),
        Some(found) => Err(StoreError::Format { path: path.to_path_buf(), found }),
        None => {
            let right = format!("has no \"format\"; this version writes {FORMAT}; {what_to_do}");
            Err(StoreError::malformed(path, &right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Curves, Outcome, Scores};

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
            data_sha256: None,
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
        let path = store.file(&id, names::RESULT);
        fs::write(&path, "{\"format\": 1, \"id\"").unwrap();
        assert!(store.result(&id).unwrap_err().to_string().contains("result.json"));
        fs::write(&path, "{\"format\": 2}").unwrap();
        let message = store.result(&id).unwrap_err().to_string();
        assert!(message.contains("format 2, this version reads format 1"), "{message}");
        fs::write(&path, serde_json::to_string(&result("other")).unwrap()).unwrap();
        assert!(store.result(&id).unwrap_err().to_string().contains("of trial other"));
    }

    #[test]
    fn a_store_of_another_format_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(names::STORE), "{\"format\": 7}").unwrap();
        assert!(RunStore::open(folder.path()).unwrap_err().to_string().contains("format 7"));
    }

    #[test]
    fn rungs_and_provenance_are_read_as_they_are_written() {
        let (_folder, store, id) = store();
        assert_eq!((store.rungs(&id).unwrap(), store.provenance(&id)), (Rungs::default(), None));
        let mut rungs = Rungs::default();
        rungs.insert("knn.accuracy", 2, Some(0.5));
        rungs.insert("knn.accuracy", 6, None);
        store.write_rungs(&id, &rungs).unwrap();
        let read = store.rungs(&id).unwrap();
        let values = [2, 6, 7].map(|epoch| read.value("knn.accuracy", epoch));
        assert_eq!(values, [Some(Some(0.5)), Some(None), None]);
        fs::write(store.file(&id, names::RUNGS), "{\"format\": 1").unwrap();
        let message = store.rungs(&id).unwrap_err().to_string();
        assert!(message.contains("rungs.json: ") && message.contains("rungs again"), "{message}");

        let first_version = r#"{"format": 1, "version": "0.1.0", "libtorch": "2.11", "device": "cpu",
            "threads": 1, "host": "h", "finished_at": 7, "seconds": 1.5}"#;
        fs::write(store.file(&id, names::RUN), first_version).unwrap();
        let provenance = store.provenance(&id).unwrap();
        assert!((provenance.seconds, provenance.denormals_flushed) == (1.5, false));
        store.write_provenance(&id, &provenance).unwrap();
        assert_eq!(store.provenance(&id), Some(provenance));
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
