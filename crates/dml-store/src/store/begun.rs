//! On which data an unfinished trial has begun.

use serde::{Deserialize, Serialize};

use super::{RunStore, check_format, parse, read, write_json};
use crate::{FORMAT, StoreError, names};

/// Of a file that cannot be read.
const NOT_KNOWN: &str = "of which data the checkpoint is cannot be told";

/// What stands in `checkpoint.data.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    format: u32,
    sha256: String,
}

impl RunStore {
    /// The SHA-256 of the data that an unfinished trial has begun on, where it names them by path.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn begun_on(&self, id: &str) -> Result<Option<String>, StoreError> {
        let path = self.file(id, names::CHECKPOINT_DATA);
        let Some(text) = read(&path)? else { return Ok(None) };
        check_format(&path, &text, NOT_KNOWN)?;
        Ok(Some(parse::<Begun>(&path, &text, NOT_KNOWN)?.sha256))
    }

    /// Writes on which data a trial begins; that goes away with its checkpoint.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_begun_on(&self, id: &str, sha256: &str) -> Result<(), StoreError> {
        let begun = Begun { format: FORMAT, sha256: sha256.to_owned() };
        write_json(&self.file(id, names::CHECKPOINT_DATA), &begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Curves, Outcome, Scores, TrialResult};

    #[test]
    fn the_data_of_a_trial_are_known_until_it_ends_and_then_by_its_result() {
        let folder = tempfile::tempdir().unwrap();
        let store = RunStore::open(folder.path()).unwrap();
        let trial: toml::Table = "seed = 1".parse().unwrap();
        let id = store.add(&trial).unwrap();
        assert_eq!(store.begun_on(&id).unwrap(), None);
        store.write_begun_on(&id, "00ff").unwrap();
        assert_eq!(store.begun_on(&id).unwrap().as_deref(), Some("00ff"));
        std::fs::write(store.file(&id, names::CHECKPOINT_DATA), "{").unwrap();
        let sentence = store.begun_on(&id).unwrap_err().to_string();
        assert!(sentence.ends_with("; of which data the checkpoint is cannot be told"), "{sentence}");
        let (outcome, curves) = (Outcome::scored(Scores::new()), Curves::new());
        let data_sha256 = Some("00ff".to_owned());
        let result = TrialResult { format: FORMAT, id: id.clone(), trial, data_sha256, outcome, curves };
        store.finish(&result).unwrap();
        assert_eq!(store.begun_on(&id).unwrap(), None);
        assert_eq!(store.result(&id).unwrap().unwrap().data_sha256.as_deref(), Some("00ff"));
    }
}
