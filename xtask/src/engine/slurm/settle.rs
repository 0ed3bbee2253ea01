//! What the store does not know of a task that has ended: a process that was killed could not
//! record its own failure.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use anyhow::{Context, Result};
use dml_store::{Event, RunStore};

use super::super::log;
use super::super::state::is_claimed;
use super::super::worker::how;
use super::script::{DIED, ENDED};
use super::{Submitted, jobs, squeue, trials, under_way};

/// Records as failed the trials that tasks died in which are no longer under way: each once, as one
/// more attempt (twice, if two commands come to it at the same moment). What was interrupted with
/// its checkpoint has not failed. Does nothing where Slurm does not answer.
pub(crate) fn settle(store: &RunStore) -> Result<()> {
    let jobs: Vec<_> = jobs(store).collect();
    let Some(squeue) = (if jobs.is_empty() { None } else { squeue() }) else { return Ok(()) };
    let under_way: HashSet<_> = under_way(&squeue).map(|task| (task.job, task.index)).collect();
    for Submitted { folder, number: job } in jobs {
        let context = || folder.display().to_string();
        let endings = folder.join("ended");
        fs::create_dir_all(&endings).with_context(context)?; // An older version's job has none.
        for task in fs::read_dir(folder.join("tasks")).with_context(context)?.flatten() {
            let index = task.file_name().to_string_lossy().into_owned();
            let ended = endings.join(&index);
            if ended.exists() || under_way.contains(&(job.as_str(), index.as_str())) {
                continue;
            }
            let said = log::text(&folder.join("logs").join(&index));
            let deaths = deaths(&said);
            for id in trials(&folder, &index) {
                let Some(how) = deaths.get(&id) else { continue };
                if matches!(store.result(&id), Ok(None)) && !is_claimed(store, &id) {
                    let words = said.lines().filter(|line| Event::parse(line).is_none());
                    let log = [log::of_trial(store, &id), log::last(words)].concat();
                    store.fail(&id, &format!("its process in Slurm task {job}_{index} {how}"), true, log)?;
                }
            }
            fs::write(&ended, "").with_context(|| ended.display().to_string())?;
        }
    }
    Ok(())
}

/// The trials that a task's processes died in, and how they died, from the log of the task. Where a
/// later process told how the trial ended, that stands.
fn deaths(log: &str) -> BTreeMap<String, String> {
    let mut deaths = BTreeMap::new();
    let mut begun = Vec::new();
    let mut end = "ended without a word".to_owned();
    for line in log.lines() {
        match Event::parse(line) {
            Some(Event::Started { id, .. }) => begun.push(id),
            Some(Event::Finished { id, .. } | Event::Skipped { id, .. } | Event::Failed { id, .. }) => {
                begun.retain(|other| *other != id);
                deaths.remove(&id);
            }
            Some(_) => {}
            None => {
                if let Some(code) = line.strip_prefix(ENDED).and_then(|code| code.trim().parse().ok()) {
                    if matches!(code, 0 | 130 | 143) {
                        begun.clear();
                    }
                    // The shell says 128 + N for signal N.
                    let status = if code > 128 { code - 128 } else { code << 8 };
                    end = format!("{} without a result", how(ExitStatus::from_raw(status)));
                } else if let Some(id) = line.strip_prefix(DIED) {
                    if begun.is_empty() {
                        begun.push(id.trim().to_owned());
                    }
                    deaths.extend(begun.drain(..).map(|id| (id, end.clone())));
                } else if !line.trim().is_empty() {
                    // Slurm's own last word, as `CANCELLED … DUE TO TIME LIMIT`.
                    end = format!("ended without a result: {}", line.trim());
                }
            }
        }
    }
    deaths.extend(begun.into_iter().map(|id| (id, end.clone())));
    deaths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(id: &str) -> String {
        format!("{{\"event\":\"started\",\"id\":\"{id}\",\"epochs\":2,\"resumed_at\":0}}\n")
    }

    fn finished(id: &str) -> String {
        format!("{{\"event\":\"finished\",\"id\":\"{id}\",\"outcome\":\"scored\",\"seconds\":1.0}}\n")
    }

    fn deaths_in(log: &str) -> Vec<String> {
        deaths(log).into_iter().map(|(id, how)| format!("{id} {how}")).collect()
    }

    #[test]
    fn a_killed_process_fails_the_trials_that_it_had_begun_and_no_others() {
        let killed = format!("{ENDED} 137\n{DIED} b\n");
        let log = started("a") + &finished("a") + &started("b") + &killed + &started("c") + &finished("c");
        let expected = "b was killed by signal 9 (by hand, or because memory ran out) without a result";
        assert_eq!(deaths_in(&(log + ENDED + " 0\n")), [expected]);
    }

    #[test]
    fn a_process_that_could_not_begin_fails_the_trial_it_came_to() {
        let log = format!("dml: not found\n{ENDED} 127\n{DIED} a\n");
        assert_eq!(deaths_in(&log), ["a ended with exit code 127 without a result"]);
    }

    #[test]
    fn what_was_interrupted_has_not_failed_and_goes_on_when_it_is_back() {
        let log = started("a") + ENDED + " 143\n";
        assert!(deaths_in(&log).is_empty());
        assert!(deaths_in(&(log.clone() + &started("a") + &finished("a") + ENDED + " 0\n")).is_empty());
        assert_eq!(deaths_in(&(log + &started("a"))).len(), 1);
    }

    #[test]
    fn what_a_later_process_told_stands_in_place_of_a_death() {
        let died = started("a") + &format!("{ENDED} 137\n{DIED} a\n");
        let failed = r#"{"event":"failed","id":"a","reason":"no","retry":true}"#.to_owned() + "\n";
        assert_eq!(deaths_in(&(died.clone() + ENDED + " 143\n")).len(), 1);
        assert!(deaths_in(&(died + &started("a") + &failed + ENDED + " 1\n")).is_empty());
    }

    #[test]
    fn a_task_that_slurm_ended_tells_slurms_reason() {
        let log = started("a") + "slurmstepd: error: *** JOB 7 CANCELLED DUE TO TIME LIMIT ***\n";
        let expected =
            "a ended without a result: slurmstepd: error: *** JOB 7 CANCELLED DUE TO TIME LIMIT ***";
        assert_eq!(deaths_in(&log), [expected]);
    }
}
