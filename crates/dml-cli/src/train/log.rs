//! The log of a trial.

use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dml_store::names;

/// Lines of the log that go into `failure.json`.
const TAIL: usize = 20;

/// `log.txt` in a trial's directory; grows over attempts.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(names::LOG);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        Ok(Self { file: file.with_context(|| path.display().to_string())?, path })
    }

    /// Adds a line. A log that cannot be written (a full disk) does not end a run: the result that
    /// cannot be written will.
    pub(crate) fn line(&self, text: &str) {
        let _ = writeln!(&self.file, "{text}");
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].iter().map(ToString::to_string).collect()
    }
}

/// One line of a panic. Messages of LibTorch go on with pages of its call stack.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    // tch unwraps its errors, which shows their line ends as two characters.
    let lines = text.split("\\n").flat_map(str::lines);
    lines.map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_string()
}
