//! A trial file: everything about one run, nothing left to a default.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use dml_data::files::is_path;
use dml_data::{Dataset, Sampling, Source};
use dml_eval::{Protocol, Readout};
use dml_models::dml_losses::LossConfig;
use dml_models::dml_priors::PriorConfig;
use dml_models::{
    DistanceConfig, InstanceConfig, KlConfig, ModelConfig, PixelReduction, PseudoLabelsConfig,
    Reconstruction, ReconstructionConfig, RoutineConfig, SamplingConfig, TrainConfig, TrainingConfig,
    ViewsConfig,
};
use dml_store::{canonical, read_trial};
use rand::Rng;
use serde::{Deserialize, Serialize};
use toml::Table;

/// One trial: what is trained on, how, and what is scored. In its file the sections of the training
/// stand beside the other two.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) data: DataConfig,
    pub(crate) train: TrainConfig,
    pub(crate) evaluation: EvaluationConfig,
}

/// A trial as its file has it, section by section, so that all that is wrong with any of them is
/// told at once.
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
    /// Pairs of labelled training images between which geodesics are solved, to say how far the
    /// distances of training lie from them; 0 for none. Where there is a decoder; with a latent
    /// plane, the report's figure of it is written, too.
    pub(crate) geodesic_pairs: usize,
}

/// More would take minutes and tell nothing more.
const MOST_GEODESIC_PAIRS: usize = 1000;

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
    fn check(&self, trial: &Trial) -> Vec<String> {
        let mut wrong = Vec::new();
        let read_outs = !self.protocols.is_empty() && !self.readouts.is_empty();
        let (samples, pairs) = (self.likelihood_samples, self.geodesic_pairs);
        if pairs > MOST_GEODESIC_PAIRS {
            wrong.push(format!(
                "evaluation.geodesic_pairs = {pairs} is out of range; it must be 0 to {MOST_GEODESIC_PAIRS}"
            ));
        }
        let scores_something = read_outs || self.clustering || self.retrieval || samples > 0;
        if self.split == EvaluatedSplit::None && (scores_something || self.posterior || pairs > 0) {
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

impl Trial {
    /// Reads and checks a trial; also gives its table, without keys that have their neutral value.
    ///
    /// # Errors
    /// All that is wrong with it, a line each.
    pub(crate) fn read(path: &Path) -> Result<(Self, Table)> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let (mut trial, table) = Self::parse(&text).map_err(|mistakes| {
            let lines = mistakes.iter().map(|mistake| format!("{}: {mistake}", path.display()));
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
        let mut wrong: Vec<String> = train.check().err().iter().map(ToString::to_string).collect();
        let percent = data.labelled_percent;
        if !(percent > 0.0 && percent <= 100.0) {
            wrong.push(format!(
                "data.labelled_percent = {percent} is out of range; it must be above 0 and at most 100"
            ));
        } else if data.labelled_sampling == Sampling::Given && percent.to_bits() != 100.0_f64.to_bits() {
            wrong.push(format!(
                "data.labelled_percent = {percent} means nothing with data.labelled_sampling = \"given\", which keeps every label that is given; \
                 it must be 100"
            ));
        }
        let Fold { index, of } = data.fold;
        if index >= of {
            wrong.push(format!(
                "data.fold.index = {index} is out of range; of {of} folds it must be below {of}"
            ));
        }
        if of > 1 && data.validation > 0 {
            wrong.push(format!(
                "data.validation = {} means nothing with data.fold.of = {of}, by which the fold is the validation split; it must be 0",
                data.validation
            ));
        }
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
        line 22: `margin` is the string "wide"; a number would be right
        line 23: `mining`: there is no `semi`; there are `all`, `semi_hard`, `hard`
        line 35: `kl` has no `beta`
        line 36: there is no key `beto`; `beta` is the nearest
        line 41: `routine` has no `alpha`
        line 76: there is no key `evalution`; `evaluation` is the nearest
        "#);
        // Of a file without such mistakes, all values that cannot be.
        let text = TRIAL
            .replace("alpha = 0.5", "alpha = 1.5")
            .replace("labelled_percent = 0.1", "labelled_percent = 0.0")
            .replace("likelihood_samples = 0", "likelihood_samples = 5");
        let told = Trial::parse(&text).unwrap_err().join("\n");
        insta::assert_snapshot!(told, @r#"
        routine.alpha = 1.5 is out of range; it must be in [0, 1]
        data.labelled_percent = 0 is out of range; it must be above 0 and at most 100
        evaluation.likelihood_samples = 5 is for model.system = "vae" and "metric_vae"; set it to 0 for others
        "#);
    }
}
