//! A made-up sweep of any size and its report, timed: `cargo run -p dml-report --example
//! synthetic_report -- FOLDER [TRIALS]`.
//!
//! FOLDER/store is filled once with TRIALS results (11,520 by default: the paper's grid with 10
//! seeds); FOLDER/report is written twice and compared. The numbers mean nothing; one in 40 trials
//! is missing, one in 50 diverged.

mod made_up;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use dml_report::write_report;
use dml_spec::Request;
use dml_store::RunStore;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: synthetic_report FOLDER [TRIALS]")?;
    let count: usize = arguments.next().map_or(Ok(11_520), |text| text.parse())?;
    let folder = Path::new(&folder);

    let trials = made_up::trials(count);
    let root = folder.join("store");
    if !root.exists() {
        let start = Instant::now();
        made_up::fill(&RunStore::open(&root)?, &trials)?;
        println!("{count} results made up in {:.1} s", start.elapsed().as_secs_f64());
    }
    let store = RunStore::open(&root)?;
    let request = Request {
        name: "synthetic".into(),
        claim:
            "Made-up numbers that look like the paper’s grid. They show how a report looks, and nothing else."
                .into(),
        command: "cargo run -p dml-report --example synthetic_report".into(),
        file: "specs.toml".into(),
        written: String::new(),
        specs: toml::from_str(include_str!("specs.toml"))?,
        expected: trials,
        stopped: 0,
    };
    let out = folder.join("report");
    let start = Instant::now();
    let paths = write_report(&request, &store, &out)?;
    println!(
        "report of {} of {} trials in {:.2} s",
        paths.results,
        paths.trials,
        start.elapsed().as_secs_f64()
    );
    let first = files(&out)?;
    write_report(&request, &store, &out)?;
    let same = first == files(&out)?;
    println!(
        "{} files, {} bytes, the second time {}",
        first.len(),
        first.values().map(Vec::len).sum::<usize>(),
        if same { "the same" } else { "DIFFERENT" }
    );
    if same { Ok(()) } else { Err("two reports of the same results differ".into()) }
}

fn files(folder: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.insert(entry.path().display().to_string(), fs::read(entry.path())?);
        }
    }
    Ok(found)
}
