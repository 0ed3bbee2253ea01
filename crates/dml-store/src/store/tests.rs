use super::*;
use crate::{Curves, Outcome, Scores};

fn store() -> (tempfile::TempDir, RunStore, String) {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::open(folder.path()).unwrap();
    let id = store.add(&"seed = 1".parse().unwrap()).unwrap();
    (folder, store, id)
}

fn result(id: &str) -> TrialResult {
    TrialResult {
        format: FORMAT,
        id: id.into(),
        trial: "seed = 1".parse().unwrap(),
        data_sha256: None,
        outcome: Outcome::scored(Scores::from([("a".into(), 0.5)])),
        curves: Curves::new(),
    }
}

#[test]
fn a_trial_is_done_when_its_result_is_there() {
    let (_folder, store, id) = store();
    assert_eq!(store.ids().unwrap(), std::slice::from_ref(&id));
    assert!(store.result(&id).unwrap().is_none());
    assert_eq!(store.fail(&id, "the disk is full", true, vec![]).unwrap().attempts, 1);
    assert_eq!(store.fail(&id, "the disk is full", true, vec![]).unwrap().attempts, 2);
    store.finish(&result(&id)).unwrap();
    assert_eq!(store.result(&id).unwrap(), Some(result(&id)));
    assert!(store.failure(&id).unwrap().is_none());
}

#[test]
fn a_corrupted_result_is_named_and_never_misread() {
    let (_folder, store, id) = store();
    let path = store.file(&id, names::RESULT);
    fs::write(&path, "{\"format\": 1, \"id\"").unwrap();
    assert!(store.result(&id).unwrap_err().to_string().contains("result.json"));
    fs::write(&path, "{\"format\": 2}").unwrap();
    let message = store.result(&id).unwrap_err().to_string();
    assert!(message.contains("format 2, this version reads format 1"), "{message}");
    fs::write(&path, serde_json::to_string(&result("other")).unwrap()).unwrap();
    assert!(store.result(&id).unwrap_err().to_string().contains("of trial other"));
}

#[test]
fn a_store_of_another_format_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(names::STORE), "{\"format\": 7}").unwrap();
    assert!(RunStore::open(folder.path()).unwrap_err().to_string().contains("format 7"));
}

#[test]
fn rungs_and_provenance_are_read_as_they_are_written() {
    let (_folder, store, id) = store();
    assert_eq!((store.rungs(&id).unwrap(), store.provenance(&id)), (Rungs::default(), None));
    let mut rungs = Rungs::default();
    rungs.insert("knn.accuracy", 2, Some(0.5));
    rungs.insert("knn.accuracy", 6, None);
    store.write_rungs(&id, &rungs).unwrap();
    let read = store.rungs(&id).unwrap();
    let values = [2, 6, 7].map(|epoch| read.value("knn.accuracy", epoch));
    assert_eq!(values, [Some(Some(0.5)), Some(None), None]);
    fs::write(store.file(&id, names::RUNGS), "{\"format\": 1").unwrap();
    let message = store.rungs(&id).unwrap_err().to_string();
    assert!(message.contains("rungs.json: ") && message.contains("rungs again"), "{message}");

    let first_version = r#"{"format": 1, "version": "0.1.0", "libtorch": "2.11", "device": "cpu",
        "threads": 1, "host": "h", "finished_at": 7, "seconds": 1.5}"#;
    fs::write(store.file(&id, names::RUN), first_version).unwrap();
    let provenance = store.provenance(&id).unwrap();
    assert!((provenance.seconds, provenance.denormals_flushed) == (1.5, false));
    store.write_provenance(&id, &provenance).unwrap();
    assert_eq!(store.provenance(&id), Some(provenance));
}

#[test]
fn a_store_remembers_that_its_trials_are_claimed_without_locks() {
    let (folder, mut store, id) = store();
    store.claim_by_heartbeat(180).unwrap();
    let other = RunStore::open(folder.path()).unwrap();
    let claim = store.claim(&id).unwrap();
    assert!(claim.is_some() && store.file(&id, "lock-1").is_dir());
    assert!(other.claim(&id).unwrap().is_none());
    drop(claim);
    assert!(other.claim(&id).unwrap().is_some());
    let mut other = other;
    other.claim_by_heartbeat(180).unwrap();
    let message = other.claim_by_heartbeat(60).unwrap_err().to_string();
    let expected =
        "store.json: claims of this store are given up after 180 s, not 60; --heartbeat=180 would be right";
    assert!(message.ends_with(expected), "{message}");
}

#[test]
fn a_trial_is_claimed_once() {
    let (_folder, store, id) = store();
    let claim = store.claim(&id).unwrap();
    assert!(claim.is_some());
    assert!(store.claim(&id).unwrap().is_none());
    drop(claim);
    assert!(store.claim(&id).unwrap().is_some());
}
