//! A trial file: everything about one run, nothing left to a default.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use dml_eval::{Protocol, Readout};
use dml_models::dml_losses::LossConfig;
use dml_models::dml_priors::PriorConfig;
use dml_models::{
    DistanceConfig, InstanceConfig, KlConfig, ModelConfig, PixelReduction, PseudoLabelsConfig,
    Reconstruction, ReconstructionConfig, RoutineConfig, SamplingConfig, TrainConfig, TrainingConfig,
    ViewsConfig,
};
use dml_store::{canonical, line_of, read_trial};
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::train::data_config::{DataConfig, beside};
use crate::train::hits;

/// One trial: what is trained on, how, and what is scored. In its file the sections of the training
/// stand beside the other two.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) data: DataConfig,
    pub(crate) train: TrainConfig,
    pub(crate) evaluation: EvaluationConfig,
}

/// A trial as its file has it: one list of all keys, as serde refuses no unknown key beside a part
/// that it flattens, and the nearest key to a mistyped one may be of any section.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    seed: u64,
    data: DataConfig,
    model: ModelConfig,
    loss: LossConfig,
    reconstruction: ReconstructionConfig,
    prior: PriorConfig,
    kl: KlConfig,
    routine: RoutineConfig,
    sampling: SamplingConfig,
    training: TrainingConfig,
    views: ViewsConfig,
    instance: InstanceConfig,
    pseudo_labels: PseudoLabelsConfig,
    distance: DistanceConfig,
    evaluation: EvaluationConfig,
}

impl Whole {
    fn sorted(self) -> Trial {
        let Self { seed, model, loss, reconstruction, prior, kl, routine, sampling, .. } = self;
        let Self { data, training, views, instance, pseudo_labels, distance, evaluation, .. } = self;
        let train = TrainConfig {
            seed,
            model,
            loss,
            reconstruction,
            prior,
            kl,
            routine,
            sampling,
            training,
            views,
            instance,
            pseudo_labels,
            distance,
        };
        Trial { data, train, evaluation }
    }
}

/// What is scored of the trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, a key of a trial file")]
pub(crate) struct EvaluationConfig {
    pub(crate) split: EvaluatedSplit,
    pub(crate) protocols: Vec<Protocol>,
    /// What reads classes from embeddings. `geodesic_knn` goes by the lengths that a decoder gives
    /// to a graph, where there is one, and has `graph_knn` beside it, the same graph without.
    pub(crate) readouts: Vec<Readout>,
    /// Whether k-means on the evaluated embeddings is compared with the labels.
    pub(crate) clustering: bool,
    /// Whether k-means on the embeddings of the training images that have a label is compared with
    /// the labels, the hidden ones among them: over all of these images, and, where some are hidden
    /// from training, over those alone.
    pub(crate) train_clustering: bool,
    /// Whether retrieval among the evaluated embeddings is scored, with `geodesic_knn` along its
    /// graph, too.
    pub(crate) retrieval: bool,
    /// Samples an image for the importance-sampled log-likelihood of a VAE; 0 for none.
    pub(crate) likelihood_samples: usize,
    /// Whether the KL at the end of training and the purity of the prior's components are scored,
    /// where there is a posterior.
    pub(crate) posterior: bool,
    /// Read-outs, `PROTOCOL.READOUT`, of which the result says about which images they were right.
    pub(crate) hits: Vec<String>,
    /// Pairs of labelled training images between which geodesics are solved, to say how far the
    /// distances of training lie from them; 0 for none. Where there is a decoder; with a latent
    /// plane, the report's figure of it is written, too.
    pub(crate) geodesic_pairs: usize,
}

/// More would take minutes and tell nothing more.
const MOST_GEODESIC_PAIRS: usize = 1000;

/// Far more than the literature takes (Burda et al. 2016: 5,000).
const MOST_LIKELIHOOD_SAMPLES: usize = 1_000_000;

/// Which images are scored. Settings are chosen on the validation split; the test split is for the
/// numbers reported; a model that is only to be used is scored on none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EvaluatedSplit {
    None,
    Validation,
    Test,
}

impl EvaluationConfig {
    /// Read-outs under protocols, and nothing else.
    pub(crate) fn of(split: EvaluatedSplit, protocols: Vec<Protocol>, readouts: Vec<Readout>) -> Self {
        Self {
            split,
            protocols,
            readouts,
            clustering: false,
            train_clustering: false,
            retrieval: false,
            likelihood_samples: 0,
            posterior: false,
            hits: vec![],
            geodesic_pairs: 0,
        }
    }

