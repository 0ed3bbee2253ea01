//! The program `dml-report` from outside.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const REQUEST: &str = "\
name = 'first'
claim = 'One trial, not run yet.'
command = 'cargo run'
file = 'my sweeps/first.toml'
stopped = 0
written = ''
expected = [{ seed = 1 }]
[specs]
";

/// The exit code, and what is said on stdout and on stderr.
fn answer(arguments: &[&Path], request: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dml-report"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A wrong call does not read it.
    let _ = child.stdin.take().unwrap().write_all(request.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_request_becomes_a_report_and_the_last_line_says_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [store, out] = ["store", "out"].map(|name| folder.path().join(name));
    let table = "[[specs.table]]\nname = 't'\ntitle = 'T'\nrows = ['seed']\nscores = ['ami']\n";
    let (code, said, complaint) = answer(&[&store, &out], &format!("{REQUEST}{table}"));
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    let tables = fs::read_to_string(out.join("tables.md")).unwrap();
    let last = format!("0 of 1 trials have a result; the report is in {}\n", out.display());
    assert_eq!(said, format!("{tables}\n{last}"));
    assert!(out.join("index.html").is_file() && tables.contains("| 1 |"), "{tables}");
}

#[test]
fn a_sweep_that_asks_for_what_cannot_be_is_named_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let table = "[[specs.table]]\nname = 'T'\ntitle = 'T'\nrows = ['seed']\nscores = ['ami']\n";
    let answer = answer(&[folder.path(), &folder.path().join("out")], &format!("{REQUEST}{table}"));
    let sentence = "error: my sweeps/first.toml: table \"T\": a name has only a-z, 0-9 and - in it\n";
    assert_eq!(answer, (Some(1), String::new(), sentence.to_owned()));
}

#[test]
fn a_wrong_call_ends_with_2_and_a_request_that_is_none_with_1() {
    let expected = "error: a run store and the folder of the report are expected, and a request on stdin\n";
    assert_eq!(answer(&[Path::new("store")], ""), (Some(2), String::new(), expected.to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let paths = [folder.path(), &folder.path().join("out")];
    let (code, _, complaint) = answer(&paths, &REQUEST.replace("claim", "clam"));
    assert_eq!(code, Some(1));
    assert!(
        complaint.starts_with("error: the request on stdin: unknown field `clam`, expected"),
        "{complaint}"
    );
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}
