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
pub(crate) fn stdout_of(arguments: &[&str]) -> String {
    String::from_utf8(dml(arguments).assert().success().get_output().stdout.clone()).unwrap()
}

/// What `dml` complains about, and its exit code.
pub(crate) fn complaint_of(arguments: &[&str]) -> (Option<i32>, String) {
    let output = dml(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