    fn check(&self, trial: &Trial) -> Vec<String> {
        let mut wrong = Vec::new();
        let read_outs = !self.protocols.is_empty() && !self.readouts.is_empty();
        let (samples, pairs) = (self.likelihood_samples, self.geodesic_pairs);
        if pairs > MOST_GEODESIC_PAIRS {
            wrong.push(format!(
                "evaluation.geodesic_pairs = {pairs} is out of range; it must be 0 to {MOST_GEODESIC_PAIRS}"
            ));
        }
        if samples > MOST_LIKELIHOOD_SAMPLES {
            wrong.push(format!(
                "evaluation.likelihood_samples = {samples} is out of range; it must be 0 to {MOST_LIKELIHOOD_SAMPLES}"
            ));
        }
        let clusters = self.clustering || self.train_clustering;
        let of_the_model = self.posterior || samples > 0 || pairs > 0;
        let scores_something = read_outs || clusters || self.retrieval || of_the_model;
        if self.split == EvaluatedSplit::None && scores_something {
            wrong.push(
                "evaluation.split = \"none\" has no images to score; ask for no score, or take the split \"validation\" or \"test\""
                    .to_owned(),
            );
        }
        if self.split != EvaluatedSplit::None && !scores_something {
            wrong.push(
                "[evaluation] scores nothing; name a protocol and a read-out, or set clustering or retrieval to true"
                    .to_owned(),
            );
        }
        wrong.extend(hits::wrong(&self.hits, &self.protocols, &self.readouts));
        let Trial { data, train, .. } = trial;
        let system = train.model.system;
        let bernoulli = (Reconstruction::BinaryCrossEntropy, PixelReduction::Sum);
        let of_images = (train.reconstruction.kind, train.reconstruction.reduction);
        if samples > 0 && !(system.has_posterior() && system.has_decoder()) {
            wrong.push(format!(
                "evaluation.likelihood_samples = {samples} is for model.system = \"vae\" and \"metric_vae\"; set it to 0 for others"
            ));
        } else if samples > 0 && !(data.binarize && of_images == bernoulli) {
            wrong.push(format!(
                "evaluation.likelihood_samples = {samples} needs binary images and their probability: data.binarize = true, and \
                 reconstruction = {{ kind = \"binary_cross_entropy\", reduction = \"sum\" }}"
            ));
        }
        wrong
    }
}

/// A value of an enum by its name in a trial file.
pub(crate) fn known<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    let name: StrDeserializer<Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

/// `line 3: ` where a mistake begins with a key of line 3, as `training.epochs = 0 is …`.
fn line_named_in(mistake: &str, text: &str) -> String {
    let path = mistake.split_once(" = ").map(|(key, _)| key.split('.').collect::<Vec<_>>());
    path.and_then(|path| line_of(text, &path)).map(|line| format!("line {line}: ")).unwrap_or_default()
}

