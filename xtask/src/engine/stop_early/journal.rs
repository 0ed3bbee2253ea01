//! `STORE/stop-early/NAME.jsonl`: what happened in a sweep that stops early, line by line.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dml_store::{Claim, RunStore, names::STOP_EARLY};

use super::rule::{History, Line};

/// The journal of the sweep `name`.
pub(crate) fn path(store: &RunStore, name: &str) -> PathBuf {
    store.root().join(STOP_EARLY).join(format!("{name}.jsonl"))
}

/// The sweeps that have one.
pub(crate) fn names(store: &RunStore) -> Vec<String> {
    let entries = fs::read_dir(store.root().join(STOP_EARLY)).into_iter().flatten().flatten();
    let paths =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "jsonl"));
    paths.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect()
}

/// All lines but one that a kill cut short; none where there is no file.
///
/// # Errors
/// When the file cannot be read or has a line that is none of ours; the sentence says which.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.with_context(|| path.display().to_string())?,
    };
    let place = |number: usize| format!("{}: line {}", path.display(), number + 1);
    let lines = bytes[..whole(&bytes)].split_inclusive(|byte| *byte == b'\n').enumerate();
    lines.map(|(number, line)| serde_json::from_slice(line).with_context(|| place(number))).collect()
}

/// All that the file holds, one after the other.
pub(crate) fn history(path: &Path) -> Result<History> {
    let mut history = History::default();
    for (number, line) in read(path)?.iter().enumerate() {
        history.apply(line).with_context(|| format!("{}: line {}", path.display(), number + 1))?;
    }
    Ok(history)
}

/// How many bytes are whole lines: a kill may cut inside a character.
fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// A journal that no other sweep writes.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    _claim: Claim,
    /// Bytes of its whole lines.
    length: u64,
    pub history: History,
}

impl Journal {
    /// Opens the journal, or begins one.
    ///
    /// # Errors
    /// When it cannot be read or written, or another sweep writes it.
    pub(crate) fn open(store: &RunStore, name: &str) -> Result<Self> {
        let path = path(store, name);
        let context = || path.display().to_string();
        fs::create_dir_all(path.parent().expect("it lies in a folder")).with_context(context)?;
        let file = File::options().create(true).append(true).open(&path).with_context(context)?;
        let Some(claim) = store.claim_file(&path.with_extension("lock"))? else {
            bail!("{}: another sweep with --stop-early writes it", path.display())
        };
        let history = history(&path)?;
        let length = whole(&fs::read(&path).with_context(context)?) as u64;
        file.set_len(length).with_context(context)?;
        Ok(Self { path, file, _claim: claim, length, history })
    }

    /// Lets something happen and writes it down, whole or not at all.
    ///
    /// # Errors
    /// When it cannot happen, or cannot be written: then the sweep cannot go on.
    pub(crate) fn append(&mut self, line: &Line) -> Result<()> {
        let context = || self.path.display().to_string();
        self.history.apply(line).with_context(context)?;
        let text = serde_json::to_string(line).expect("plain data") + "\n";
        if let Err(error) = self.file.write_all(text.as_bytes()) {
            self.file.set_len(self.length).with_context(context)?;
            return Err(error).with_context(context);
        }
        self.length += text.len() as u64;
        Ok(())
    }
}
