//! What a failure keeps of logs: their last lines.

use std::fs;
use std::path::Path;

use dml_store::RunStore;

/// Lines of each log that are kept.
pub(crate) const KEPT_LINES: usize = 20;

/// A log as text, whatever bytes it has; empty where there is none.
pub(crate) fn text(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The last of these lines.
pub(crate) fn last<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lines: Vec<_> = lines.collect();
    lines[lines.len().saturating_sub(KEPT_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// The last lines of a trial's log.
pub(crate) fn of_trial(store: &RunStore, id: &str) -> Vec<String> {
    last(text(&store.trial_directory(id).join("log.txt")).lines())
}
