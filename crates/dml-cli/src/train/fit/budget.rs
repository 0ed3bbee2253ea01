//! How many epochs a time has room for.

use std::time::Instant;

use anyhow::{Result, bail};
use dml_data::Dataset;
use dml_models::{Stack, TrainingData};
use tch::Device;

use crate::train::trial::Trial;

/// Batches of the epoch that is timed.
const TIMED: usize = 8;

/// What steps between epochs and scoring take beside the steps themselves, at most.
const AROUND: f64 = 1.2;

/// As many epochs as so many minutes have room for, at most `most`, as two short epochs take their
/// time.
pub(super) fn epochs(
    trial: &Trial,
    dataset: &Dataset,
    minutes: f64,
    most: u32,
    device: Device,
) -> Result<u32> {
    if trial.train.model.system.is_baseline() {
        return Ok(most);
    }
    let n = dataset.train.labels.len();
    // With the labelled images, so that all terms of the loss are there.
    let labelled = dataset.train.labelled_rows();
    let (few, enough) = (labelled.len().min(64), TIMED.saturating_mul(trial.train.sampling.batch_size));
    let mut rows: Vec<usize> = labelled[..few].to_vec();
    rows.extend((0..n).filter(|row| labelled[..few].binary_search(row).is_err()).take(enough));
    let part = dataset.train.select(&rows);
    let training =
        TrainingData::new(part.images.view(), &part.labels, dataset.shape, dataset.n_classes(), device);
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
    }
    let of_epoch = AROUND * seconds * n as f64 / rows.len() as f64;
    let epochs = (60.0 * minutes / of_epoch) as u32;
    if epochs == 0 {
        bail!(
            "an epoch of {n} images takes about {of_epoch:.0} s, and --minutes leaves {:.0} s for each training; give it more, or take --folds 0 or a smaller --size",
            60.0 * minutes
        );
    }
    Ok(epochs.min(most))
}
