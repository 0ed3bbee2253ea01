//! A rung: an epoch at which a trial rests, so that whoever started it can stop it early.
//!
//! A trial's directory keeps the scores of its rungs in `rungs.json`, `{"format":1,"rungs":{"test_folds.knn.accuracy":{"2":0.91}}}`; null stands
//! for embeddings that were very large or not finite. The trial itself does not know of them: trained on, it ends as one that never rested.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use dml_data::{Dataset, Mask};
use dml_eval::{Protocol, Readout};
use dml_models::Stack;
use dml_report::{FORMAT, write_atomically};
use ndarray::ArrayView2;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use serde::{Deserialize as DeserializeFields, Serialize};

use super::{Job, Session};
use crate::evaluate::{can_be_scored, evaluated_split, score};
use crate::events::Event;
use crate::trial::{EvaluatedSplit, EvaluationConfig, Trial};

/// Where trials rest, and how they are scored there.
#[derive(Debug, Clone)]
pub(crate) struct Rung {
    pub(crate) epoch: u32,
    pub(crate) score: RungScore,
}

/// A score of a read-out on the validation split, by its dotted name. The larger, the better.
#[derive(Debug, Clone)]
pub(crate) struct RungScore {
    name: String,
    protocol: Protocol,
    readout: Readout,
}

impl FromStr for RungScore {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let parse = || {
            let [protocol, readout, "accuracy" | "ami"] = name.split('.').collect::<Vec<_>>()[..] else {
                return None;
            };
            Some(Self { name: name.into(), protocol: known(protocol)?, readout: known(readout)? })
        };
        parse().ok_or_else(|| {
            "PROTOCOL.READOUT.accuracy or PROTOCOL.READOUT.ami would be right, as test_folds.knn.accuracy"
                .into()
        })
    }
}

/// A value of an enum by its name in a trial file.
fn known<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    let name: StrDeserializer<Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

/// `rungs.json`: values by score and epoch.
#[derive(Debug, Serialize, DeserializeFields)]
#[serde(deny_unknown_fields)]
struct Rungs {
    format: u32,
    rungs: BTreeMap<String, BTreeMap<u32, Option<f64>>>,
}

impl Rungs {
    /// What a trial's directory has; none where there is no file.
    fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { format: FORMAT, rungs: BTreeMap::new() });
            }
            text => text.with_context(|| path.display().to_string())?,
        };
        let what_to_do = || format!("{}: delete it to score the trial's rungs again", path.display());
        let rungs: Self = serde_json::from_str(&text).with_context(what_to_do)?;
        ensure!(
            rungs.format == FORMAT,
            "{}: has format {}, this version reads {FORMAT}",
            path.display(),
            rungs.format
        );
        Ok(rungs)
    }
}

impl Rung {
    /// Whether a trial ends only after this rung. Baselines have no epochs.
    pub(crate) fn is_before_the_end(&self, trial: &Trial) -> bool {
        !trial.model.system.is_baseline() && self.epoch < trial.training.epochs
    }

    /// An error where the data set has no validation split.
    pub(crate) fn check(&self, trial: &Trial, data: &Dataset) -> Result<()> {
        evaluated_split(&self.evaluating(trial), data).map(drop)
    }

    /// The trial with this rung's evaluation in place of its own.
    fn evaluating(&self, trial: &Trial) -> Trial {
        let evaluation = EvaluationConfig {
            split: EvaluatedSplit::Validation,
            protocols: vec![self.score.protocol],
            readouts: vec![self.score.readout],
            clustering: false,
            retrieval: false,
            likelihood_samples: 0,
        };
        Trial { evaluation, ..trial.clone() }
    }

    /// Tells the score of a trial that has been here before; whether it has.
    pub(crate) fn recall(&self, session: &Session, job: &Job) -> Result<bool> {
        let rungs = Rungs::read(&job.directory.join("rungs.json"))?.rungs;
        let value = rungs.get(&self.score.name).and_then(|epochs| epochs.get(&self.epoch));
        let value = value.filter(|_| self.is_before_the_end(&job.trial));
        value.map_or(Ok(false), |value| self.rests(session, job, *value).map(|()| true))
    }

    /// Scores a member that rests here, and writes that down.
    pub(crate) fn score(
        &self,
        session: &Session,
        job: &Job,
        mask: &Mask,
        (stack, member): (&Stack, usize),
    ) -> Result<()> {
        let say = |step: &str| session.say(&Event::Scoring { id: &job.id, step });
        say("embedding");
        let (data, trial) = (&session.loaded().dataset, self.evaluating(&job.trial));
        let embed = |images: ArrayView2<u8>| stack.embed(member, images);
        let queries = embed(evaluated_split(&trial, data)?.images.view());
        let value = if can_be_scored(&queries) {
            score(&trial, data, mask.rows(), &queries, &embed, &say)?.remove(&self.score.name)
        } else {
            None
        };
        let path = job.directory.join("rungs.json");
        let mut rungs = Rungs::read(&path)?;
        rungs.rungs.entry(self.score.name.clone()).or_default().insert(self.epoch, value);
        write_atomically(&path, (serde_json::to_string_pretty(&rungs)? + "\n").as_bytes())?;
        job.log.line(&format!("rests after epoch {}: validation {} {value:?}", self.epoch, self.score.name));
        self.rests(session, job, value)
    }

    /// Whoever rests has not failed: the way to the next rung is a new attempt.
    fn rests(&self, session: &Session, job: &Job, value: Option<f64>) -> Result<()> {
        session.store.forgive(&job.id)?;
        session.say(&Event::Rung { id: &job.id, epoch: self.epoch, score: &self.score.name, value });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_one_of_a_read_out() {
        let score: RungScore = "labelled.random_forest.ami".parse().unwrap();
        assert_eq!((score.protocol, score.readout), (Protocol::Labelled, Readout::RandomForest));
        for wrong in
            ["knn", "test_folds.knn", "test_folds.knn.nmi", "folds.knn.ami", "clustering.k_means.ami", ""]
        {
            assert!(wrong.parse::<RungScore>().unwrap_err().contains("PROTOCOL.READOUT.accuracy"), "{wrong}");
        }
    }
}
