//! `dml` as it is called.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const DML: &str = env!("CARGO_BIN_EXE_dml");

/// `dml`, to be run to its end; it finds no data set but those it is given by path.
pub(crate) fn dml(arguments: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(DML);
    command.args(arguments).env_remove("DML_DATASETS").env("DML_CACHE", nowhere());
    command.timeout(Duration::from_secs(120));
    command
}

/// A cache that is not there.
pub(crate) fn nowhere() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-cache")
}

/// What `dml` prints, when all goes well.
#[track_caller]
pub(crate) fn stdout_of(arguments: &[&str]) -> String {
    call(arguments).says(0, &[]).out
}

/// What `dml` complains about, and its exit code.
pub(crate) fn complaint_of(arguments: &[&str]) -> (Option<i32>, String) {
    let Answer { code, err, .. } = call(arguments);
    (code, err)
}

/// What a call of `dml` has come to, well or not.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn call(arguments: &[&str]) -> Answer {
    let output = dml(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Answer { code: output.status.code(), out, err }
}

impl Answer {
    /// Asserts the exit code, and that each of these parts is in what is complained about.
    #[track_caller]
    pub(crate) fn says(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in {}", self.err);
        }
        self
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
