//! A data set that is given by path is known by its content: the file of that name may be another
//! one by now, and a relative path means another file in another folder.

use anyhow::{Result, bail};
use dml_store::{RunStore, TrialResult, names};
use toml::Value;

use crate::train::data_config::beside;
use crate::train::session::{Job, Session};

/// What is in the way of another beginning.
const BEGUN: &str = "checkpoint* and rungs.json";

/// Refuses a finished trial whose path now holds other data. Where it holds none, the result speaks
/// for itself.
pub(super) fn check_finished(store: &RunStore, result: &TrialResult) -> Result<()> {
    let name = result.trial.get("data").and_then(|data| data.get("name")).and_then(Value::as_str);
    let Some((name, then)) = name.zip(result.data_sha256.as_deref()) else { return Ok(()) };
    let now = dml_data::sha256_of(&beside(&store.file(&result.id, names::TRIAL), name.into())).ok().flatten();
    check(store, &result.id, name, (then, now.as_deref()), names::RESULT)
}

/// Refuses a trial that has begun on other data than its path now holds.
pub(super) fn check_begun(store: &RunStore, id: &str, name: &str) -> Result<()> {
    // What cannot be read is told of when the trial begins.
    let Ok(Some(then)) = store.begun_on(id) else { return Ok(()) };
    let now = dml_data::sha256_of(name).ok().flatten();
    check(store, id, name, (&then, now.as_deref()), BEGUN)
}

/// Writes on which data a trial begins, or refuses it where those at hand are others.
pub(super) fn begin(session: &Session, job: &Job) -> Result<()> {
    let Some(now) = session.loaded().dataset.sha256.as_deref() else { return Ok(()) };
    let store = &session.store;
    match store.begun_on(&job.id) {
        Ok(Some(then)) => {
            return check(store, &job.id, &job.trial.data.name, (&then, Some(now)), BEGUN);
        }
        Ok(None) => {}
        Err(error) => {
            let sentence = format!("{error}; starting afresh");
            eprintln!("{sentence}");
            job.log.line(&sentence);
            store.forget_checkpoint(&job.id)?;
        }
    }
    Ok(store.write_begun_on(&job.id, now)?)
}

fn check(
    store: &RunStore,
    id: &str,
    name: &str,
    (then, now): (&str, Option<&str>),
    in_the_way: &str,
) -> Result<()> {
    match now {
        Some(now) if now != then => bail!(
            "{name} holds other data than trial {id} was run on (its SHA-256 begins with {now:.12}, not with {then:.12}); bring that file back, or \
             delete {in_the_way} in {} to run the trial afresh",
            store.trial_directory(id).display()
        ),
        _ => Ok(()),
    }
}
