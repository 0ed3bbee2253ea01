//! Where and for how long a trial ran, written beside its result.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use dml_store::{FORMAT, Provenance};

use crate::train::session::{Job, Session};

pub(crate) fn write_provenance(
    session: &Session,
    job: &Job,
    seconds: f64,
    trained_as: Option<String>,
) -> Result<()> {
    let provenance = Provenance {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        libtorch: env!("DML_LIBTORCH").into(),
        device: dml_models::device_name(session.device),
        threads: session.threads.now(),
        denormals_flushed: dml_models::flushes_denormals(),
        data_sha256: session.loaded().dataset.sha256.clone(),
        host: fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_string(),
        finished_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        seconds,
        trained_as,
    };
    Ok(session.store.write_provenance(&job.id, &provenance)?)
}
