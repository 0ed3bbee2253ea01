//! What a run says on standard output: one JSON object a line, for the sweep engine. People read standard error and `log.txt`.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

/// Something that happened to the trial `id`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    Started {
        id: &'a str,
        epochs: u32,
        resumed_at: u32,
    },
    Epoch {
        id: &'a str,
        epoch: u32,
        epochs: u32,
        losses: &'a BTreeMap<String, Option<f64>>,
    },
    /// A step of scoring begins: whoever starts this process takes long silence for a hang.
    Scoring {
        id: &'a str,
        step: &'a str,
    },
    Rung {
        id: &'a str,
        epoch: u32,
        score: &'a str,
        value: Option<f64>,
    },
    Finished {
        id: &'a str,
        outcome: &'static str,
        seconds: f64,
    },
    Skipped {
        id: &'a str,
        why: &'static str,
    },
    Failed {
        id: &'a str,
        reason: &'a str,
        retry: bool,
    },
}

/// Prints the event. `Err` when nobody reads any more: whoever started this process is gone.
pub(crate) fn say(event: &Event) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, event)?;
    out.write_all(b"\n")?;
    out.flush()
}
