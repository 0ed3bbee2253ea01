//! Where every trial of a sweep stands, read from the store alone.

use dml_store::{Failure, RunStore};

use crate::experiment::Trial;

/// Where one trial stands.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It has a result; the seconds that it took, where they were noted.
    Done { seconds: Option<f64> },
    /// A process holds it.
    Running,
    /// Its last attempt ended without a result.
    Failed(Failure),
    /// `--stop-early` stopped it after an epoch. That is no failure.
    Stopped { epoch: u32 },
    /// Nothing is known of it, or it was interrupted.
    Missing,
    /// A file of it cannot be read; the sentence says which, and what to do.
    Unreadable(String),
}

impl Standing {
    /// What cannot be read is a standing too, so that one bad file does not hide the other trials.
    pub(crate) fn of(store: &RunStore, id: &str) -> Self {
        match store.result(id) {
            Ok(Some(_)) => {
                return Self::Done { seconds: store.provenance(id).map(|provenance| provenance.seconds) };
            }
            Ok(None) => {}
            Err(error) => return Self::Unreadable(error.to_string()),
        }
        if is_claimed(store, id) {
            return Self::Running;
        }
        match store.failure(id) {
            Ok(Some(failure)) => Self::Failed(failure),
            Ok(None) => Self::Missing,
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }

    /// Whether a sweep that begins now runs the trial. What cannot be helped within one sweep, like
    /// a data set that is nowhere to be had, is tried anew by the next.
    pub(crate) fn is_to_run(&self, retries: u32) -> bool {
        match self {
            Self::Done { .. } | Self::Unreadable(_) => false,
            Self::Running | Self::Missing | Self::Stopped { .. } => true,
            Self::Failed(failure) => !failure.retry || failure.attempts <= retries,
        }
    }
}

/// Whether another process runs the trial. Asking takes the claim for a moment: a `dml run` that
/// comes just then passes the trial by, and its sweep comes back to it.
pub(crate) fn is_claimed(store: &RunStore, id: &str) -> bool {
    store.was_claimed(id) && matches!(store.claim(id), Ok(None))
}

/// Where all trials stand, in their order.
pub(crate) fn survey(store: &RunStore, trials: &[Trial]) -> Vec<Standing> {
    trials.iter().map(|trial| Standing::of(store, &trial.id)).collect()
}

/// How many stand where.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub done: usize,
    pub running: usize,
    pub failed: usize,
    pub missing: usize,
    pub stopped: usize,
}

impl Counts {
    pub(crate) fn of(standings: &[Standing]) -> Self {
        let mut counts = Self::default();
        for standing in standings {
            match standing {
                Standing::Done { .. } => counts.done += 1,
                Standing::Running => counts.running += 1,
                Standing::Failed(_) | Standing::Unreadable(_) => counts.failed += 1,
                Standing::Missing => counts.missing += 1,
                Standing::Stopped { .. } => counts.stopped += 1,
            }
        }
        counts
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { done, running, failed, missing, stopped } = self;
        write!(f, "{done} done, {running} running, {failed} failed, {missing} missing")?;
        if *stopped == 0 { Ok(()) } else { write!(f, ", {stopped} stopped early") }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use dml_store::{Curves, FORMAT, Outcome, Provenance, Scores, TrialResult};

    use super::*;
    use crate::experiment::expand::expand;
    use crate::experiment::trial::label;

    /// Four trials in an empty store.
    pub(crate) fn four_trials() -> (tempfile::TempDir, RunStore, Vec<Trial>) {
        let mut trials = expand(&"seed = 0".parse().unwrap(), &[], 4).unwrap();
        label(&mut trials, &dml_spec::Ignore::new());
        let folder = tempfile::tempdir().unwrap();
        let store = RunStore::open(folder.path()).unwrap();
        for trial in &trials {
            store.add(&trial.table).unwrap();
        }
        (folder, store, trials)
    }

    pub(crate) fn finish(store: &RunStore, trial: &Trial, seconds: f64) {
        let outcome = Outcome::scored(Scores::new());
        let (id, table) = (trial.id.clone(), trial.table.clone());
        store
            .finish(&TrialResult {
                format: FORMAT,
                id,
                trial: table,
                data_sha256: None,
                outcome,
                curves: Curves::new(),
            })
            .unwrap();
        let provenance = Provenance {
            format: FORMAT,
            version: String::new(),
            libtorch: String::new(),
            device: String::new(),
            threads: 1,
            denormals_flushed: true,
            data_sha256: None,
            host: String::new(),
            finished_at: 0,
            seconds,
            trained_as: None,
        };
        store.write_provenance(&trial.id, &provenance).unwrap();
    }

    #[test]
    fn every_standing_is_told_from_the_others() {
        let (_folder, store, trials) = four_trials();
        finish(&store, &trials[0], 1.5);
        let _claim = store.claim(&trials[1].id).unwrap();
        store.fail(&trials[2].id, "no", true, vec![]).unwrap();
        let standings = survey(&store, &trials);
        assert_eq!(Counts::of(&standings), Counts { done: 1, running: 1, failed: 1, missing: 1, stopped: 0 });
        assert!(matches!(standings[0], Standing::Done { seconds: Some(1.5) }));
        let to_run: Vec<_> = standings.iter().map(|standing| standing.is_to_run(1)).collect();
        assert_eq!(to_run, [false, true, true, true]);
        assert!(!standings[2].is_to_run(0));
        fs::write(store.trial_directory(&trials[3].id).join("result.json"), "{").unwrap();
        let Standing::Unreadable(reason) = Standing::of(&store, &trials[3].id) else { panic!("read") };
        assert!(reason.contains("result.json"), "{reason}");
    }

    #[test]
    fn a_failure_that_no_retry_helps_is_tried_by_the_next_sweep() {
        let failure = Failure { reason: "no data".into(), attempts: 9, retry: false, log: vec![] };
        assert!(Standing::Failed(failure.clone()).is_to_run(0));
        assert!(!Standing::Failed(Failure { retry: true, ..failure }).is_to_run(1));
    }
}
