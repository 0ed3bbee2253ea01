//! The ids of trials that people have results of. A change here throws those results away.

use dml_data::files::sha256;
use dml_store::trial_id;

use crate::experiment::Sweep;

/// Of the sorted ids, one a line.
const DIGEST: &str = "001fbd421aefe829b5d3e0f339460426045b2e6d447e68a024dc63dbb09d7714";

/// A key that is added to trials goes into `dml_store::NEUTRAL`, and these stay. Since these ids
/// were written down, `quick` has an epoch more.
#[test]
fn the_trials_of_quick_are_called_what_they_always_were() {
    let mut trials = Sweep::find(&crate::root(), "quick", None).unwrap().trials;
    let ids = trials.iter_mut().map(|trial| {
        let epochs = trial.table["training"].get_mut("epochs").unwrap();
        *epochs = (epochs.as_integer().unwrap() - 1).into();
        trial_id(&trial.table)
    });
    let mut ids: Vec<String> = ids.collect();
    assert_eq!((ids.len(), &*ids[0], &*ids[161]), (162, "b6641aea6e922702", "83acfb2beda414f1"));
    ids.sort_unstable();
    assert_eq!(sha256(ids.join("\n").as_bytes()), DIGEST);
}
