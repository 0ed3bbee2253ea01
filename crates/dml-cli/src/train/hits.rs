//! Read-outs of which a result says about which images they were right.

use dml_eval::{Protocol, Readout};

/// What a read-out is called under a protocol, in scores and in files.
pub(crate) fn name(protocol: Protocol, readout: Readout) -> String {
    format!("{}.{}", protocol.name(), readout.name())
}

/// A sentence on each name in `evaluation.hits` that no read-out of the trial has.
pub(crate) fn wrong(hits: &[String], protocols: &[Protocol], readouts: &[Readout]) -> Vec<String> {
    let of = |&protocol: &Protocol| readouts.iter().map(move |&readout| name(protocol, readout));
    let known: Vec<String> = protocols.iter().flat_map(of).collect();
    let right = match &known[..] {
        [] => "as it has none, [] would be right".to_owned(),
        known => format!("it has {}", known.join(", ")),
    };
    let unknown = hits.iter().filter(|name| !known.contains(name));
    unknown
        .map(|name| format!("evaluation.hits names {name:?}, which is no read-out of this trial; {right}"))
        .collect()
}
