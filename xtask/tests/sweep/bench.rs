//! A store, a sweep file and the stand-in for `dml`, in a temporary folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program that makes reports, which cargo builds for the tests as an example of xtask.
pub(crate) fn report_program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("examples/dml-report");
    let right = "`cargo build -p xtask --example dml-report` or a test of the whole package makes it";
    assert!(program.is_file(), "{} is not there: {right}", program.display());
    program
}

/// Where one test works.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// With trials that behave as `what` says, each with `seeds` seeds.
    pub(crate) fn new(what: &[&str], seeds: u32) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.rewrite(&format!("[[grid]]\nwhat = {what:?}\n"), seeds);
        bench
    }

    /// Changes the sweep file's grids.
    pub(crate) fn rewrite(&self, grids: &str, seeds: u32) {
        let head = "claim = 'c'\ncommand = 'x'\nseconds_per_trial = 1.0\n";
        let table = "[[table]]\nname = 't'\ntitle = 'T'\nrows = ['what']\nscores = ['accuracy']\n";
        let base = "[base]\nseed = 0\nwhat = 'fine'\n[base.data]\nname = './none.npz'\n";
        fs::write(self.path("sweep.toml"), format!("{head}seeds = {seeds}\n{base}{grids}{table}")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.env("DML_REPORT", report_program());
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sweep/fake_dml.sh");
        command.arg("sweep").arg(self.path("sweep.toml")).arg("--dml").arg(fake);
        command.arg("--store").arg(self.path("store")).arg("--out").arg(self.path("out"));
        command.args(arguments.split_whitespace()).stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub(crate) fn sweep(&self, arguments: &str) -> Ended {
        Ended::from(self.command(arguments).output().unwrap())
    }

    /// Runs to the end, which has this exit code.
    pub(crate) fn ends(&self, code: i32, arguments: &str) -> Ended {
        let ended = self.sweep(arguments);
        assert_eq!(ended.code, Some(code), "{arguments}: {ended:?}");
        ended
    }

    pub(crate) fn start(&self, arguments: &str) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The trials that processes began, in their order.
    pub(crate) fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("store/ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Processes that have this store on their command line.
    pub(crate) fn processes(&self) -> usize {
        let store = self.path("store").display().to_string();
        let all = fs::read_dir("/proc").unwrap().flatten();
        let command_lines = all.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        command_lines.filter(|line| String::from_utf8_lossy(line).contains(&store)).count()
    }

    /// Waits until something has happened; a test that waits in vain fails.
    pub(crate) fn until(what: &str, happened: impl Fn() -> bool) {
        let start = Instant::now();
        while !happened() {
            assert!(start.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every result and table, byte for byte.
    pub(crate) fn bytes(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for id in fs::read_dir(self.path("store/trials")).unwrap() {
            let id = id.unwrap().path();
            if let Ok(text) = fs::read_to_string(id.join("result.json")) {
                files.insert(id.file_name().unwrap().to_string_lossy().into_owned(), text);
            }
        }
        files.insert("tables".into(), fs::read_to_string(self.path("out/tables.md")).unwrap());
        files
    }

    /// The `failure.json` of the one trial that behaves so.
    pub(crate) fn failure(&self, what: &str) -> serde_json::Value {
        for id in fs::read_dir(self.path("store/trials")).unwrap() {
            let id = id.unwrap().path();
            if fs::read_to_string(id.join("trial.toml")).unwrap().contains(&format!("what = \"{what}\"")) {
                return serde_json::from_slice(&fs::read(id.join("failure.json")).unwrap()).unwrap();
            }
        }
        panic!("no trial {what} was entered");
    }
}

/// How a sweep ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn says(&self, words: &str) {
        assert!(self.stderr.contains(words), "{}", self.stderr);
    }

    pub(crate) fn prints(&self, words: &str) {
        assert!(self.stdout.contains(words), "{}", self.stdout);
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