impl Trial {
    /// Reads and checks a trial; also gives its table, without keys that have their neutral value.
    ///
    /// # Errors
    /// All that is wrong with it, a line each.
    pub(crate) fn read(path: &Path) -> Result<(Self, Table)> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let (mut trial, table) = Self::parse(&text).map_err(|mistakes| {
            let place =
                |mistake: &String| format!("{}: {}{mistake}", path.display(), line_named_in(mistake, &text));
            let lines = mistakes.iter().map(place);
            anyhow!(lines.collect::<Vec<_>>().join("\n"))
        })?;
        trial.data.name = beside(path, trial.data.name);
        Ok((trial, table))
    }

    pub(crate) fn parse(text: &str) -> Result<(Self, Table), Vec<String>> {
        let (whole, mistakes) = read_trial::<Whole>(text);
        let mut mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let trial = whole.map(Whole::sorted);
        // Where keys are missing, ranges are looked at once they are there.
        mistakes.extend(trial.iter().flat_map(Self::check));
        match (trial, toml::from_str(text)) {
            (Some(trial), Ok(table)) if mistakes.is_empty() => Ok((trial, canonical(table))),
            _ => Err(mistakes),
        }
    }

    /// All values that cannot be, and those that do not go together.
    fn check(&self) -> Vec<String> {
        let Self { data, train, evaluation } = self;
        let mut wrong: Vec<String> = train.mistakes().iter().map(ToString::to_string).collect();
        wrong.extend(data.check());
        wrong.extend(evaluation.check(self));
        wrong
    }

    /// Whether two trials may be trained in one stack.
    pub(crate) fn stacks_with(&self, other: &Self) -> bool {
        self.data.images() == other.data.images() && self.train.stacks_with(&other.train)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const TRIAL: &str = include_str!("../../tests/trial.toml");

    #[test]
    fn a_whole_trial_is_read() {
        let (trial, table) = Trial::parse(TRIAL).unwrap();
        assert_eq!(trial.data.name, "mnist");
        assert_eq!(table["seed"].as_integer(), Some(0));
        let mut whole = Table::try_from(&trial.train).unwrap();
        whole.insert("data".into(), toml::Value::try_from(&trial.data).unwrap());
        whole.insert("evaluation".into(), toml::Value::try_from(&trial.evaluation).unwrap());
        assert_eq!(canonical(whole), table, "nothing is lost or added");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |from: &str, to: &str| {
            assert!(TRIAL.contains(from));
            Trial::parse(&TRIAL.replace(from, to)).unwrap_err().join("\n")
        };
        insta::assert_snapshot!(message("labelled_percent = 0.1", "labelled_percent = 0.0"), @"data.labelled_percent = 0 is out of range; it must be above 0 and at most 100");
        insta::assert_snapshot!(message("learning_rate = 0.001", "learning_rate = -1.0"), @"training.learning_rate = -1.0 is out of range; it must be above 0, from 1.2e-38 to 3.4e38");
        insta::assert_snapshot!(message("learning_rate = 0.001", "learning_rate = 4e38"), @"training.learning_rate = 4e38 is out of range; it must be above 0, from 1.2e-38 to 3.4e38");
        // Above 0 as it stands there, and 0 where it counts.
        insta::assert_snapshot!(message("epsilon = 1e-8", "epsilon = 1e-46"), @"training.epsilon = 1e-46 is out of range; it must be above 0, from 1.2e-38 to 3.4e38");
        insta::assert_snapshot!(message("labelled_sampling = \"uniform\"", "labelled_sampling = \"given\""), @r#"data.labelled_percent = 0.1 means nothing with data.labelled_sampling = "given", which keeps every label that is given; it must be 100"#);
        let near_one = TRIAL.replace("beta2 = 0.999", "beta2 = 0.9999999999999999");
        assert!(Trial::parse(&near_one).is_ok(), "1 in f32, but 1 - beta2 is not 0");
        assert!(message("alpha = 0.5", "alpha = 1.5").contains("routine.alpha = 1.5 is out of range"));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let text = TRIAL
            .replace("seed = 0\n", "sede = 0\n")
            .replace("margin = 0.2", "margin = \"wide\"")
            .replace("mining = \"all\"", "mining = \"semi\"")
            .replace("beta = 1.0", "beto = 1.0")
            .replace("[evaluation]", "[evalution]")
            .replace("alpha = 0.5\n", "");
        let told = Trial::parse(&text).unwrap_err().join("\n");
        insta::assert_snapshot!(told, @r#"
        this has no `seed`
        line 2: there is no key `sede`; `seed` is the nearest
        line 23: `margin` is the string "wide"; a number would be right
        line 24: `mining`: there is no `semi`; there are `all`, `semi_hard`, `hard`
        line 36: `kl` has no `beta`
        line 37: there is no key `beto`; `beta` is the nearest
        line 42: `routine` has no `alpha`
        line 77: there is no key `evalution`; `evaluation` is the nearest
        "#);
        // Of a file without such mistakes, all values that cannot be.
        let text = TRIAL
            .replace("alpha = 0.5", "alpha = 1.5")
            .replace("epochs = 3\n", "epochs = 0\n")
            .replace("learning_rate = 0.001", "learning_rate = -1.0")
            .replace("margin = 0.2", "margin = -0.2")
            .replace("labelled_percent = 0.1", "labelled_percent = 0.0")
            .replace("likelihood_samples = 0", "likelihood_samples = 5");
        let told = Trial::parse(&text).unwrap_err().join("\n");
        insta::assert_snapshot!(told, @r#"
        training.epochs = 0 is out of range; it must be at least 1
        training.learning_rate = -1.0 is out of range; it must be above 0, from 1.2e-38 to 3.4e38
        routine.alpha = 1.5 is out of range; it must be in [0, 1]
        margin of the loss triplet is -0.2, but has to be above 0, from 1.2e-38 to 3.4e38
        data.labelled_percent = 0 is out of range; it must be above 0 and at most 100
        evaluation.likelihood_samples = 5 is for model.system = "vae" and "metric_vae"; set it to 0 for others
        "#);
    }
}
