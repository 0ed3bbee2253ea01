//! `run.json`: when, where, on what and for how long. Apart from the result, which does not depend on any of it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use dml_report::write_atomically;
use serde::Serialize;

use crate::run::{Job, Session};

#[derive(Debug, Serialize)]
struct Provenance<'a> {
    format: u32,
    version: &'a str,
    libtorch: &'a str,
    device: String,
    threads: u16,
    /// Whether numbers below 1.2e-38 were taken as zero.
    denormals_flushed: bool,
    host: String,
    /// Seconds since 1970.
    finished_at: u64,
    /// Of this attempt, and of earlier ones up to the checkpoint that each left: of the training of a stack a share, its time divided by
    /// its members; of scoring the trial's own.
    seconds: f64,
}

pub(crate) fn write_provenance(session: &Session, job: &Job, seconds: f64) -> Result<()> {
    let provenance = Provenance {
        format: dml_report::FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        libtorch: env!("DML_LIBTORCH"),
        device: dml_models::device_name(session.device),
        threads: session.threads,
        denormals_flushed: dml_models::flush_denormals(),
        host: std::fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_string(),
        finished_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        seconds,
    };
    let text = serde_json::to_string_pretty(&provenance)? + "\n";
    Ok(write_atomically(&job.directory.join("run.json"), text.as_bytes())?)
}
