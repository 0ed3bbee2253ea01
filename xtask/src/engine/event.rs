//! What `dml run` says on stdout: one JSON object a line.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A trial begins, or goes on after `resumed_at` epochs.
    Started { id: String, epochs: u32, resumed_at: u32 },
    /// An epoch, counted from 1, has ended; a loss that it did not ask for is absent or null.
    Epoch { id: String, epoch: u32, epochs: u32, losses: BTreeMap<String, Option<f64>> },
    /// Training has ended, or the trial rests, and a step of its scoring begins; an older version does not say which.
    Scoring {
        id: String,
        #[serde(default)]
        step: String,
    },
    /// The trial rests after an epoch, with a score of the validation split; null where its embeddings are not finite.
    Rung { id: String, epoch: u32, value: Option<f64> },
    /// `result.json` is there.
    Finished { id: String, outcome: String, seconds: f64 },
    /// The trial was passed by: it is `finished`, `rests`, or is `claimed` by another process.
    Skipped { id: String, why: String },
    /// `failure.json` is there.
    Failed { id: String, reason: String, retry: bool },
}

impl Event {
    /// `None` for a line that is no event: libraries sometimes print.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_protocol_are_understood_and_noise_is_not() {
        let started = Event::Started { id: "a".into(), epochs: 20, resumed_at: 0 };
        assert_eq!(Event::parse(r#"{"event":"started","id":"a","epochs":20,"resumed_at":0}"#), Some(started));
        let losses = BTreeMap::from([("kl".into(), None), ("supervised".into(), Some(0.5))]);
        let epoch = Event::Epoch { id: "a".into(), epoch: 3, epochs: 20, losses };
        let line =
            r#"{"event":"epoch","id":"a","epoch":3,"epochs":20,"losses":{"kl":null,"supervised":0.5}}"#;
        assert_eq!(Event::parse(line), Some(epoch));
        let failed = Event::Failed { id: "a".into(), reason: "no".into(), retry: true };
        assert_eq!(
            Event::parse(r#"{"event":"failed","id":"a","reason":"no","retry":true,"more":1}"#),
            Some(failed)
        );
        let scoring = |step: &str| Some(Event::Scoring { id: "a".into(), step: step.into() });
        let line = r#"{"event":"scoring","id":"a","step":"test_folds.knn"}"#;
        assert_eq!(Event::parse(line), scoring("test_folds.knn"));
        assert_eq!(Event::parse(r#"{"event":"scoring","id":"a"}"#), scoring(""));
        let rung = Event::Rung { id: "a".into(), epoch: 2, value: None };
        assert_eq!(
            Event::parse(r#"{"event":"rung","id":"a","epoch":2,"score":"x","value":null}"#),
            Some(rung)
        );
        assert_eq!(Event::parse("OMP: Info #155"), None);
        assert_eq!(Event::parse(r#"{"event":"unheard_of"}"#), None);
    }
}
