//! The folder of a report: what an earlier report wrote there and this one does not goes away, and
//! nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use dml_data::files::{sha256, write_aside};

use crate::error::ReportError;

/// What a report wrote, in the form that `sha256sum --check` reads.
const LIST: &str = "files.sha256";

/// A folder that a report is being written to.
pub(crate) struct Folder<'a> {
    root: &'a Path,
    /// Digest by name.
    written: BTreeMap<String, String>,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(root: &'a Path) -> Self {
        Self { root, written: BTreeMap::new() }
    }

    /// Writes a file under a name such as `tables/table-1.md`, and says where it is.
    pub(crate) fn write(&mut self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf, ReportError> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(self.root);
        fs::create_dir_all(folder).map_err(ReportError::io(folder))?;
        write_aside(&path, bytes.as_ref()).map_err(ReportError::io(&path))?;
        self.written.insert(name.to_string(), sha256(bytes.as_ref()));
        Ok(path)
    }

    /// Removes what an earlier report wrote, this one did not, and no one changed since; then lists
    /// what is there for the next.
    pub(crate) fn finish(self) -> Result<(), ReportError> {
        let list = self.root.join(LIST);
        let earlier = fs::read_to_string(&list).unwrap_or_default();
        for (written, name) in earlier.lines().filter_map(|line| line.split_once("  ")) {
            let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            if !inside || self.written.contains_key(name) {
                continue;
            }
            let path = self.root.join(name);
            if fs::read(&path).is_ok_and(|bytes| sha256(&bytes) == written) {
                fs::remove_file(&path).map_err(ReportError::io(&path))?;
                // Goes only if nothing else is in it.
                let _ = path.parent().filter(|folder| *folder != self.root).map(fs::remove_dir);
            }
        }
        let lines = self.written.iter().map(|(name, digest)| format!("{digest}  {name}\n"));
        write_aside(&list, lines.collect::<String>().as_bytes()).map_err(ReportError::io(&list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_earlier_report_wrote_goes_away() {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        fs::write(&outside, "").unwrap();
        let report = root.path().join("report");
        let write = |names: &[&str]| {
            let mut folder = Folder::new(&report);
            for name in names {
                folder.write(name, name).unwrap();
            }
            folder.finish().unwrap();
        };
        write(&["page", "tables/old", "tables/changed", "figures/old"]);
        fs::write(report.join("tables/changed"), "by hand").unwrap();
        fs::write(report.join("tables/own"), "by hand").unwrap();
        let list = fs::read_to_string(report.join(LIST)).unwrap();
        fs::write(report.join(LIST), format!("{list}{}  ../outside\n", sha256(b""))).unwrap();
        write(&["page"]);
        let mut left: Vec<_> =
            fs::read_dir(report.join("tables")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["changed", "own"]);
        assert!(report.join("page").exists() && outside.exists() && !report.join("figures").exists());
    }
}
