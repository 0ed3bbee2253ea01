//! A trial file: everything about one run, nothing left to a default.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use dml_data::files::is_path;
use dml_data::{Dataset, Sampling, Source};
use dml_eval::{Protocol, Readout};
use dml_models::{PixelReduction, Reconstruction, TrainConfig};
use dml_store::{canonical, complete};
use rand::Rng;
use serde::{Deserialize, Serialize};
use toml::de::{DeTable, Deserializer};
use toml::{Spanned, Table};

/// One trial: what is trained on, how, and what is scored. In its file the sections of the training
/// stand beside the other two.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) data: DataConfig,
    pub(crate) train: TrainConfig,
    pub(crate) evaluation: EvaluationConfig,
}

/// The two sections that are not of the training.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Around {
    data: DataConfig,
    evaluation: EvaluationConfig,
}

/// Which images, and which of them keep their labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataConfig {
    /// A name of `dml data list`, or the path of an npz in MedMNIST's layout.
    pub(crate) name: String,
    /// Percent of the labelled training images that keep their labels, in (0, 100]; 100 where all
    /// that are given are kept.
    pub(crate) labelled_percent: f64,
    pub(crate) labelled_sampling: Sampling,
    /// Training images held out as a validation split, where the data set has none.
    pub(crate) validation: usize,
    /// A part of the labelled training images that is held out in its place, for cross-validation.
    pub(crate) fold: Fold,
    /// Whether each pixel is drawn once, black or white, with its brightness as the probability of
    /// white: the static binarized MNIST of Larochelle & Murray 2011, with draws of our own. For
    /// likelihoods.
    pub(crate) binarize: bool,
}

/// One of `of` parts; one part alone is held out of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fold {
    /// From 0 to one less than `of`.
    pub(crate) index: usize,
    pub(crate) of: usize,
}

/// What is scored of the trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvaluationConfig {
    pub(crate) split: EvaluatedSplit,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) readouts: Vec<Readout>,
    /// Whether k-means on the evaluated embeddings is compared with the labels.
    pub(crate) clustering: bool,
    /// Whether retrieval among the evaluated embeddings is scored.
    pub(crate) retrieval: bool,
    /// Samples an image for the importance-sampled log-likelihood of a VAE; 0 for none.
    pub(crate) likelihood_samples: usize,
    /// Whether the KL at the end of training and the purity of the prior's components are scored,
    /// where there is a posterior.
    pub(crate) posterior: bool,
}

/// Which images are scored. Settings are chosen on the validation split; the test split is for the
/// numbers reported; a model that is only to be used is scored on none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EvaluatedSplit {
    None,
    Validation,
    Test,
}

/// What decides which images a trial has: name, validation images, fold and binarization, in this
/// order on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ImageChoice(String, usize, Fold, bool);

impl DataConfig {
    pub(crate) fn images(&self) -> ImageChoice {
        ImageChoice(self.name.clone(), self.validation, self.fold, self.binarize)
    }

    /// The data set, with its validation rows held out. Those are the same for every seed.
    pub(crate) fn load(&self, source: &Source) -> Result<Dataset> {
        let dataset = dml_data::load(&self.name, source, true)?;
        let dataset = dataset.hold_out_fold(self.fold.index, self.fold.of)?;
        let mut dataset = dataset.hold_out_validation(self.validation, 0)?;
        if self.binarize {
            let splits = [Some(&mut dataset.train), dataset.test.as_mut(), dataset.validation.as_mut()];
            for (i, split) in splits.into_iter().enumerate().filter_map(|(i, split)| Some((i, split?))) {
                let mut random = dml_data::random::keyed(0, "binarize", i as u64);
                split.images.mapv_inplace(|pixel| if random.gen_range(0..255) < pixel { 255 } else { 0 });
            }
        }
        Ok(dataset)
    }
}

/// Where a data set lies that a trial file names: a relative path is one beside the file, where that
/// is there.
pub(crate) fn beside(trial_file: &Path, name: String) -> String {
    let there = trial_file.parent().unwrap_or(Path::new("")).join(&name);
    if is_path(&name, "npz") && there.exists() { there.display().to_string() } else { name }
}

impl EvaluationConfig {
    fn check(&self, trial: &Trial) -> Result<()> {
        let read_outs = !self.protocols.is_empty() && !self.readouts.is_empty();
        let samples = self.likelihood_samples;
        let scores_something = read_outs || self.clustering || self.retrieval || samples > 0;
        if self.split == EvaluatedSplit::None {
            if scores_something || self.posterior {
                bail!(
                    "evaluation.split = \"none\" has no images to score; ask for no score, or take the split \"validation\" or \"test\""
                );
            }
        } else if !scores_something {
            bail!(
                "[evaluation] scores nothing; name a protocol and a read-out, or set clustering or retrieval to true"
            );
        }
        let system = trial.train.model.system;
        if samples > 0 && !(system.has_posterior() && system.has_decoder()) {
            bail!(
                "evaluation.likelihood_samples = {samples} is for model.system = \"vae\" and \"metric_vae\"; set it to 0 for others"
            );
        }
        let bernoulli = (Reconstruction::BinaryCrossEntropy, PixelReduction::Sum);
        if samples > 0
            && !(trial.data.binarize
                && (trial.train.reconstruction.kind, trial.train.reconstruction.reduction) == bernoulli)
        {
            bail!(
                "evaluation.likelihood_samples = {samples} needs binary images and their probability: data.binarize = true, and \
                 reconstruction = {{ kind = \"binary_cross_entropy\", reduction = \"sum\" }}"
            );
        }
        Ok(())
    }
}

