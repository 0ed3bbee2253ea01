//! Results that are kept in the repository, so that a report needs no training:
//! `results/NAME.jsonl`.
//!
//! A line is the `result.json` of a trial. What else a trial leaves (weights, latent space,
//! pictures) is not kept; a report does without. Nothing is taken into a store that was named with
//! `--store`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dml_data::files::write_aside;
use dml_store::{RunStore, TrialResult};

use crate::experiment::Sweep;

/// Where results are kept, in the checkout.
pub(crate) const FOLDER: &str = "results";

/// Of one sweep.
pub(crate) fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.jsonl"))
}

/// Writes the results that a sweep has into `folder`, in the order of its trials, beside those that
/// are kept already of trials that the store has not; how many. Refuses where some are kept of
/// trials that this sweep has not.
pub(crate) fn keep(folder: &Path, sweep: &Sweep, store: &RunStore) -> Result<usize> {
    let path = path(folder, &sweep.name);
    let before = if path.exists() { results(&path)? } else { Vec::new() };
    let mut kept: HashMap<String, TrialResult> =
        before.into_iter().map(|result| (result.id.clone(), result)).collect();
    let mut lines = Vec::new();
    for trial in &sweep.trials {
        let before = kept.remove(&trial.id);
        if let Some(result) = store.result(&trial.id)?.or(before) {
            lines.push(serde_json::to_string(&result)? + "\n");
        }
    }
    if !kept.is_empty() {
        bail!(
            "{} has {} results of trials that this sweep has not; leave --seeds out, or remove the file where the sweep has changed",
            path.display(),
            kept.len()
        );
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    write_aside(&path, lines.concat().as_bytes()).with_context(|| path.display().to_string())?;
    Ok(lines.len())
}

/// Enters into the store what any file of `folder` has of the sweep's trials and the store has not;
/// how many.
pub(crate) fn take(folder: &Path, sweep: &Sweep, store: &RunStore) -> Result<usize> {
    let mut missing = HashSet::new();
    for trial in &sweep.trials {
        if !store.file(&trial.id, dml_store::names::RESULT).exists() {
            missing.insert(trial.id.as_str());
        }
    }
    let mut taken = HashMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if missing.is_empty() || entry.path().extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for result in results(&entry.path())? {
            if missing.remove(result.id.as_str()) {
                if store.add(&result.trial)? != result.id {
                    bail!("{}: has no result of trial {}", entry.path().display(), result.id);
                }
                taken.insert(result.id.clone(), result);
            }
        }
    }
    taken.values().try_for_each(|result| store.finish(result))?;
    Ok(taken.len())
}

/// The results that a file keeps, in its order.
fn results(path: &Path) -> Result<Vec<TrialResult>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let of_line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{}, line {number}", path.display()))
    };
    (1..).zip(text.lines()).map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dml_store::{Curves, FORMAT, Outcome, Scores};

    #[test]
    fn what_is_kept_comes_back_with_the_same_bytes_and_a_result_that_is_there_stays() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let sweep = Sweep::find(root, "quick", Some(1)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = |name: &str| RunStore::open(&folder.path().join(name)).unwrap();
        let (first, second, kept) = (store("first"), store("second"), folder.path().join("results"));
        let result = |number: usize, score: f64| TrialResult {
            format: FORMAT,
            id: sweep.trials[number].id.clone(),
            trial: sweep.trials[number].table.clone(),
            data_sha256: None,
            outcome: Outcome::scored(Scores::from([("a".into(), score)])),
            curves: Curves::from([("kl".into(), vec![None, Some(0.1)])]),
        };
        for (store, number, score) in [(&first, 0, 1.0 / 3.0), (&first, 5, 0.5), (&second, 5, 0.25)] {
            store.add(&sweep.trials[number].table).unwrap();
            store.finish(&result(number, score)).unwrap();
        }
        assert_eq!(keep(&kept, &sweep, &first).unwrap(), 2);
        assert_eq!(take(&kept, &sweep, &second).unwrap(), 1);
        let bytes = |store: &RunStore, number: usize| {
            fs::read(store.file(&sweep.trials[number].id, dml_store::names::RESULT)).unwrap()
        };
        assert_eq!(bytes(&first, 0), bytes(&second, 0));
        assert_ne!(bytes(&first, 5), bytes(&second, 5), "the store's own result wins");

        let fourth = store("fourth");
        fourth.add(&sweep.trials[7].table).unwrap();
        fourth.finish(&result(7, 0.75)).unwrap();
        assert_eq!(keep(&kept, &sweep, &fourth).unwrap(), 3, "what this store has not stays");
        let mut fewer = Sweep::find(root, "quick", Some(1)).unwrap();
        fewer.trials.truncate(7);
        let refused = keep(&kept, &fewer, &fourth).unwrap_err().to_string();
        assert!(refused.contains("quick.jsonl has 1 results of trials that this sweep has not"), "{refused}");
        fs::write(path(&kept, "quick"), "{}\n").unwrap();
        let damaged = take(&kept, &sweep, &store("third")).unwrap_err();
        assert!(format!("{damaged:#}").contains("quick.jsonl, line 1: missing field"), "{damaged:#}");
    }

    #[test]
    fn a_sweep_with_a_dot_in_its_name_has_a_file_of_its_own() {
        assert_eq!(path(Path::new("results"), "quick.v2"), Path::new("results/quick.v2.jsonl"));
    }

    /// The ids of trials that people have results of: a change of these throws the results away. A
    /// key that is added to trials goes into `dml_store::NEUTRAL`, and ids stay.
    #[test]
    fn every_kept_result_is_of_a_trial_of_its_sweep() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for entry in fs::read_dir(root.join(FOLDER)).into_iter().flatten().flatten() {
            let name = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
            let sweep = Sweep::find(root, &name, Some(10)).unwrap();
            let ids: HashSet<&str> = sweep.trials.iter().map(|trial| trial.id.as_str()).collect();
            for result in results(&entry.path()).unwrap() {
                assert_eq!(dml_store::trial_id(&result.trial), result.id, "{name}");
                assert!(ids.contains(result.id.as_str()), "{name}: {}", result.id);
            }
        }
        let default = Sweep::find(root, "quick", None).unwrap().trials;
        let kept = results(&path(&root.join(FOLDER), "quick")).unwrap();
        assert_eq!(kept.len(), default.len(), "the default sweep is made without training");
    }
}
