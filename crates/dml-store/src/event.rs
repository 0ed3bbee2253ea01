//! What a run says on standard output: one JSON object a line, for the process that started it.
//! People read standard error and `log.txt`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Ending;

/// Something that happened to the trial `id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A trial begins, or goes on after some epochs.
    Started {
        /// The trial.
        id: String,
        /// Epochs from beginning to end.
        epochs: u32,
        /// Epochs that are done already.
        resumed_at: u32,
    },
    /// An epoch has ended.
    Epoch {
        /// The trial.
        id: String,
        /// Counted from 1.
        epoch: u32,
        /// Epochs from beginning to end.
        epochs: u32,
        /// Loss terms; one that the epoch did not ask for is absent or null.
        losses: BTreeMap<String, Option<f64>>,
    },
    /// A step of scoring begins. It is said because a long silence is taken for a hang.
    Scoring {
        /// The trial.
        id: String,
        /// What is scored; the first version did not say.
        #[serde(default)]
        step: String,
    },
    /// The trial stops after an epoch, with a score of the validation split, and can be trained on.
    Rung {
        /// The trial.
        id: String,
        /// The epoch.
        epoch: u32,
        /// The score's dotted name.
        score: String,
        /// Its value; null where the embeddings were very large or not finite.
        value: Option<f64>,
    },
    /// `result.json` is there.
    Finished {
        /// The trial.
        id: String,
        /// How it ended.
        outcome: Ending,
        /// See [`crate::Provenance::seconds`].
        seconds: f64,
    },
    /// The trial was passed by.
    Skipped {
        /// The trial.
        id: String,
        /// Why.
        why: Passed,
    },
    /// `failure.json` is there.
    Failed {
        /// The trial.
        id: String,
        /// Why, in one sentence.
        reason: String,
        /// Whether trying again can help.
        retry: bool,
    },
}

/// Why a trial is passed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passed {
    /// It has its result.
    Finished,
    /// Another process runs it.
    Claimed,
    /// It has the score of the rung after which it was to be stopped.
    #[serde(rename = "rests")]
    AtRung,
}

impl Event {
    /// The event as a line, with its end.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data") + "\n"
    }

    /// The event of a line; `None` for a line that is none: libraries sometimes print.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_protocol_is_written_and_understood() {
        let id = || "a".to_owned();
        let losses = BTreeMap::from([("kl".into(), None), ("supervised".into(), Some(0.5))]);
        let events = [
            (
                Event::Started { id: id(), epochs: 20, resumed_at: 0 },
                r#"{"event":"started","id":"a","epochs":20,"resumed_at":0}"#,
            ),
            (
                Event::Epoch { id: id(), epoch: 3, epochs: 20, losses },
                r#"{"event":"epoch","id":"a","epoch":3,"epochs":20,"losses":{"kl":null,"supervised":0.5}}"#,
            ),
            (
                Event::Scoring { id: id(), step: "test_folds.knn".into() },
                r#"{"event":"scoring","id":"a","step":"test_folds.knn"}"#,
            ),
            (
                Event::Rung { id: id(), epoch: 2, score: "x".into(), value: None },
                r#"{"event":"rung","id":"a","epoch":2,"score":"x","value":null}"#,
            ),
            (
                Event::Finished { id: id(), outcome: Ending::Diverged, seconds: 1.5 },
                r#"{"event":"finished","id":"a","outcome":"diverged","seconds":1.5}"#,
            ),
            (
                Event::Skipped { id: id(), why: Passed::AtRung },
                r#"{"event":"skipped","id":"a","why":"rests"}"#,
            ),
            (
                Event::Failed { id: id(), reason: "no".into(), retry: true },
                r#"{"event":"failed","id":"a","reason":"no","retry":true}"#,
            ),
        ];
        for (event, line) in events {
            assert_eq!(event.line(), format!("{line}\n"));
            assert_eq!(Event::parse(line), Some(event));
        }
    }

    #[test]
    fn what_other_versions_say_is_understood_and_noise_is_not() {
        let failed = Event::Failed { id: "a".into(), reason: "no".into(), retry: true };
        let line = r#"{"event":"failed","id":"a","reason":"no","retry":true,"more":1}"#;
        assert_eq!(Event::parse(line), Some(failed));
        let scoring = Event::Scoring { id: "a".into(), step: String::new() };
        assert_eq!(Event::parse(r#"{"event":"scoring","id":"a"}"#), Some(scoring));
        assert_eq!(Event::parse("OMP: Info #155"), None);
        assert_eq!(Event::parse(r#"{"event":"unheard_of"}"#), None);
    }
}