impl Trial {
    /// Reads and checks a trial; also gives its table, without keys that have their neutral value.
    pub(crate) fn read(path: &Path) -> Result<(Self, Table)> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let (mut trial, table) = Self::parse(&text).with_context(|| path.display().to_string())?;
        trial.data.name = beside(path, trial.data.name);
        Ok((trial, table))
    }

    pub(crate) fn parse(text: &str) -> Result<(Self, Table)> {
        let one_sentence = |error: toml::de::Error| match error.span() {
            Some(span) => {
                let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
                anyhow!("line {line}: {}", error.message())
            }
            None => anyhow!("{}", error.message()),
        };
        let table: Table = toml::from_str(text).map_err(one_sentence)?;
        let mut whole = table.clone();
        let trial = if complete(&mut whole) {
            // Only what is read from the text itself has a line to name.
            let whole = toml::to_string(&whole)?;
            Self::from_toml(&whole).map_err(|error| anyhow!("{}", error.message()))?
        } else {
            Self::from_toml(text).map_err(one_sentence)?
        };
        trial.train.check()?;
        let percent = trial.data.labelled_percent;
        if !(percent > 0.0 && percent <= 100.0) {
            bail!("data.labelled_percent = {percent} is out of range; it must be above 0 and at most 100");
        }
        if trial.data.labelled_sampling == Sampling::Given && percent.to_bits() != 100.0_f64.to_bits() {
            bail!(
                "data.labelled_percent = {percent} means nothing with data.labelled_sampling = \"given\", which keeps every label that is given; \
                 it must be 100"
            );
        }
        trial.evaluation.check(&trial)?;
        Ok((trial, canonical(table)))
    }

    /// Sections as they stand in a file; each knows all its keys.
    fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        let mut of_training = DeTable::parse(text)?;
        let mut around = Spanned::new(of_training.span(), DeTable::new());
        for section in ["data", "evaluation"] {
            if let Some((key, value)) = of_training.get_mut().remove_entry(section) {
                around.get_mut().insert(key, value);
            }
        }
        let Around { data, evaluation } = Around::deserialize(Deserializer::from(around))?;
        let train = TrainConfig::deserialize(Deserializer::from(of_training))?;
        Ok(Self { data, train, evaluation })
    }

    /// Whether two trials may be trained in one stack.
    pub(crate) fn stacks_with(&self, other: &Self) -> bool {
        self.data.images() == other.data.images() && self.train.stacks_with(&other.train)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const TRIAL: &str = include_str!("../../../../tests/trial.toml");

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
            format!("{:#}", Trial::parse(&TRIAL.replace(from, to)).unwrap_err())
        };
        insta::assert_snapshot!(message("labelled_percent = 0.1", "labelled_percent = 0.0"), @"data.labelled_percent = 0 is out of range; it must be above 0 and at most 100");
        insta::assert_snapshot!(message("learning_rate = 0.001", "learning_rate = -1.0"), @"training.learning_rate = -1.0 is out of range; it must be above 0, from 1.2e-38 to 3.4e38");
        insta::assert_snapshot!(message("learning_rate = 0.001", "learning_rate = 4e38"), @"training.learning_rate = 4e38 is out of range; it must be above 0, from 1.2e-38 to 3.4e38");
        // Above 0 as it stands there, and 0 where it counts.
        insta::assert_snapshot!(message("epsilon = 1e-8", "epsilon = 1e-46"), @"training.epsilon = 1e-46 is out of range; it must be above 0, from 1.2e-38 to 3.4e38");
        insta::assert_snapshot!(message("labelled_sampling = \"uniform\"", "labelled_sampling = \"given\""), @r#"data.labelled_percent = 0.1 means nothing with data.labelled_sampling = "given", which keeps every label that is given; it must be 100"#);
        let near_one = TRIAL.replace("beta2 = 0.999", "beta2 = 0.9999999999999999");
        assert!(Trial::parse(&near_one).is_ok(), "1 in f32, but 1 - beta2 is not 0");
        assert!(message("seed = 0\n", "").contains("missing field `seed`"));
        assert!(message("beta = 1.0", "beta = 1.0\nbeto = 2").contains("unknown field `beto`"));
        assert!(message("kind = \"triplet\"", "kind = \"triple\"").contains("unknown variant `triple`"));
        assert!(message("alpha = 0.5", "alpha = 1.5").contains("routine.alpha = 1.5 is out of range"));
    }
}
