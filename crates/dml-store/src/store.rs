//! The run store itself: entering trials, claiming them, and what is kept of each.

mod begun;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dml_data::files::write_aside;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Table;

use crate::claim::{Claim, Claims};
use crate::{
    FORMAT, Failure, Provenance, Rungs, StoreError, Training, TrialResult, canonical, names, trial_id,
};

/// What to do about a damaged file of a trial.
const RUN_AGAIN: &str = "delete it to run the trial again";

/// The key of the marker that says how claims are made, where they are not made by locks.
const HEARTBEAT: &str = "heartbeat_seconds";

/// A directory of trials.
#[derive(Debug, Clone)]
pub struct RunStore {
    root: PathBuf,
    /// Whether the directory is that of one trial, which stands alone.
    is_one_trial: bool,
    claims: Claims,
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
        let mut claims = Claims::Locks;
        match read(&marker)? {
            Some(text) => {
                check_format(&marker, &text, "use another --store")?;
                let value: Value = parse(&marker, &text, "use another --store")?;
                if let Some(seconds) = value.get(HEARTBEAT).and_then(Value::as_u64) {
                    claims = Claims::Heartbeat(Duration::from_secs(seconds));
                }
            }
            None => write(&marker, &format!("{{\"format\": {FORMAT}}}\n"))?,
        }
        Ok(Self { root: root.to_path_buf(), is_one_trial: false, claims })
    }

    /// A trial that stands alone, in a directory of its own: the store of just this trial.
    pub fn of_one_trial(directory: &Path) -> Self {
        Self { root: directory.to_path_buf(), is_one_trial: true, claims: Claims::Locks }
    }

    /// From now on the trials of this store are claimed without file locks, by every process that
    /// opens it: a claim is a directory, and one without a sign of life for so many seconds is
    /// taken over. For file systems without locks, and while no process runs trials of the store.
    ///
    /// # Errors
    /// When the store's claims go by another number of seconds, or it cannot be written.
    pub fn claim_by_heartbeat(&mut self, seconds: u32) -> Result<(), StoreError> {
        let (marker, claims) =
            (self.root.join(names::STORE), Claims::Heartbeat(Duration::from_secs(seconds.into())));
        match self.claims {
            Claims::Locks => {
                write(&marker, &format!("{{\"format\": {FORMAT}, \"{HEARTBEAT}\": {seconds}}}\n"))?;
                self.claims = claims;
            }
            Claims::Heartbeat(limit) if self.claims != claims => {
                let limit = limit.as_secs();
                let reason = format!(
                    "claims of this store are given up after {limit} s, not {seconds}; --heartbeat={limit} would be right"
                );
                return Err(StoreError::malformed(&marker, &reason));
            }
            Claims::Heartbeat(_) => {}
        }
        Ok(())
    }

    /// Refuses a file system on which no trial can be claimed.
    ///
    /// # Errors
    /// When it has no file locks, and claims are made by them.
    pub fn check_claims(&self) -> Result<(), StoreError> {
        self.claims.check(&self.root.join(names::STORE))
    }

    /// Where the store lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of a trial.
    pub fn trial_directory(&self, id: &str) -> PathBuf {
        if self.is_one_trial { self.root.clone() } else { self.root.join(names::TRIALS).join(id) }
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

    /// A training that a trial of this store has ended; `None` where that is not there or cannot be
    /// read, as no result depends on it.
    pub fn training(&self, name: &str) -> Option<Training> {
        let training: Training =
            serde_json::from_str(&fs::read_to_string(self.training_file(name)).ok()?).ok()?;
        (training.format == FORMAT).then_some(training)
    }

    /// Writes that a trial has ended a training.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_training(&self, name: &str, training: &Training) -> Result<(), StoreError> {
        let folder = self.root.join(names::TRAININGS);
        fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
        write_json(&self.training_file(name), training)
    }

    fn training_file(&self, name: &str) -> PathBuf {
        self.root.join(names::TRAININGS).join(format!("{name}.json"))
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
    /// When the lock file cannot be made, or the file system has no locks.
    pub fn claim(&self, id: &str) -> Result<Option<Claim>, StoreError> {
        self.claims.take(&self.file(id, names::LOCK))
    }

    /// Whether any process has claimed a trial, now or before: asking makes no claim.
    pub fn was_claimed(&self, id: &str) -> bool {
        self.claims.left_traces(&self.file(id, names::LOCK))
    }

    /// Takes what another file of the store stands for, as [`RunStore::claim`] takes a trial.
    ///
    /// # Errors
    /// The same.
    pub fn claim_file(&self, path: &Path) -> Result<Option<Claim>, StoreError> {
        self.claims.take(path)
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
mod tests;
