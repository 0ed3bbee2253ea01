//! How many epochs a time has room for.

use std::time::Instant;

use anyhow::{Result, bail};
use dml_data::Dataset;
use dml_models::{Stack, TrainConfig};
use tch::Device;

use crate::train::training_data;
use crate::train::trial::Trial;

/// Batches of the epoch that is timed.
const TIMED: usize = 8;

/// What steps between epochs and scoring take beside the steps themselves, at most.
const AROUND: f64 = 1.2;

/// A time for a training and those of its estimate.
pub(super) struct Budget {
    pub(super) minutes: f64,
    /// Trainings of the estimate.
    pub(super) folds: usize,
    /// Epochs that are enough.
    pub(super) most: u32,
}

impl Budget {
    /// How many epochs each training has time for, at least 1.
    pub(super) fn epochs(&self, trial: &Trial, dataset: &Dataset, device: Device) -> Result<u32> {
        if trial.train.model.system.is_baseline() {
            return Ok(self.most);
        }
        let (seconds, n) = (60.0 * self.minutes / (1 + self.folds) as f64, dataset.train.labels.len());
        let of_epoch = seconds_of_epoch(trial, dataset, device)?;
        let epochs = (seconds / of_epoch) as u32;
        if epochs == 0 {
            let without_estimate = if self.folds == 0 { "" } else { "--folds 0 or " };
            bail!(
                "an epoch of {n} images takes about {of_epoch:.0} s, and --minutes leaves {seconds:.0} s for each training; \
                 give it more, or take {without_estimate}a smaller --size"
            );
        }
        Ok(epochs.min(self.most))
    }
}

/// How many images an epoch that is timed has: some batches of them, or as many as the prior asks
/// for.
fn images_needed(train: &TrainConfig) -> usize {
    let has_prior = train.model.system.has_posterior();
    let of_prior = if has_prior { train.prior.settings().images_needed() as usize } else { 0 };
    TIMED.saturating_mul(train.sampling.batch_size).max(of_prior)
}

/// How long an epoch takes, at most, as two short ones take their time.
fn seconds_of_epoch(trial: &Trial, dataset: &Dataset, device: Device) -> Result<f64> {
    let n = dataset.train.labels.len();
    // With the labelled images, so that all terms of the loss are there.
    let labelled = dataset.train.labelled_rows();
    let (few, enough) = (labelled.len().min(64), images_needed(&trial.train));
    let mut rows: Vec<usize> = labelled[..few].to_vec();
    rows.extend((0..n).filter(|row| labelled[..few].binary_search(row).is_err()).take(enough));
    let part = dataset.train.select(&rows);
    let training = training_data(&part, dataset, device);
    let mask: Vec<usize> = (0..few).collect();
    let mut stack = Stack::new(vec![trial.train.clone()], &[&mask], &training, device)?;
    let mut seconds = 0.0;
    // The first warms up.
    for _ in 0..2 {
        let start = Instant::now();
        if stack.train_epoch(&training)?.is_none() {
            break;
        }
        seconds = start.elapsed().as_secs_f64();
        // What is due between two epochs tells nothing of their steps.
        if stack.pseudo_labels_due().is_some() {
            stack.set_pseudo_labels(vec![None]);
        }
        if stack.mixture_due().is_some() {
            stack.set_mixtures(vec![None])?;
        }
    }
    Ok(AROUND * seconds * n as f64 / rows.len() as f64)
}

#[cfg(test)]
mod tests {
    use dml_data::{ImageShape, Split};
    use ndarray::Array2;

    use super::*;

    #[test]
    fn an_epoch_is_timed_with_as_many_images_as_the_prior_asks_for() {
        let text = include_str!("../../../tests/trial.toml")
            .replace("dml_autoencoder", "metric_vae")
            .replace("kind = \"unit\"", "kind = \"vamp\"\ncomponents = 150\ninit = \"data\"")
            .replace("batch_size = 64", "batch_size = 4");
        let (trial, _) = Trial::parse(&text).unwrap();
        let images = Array2::from_shape_fn((300, 16), |(i, p)| (i * 7 + p * 13) as u8);
        let mut dataset = Dataset {
            name: "made".into(),
            release: None,
            sha256: None,
            shape: ImageShape { channels: 1, height: 4, width: 4 },
            train: Split { images, labels: [0, 1].repeat(150) },
            validation: None,
            test: None,
            classes: vec![0, 1],
        };
        assert!(seconds_of_epoch(&trial, &dataset, Device::Cpu).unwrap() > 0.0);
        dataset.train = dataset.train.select(&(0..100).collect::<Vec<_>>());
        let refused = seconds_of_epoch(&trial, &dataset, Device::Cpu).unwrap_err().to_string();
        assert!(refused.ends_with("it must be at most 100"), "of all images there are: {refused}");
    }
}
