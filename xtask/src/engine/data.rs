//! Data sets are fetched once, before the workers start.

use std::collections::BTreeMap;

use anyhow::Result;
use dml_data::files::is_path;
use dml_store::RunStore;

use super::queue::data_set;
use crate::experiment::Trial;

/// Fetches what the trials need. Trials whose data set cannot be had are recorded as failed, each
/// with the one sentence that says why; the others come back.
pub(crate) fn fetch(store: &RunStore, trials: Vec<Trial>, quiet: bool) -> Result<Vec<Trial>> {
    let mut outcomes: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut ready = Vec::new();
    for trial in trials {
        let Some(name) = data_set(&trial).filter(|name| !is_path(name, "npz")) else {
            ready.push(trial);
            continue;
        };
        let outcome = outcomes.entry(name.to_owned()).or_insert_with(|| {
            let reason = dml_data::Source::from_env(false)
                .and_then(|source| dml_data::fetch(name, &source, !quiet))
                .err()
                .map(|error| error.to_string());
            if let Some(reason) = &reason {
                eprintln!("sweep: {name}: its trials are left out: {reason}");
            }
            reason
        });
        match outcome {
            Some(reason) => {
                store.add(&trial.table)?;
                store.fail(&trial.id, reason, false, Vec::new())?;
            }
            None => ready.push(trial),
        }
    }
    Ok(ready)
}
