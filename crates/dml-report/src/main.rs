//! `dml-report STORE OUT < REQUEST`: makes the report of a sweep from a store's results.
//!
//! Prints the tables if they are short, what became of predictions, and where everything is. The
//! request is TOML: `dml_spec::Request`. `cargo xtask report` and `cargo xtask sweep` write it, and
//! build this program while trials run, so that no first result waits for the charts.

use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use dml_report::write_report;
use dml_spec::Request;
use dml_store::RunStore;

/// Tables longer than this are named, not printed.
const PRINTED_LINES: usize = 80;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [store, out] = &arguments[..] else {
        eprintln!("error: a run store and the folder of the report are expected, and a request on stdin");
        return ExitCode::from(2);
    };
    match run(store, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(store: &Path, out: &Path) -> Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("the request on stdin")?;
    let request: Request =
        toml::from_str(&text).map_err(|error| anyhow!("the request on stdin: {}", error.message()))?;
    let paths = write_report(&request, &RunStore::open(store)?, out).context(request.file)?;
    for sentence in &paths.unreadable {
        eprintln!("{sentence}");
    }
    let tables = fs::read_to_string(&paths.tables).with_context(|| paths.tables.display().to_string())?;
    if tables.lines().count() <= PRINTED_LINES {
        say(&format!("{tables}\n"));
    }
    if let Some(path) = &paths.predictions {
        say(&fs::read_to_string(path).with_context(|| path.display().to_string())?);
    }
    let (results, trials) = (paths.results, paths.trials);
    say(&format!("{results} of {trials} trials have a result; the report is in {}\n", out.display()));
    Ok(())
}

/// Prints what was asked for. A reader that has gone away, as `head` does, is no error.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
