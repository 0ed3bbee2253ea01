//! The training loop.

use std::collections::BTreeMap;

use dml_priors::{Fitted, PriorConfig};
use ndarray::{Array2, ArrayView2};
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::batches::shuffled;
use crate::config::{ConfigError, RoutineConfig};
use crate::objective::{Noise, Terms};
use crate::routine::{Factors, factors};
use crate::stack::{Stack, from_array, unit_range};
use crate::training_data::TrainingData;

/// Names of the curves, in the order of [`Terms`].
const CURVES: [&str; 4] = ["supervised", "reconstruction", "kl", "unsupervised"];

/// What came out of an epoch.
#[derive(Debug)]
pub struct EpochLosses {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// For each member, the mean of each term over the steps that asked for it.
    pub terms: Vec<BTreeMap<String, Option<f64>>>,
}

/// What the observer of an epoch wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The next epoch.
    Continue,
    /// An end here; [`train`] can go on later from a checkpoint.
    Stop,
}

/// A Gaussian mixture of diagonal covariances.
#[derive(Debug)]
pub struct FittedMixture {
    /// `[components]`; they sum to 1.
    pub weights: Vec<f32>,
    /// `[components, latent_dim]`
    pub means: Array2<f32>,
    /// `[components, latent_dim]`, above 0.
    pub variances: Array2<f32>,
}

/// Fits a mixture on embeddings `[n, latent_dim]`, given the number of components and a seed.
pub type MixtureFit<'a> = dyn Fn(ArrayView2<f32>, usize, u64) -> Result<FittedMixture, String> + 'a;

/// Why training ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A config cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The staged routine could not fit its mixture.
    #[error("fitting the mixture on the embeddings of the first stage: {0}")]
    Mixture(String),
}

/// Trains the stack from the epoch it has reached to its last one, or until `observe` says stop, or until all members have
/// diverged. `observe` is called after each epoch.
///
/// Gives false where `observe` has stopped it before its last epoch, and true where there is nothing left to train: at the last epoch, and
/// also where all members have diverged. Whether a member is any good therefore stands in its [`diverged`](crate::Member::diverged), which
/// is to be looked at in either case.
///
/// # Errors
/// When `data` have other than the images, shape or classes that the stack was made for, or when the staged routine cannot fit its mixture.
pub fn train(
    stack: &mut Stack,
    data: &TrainingData,
    fit: &MixtureFit,
    observe: &mut dyn FnMut(&Stack, &EpochLosses) -> Progress,
) -> Result<bool, TrainError> {
    if data.extent() != stack.made_for {
        let sentence = format!("a stack made for {} cannot be trained on {}", stack.made_for, data.extent());
        return Err(ConfigError::Conflict(sentence).into());
    }
    crate::heap::keep();
    crate::flush_denormals();
    let epochs = stack.members[0].config.training.epochs;
    while stack.epoch < epochs && stack.members.iter().any(|m| m.diverged.is_none()) {
        fit_when_due(stack, data, fit)?;
        let losses = one_epoch(stack, data);
        if observe(stack, &losses) == Progress::Stop {
            return Ok(stack.epoch == epochs);
        }
    }
    Ok(true)
}

/// The steps of an epoch, planned on the host and laid out on the device.
struct Plan {
    /// `[M, n]`: rows of the unlabelled draw.
    all: Option<Tensor>,
    /// `[steps, M, b]`: rows of the labelled draw, and labels with -1 for padding.
    labelled: Option<(Tensor, Tensor)>,
    /// `[step]`: rows of its largest labelled batch; the others, and all beyond it, are padded.
    widths: Vec<i64>,
    /// `[step][member]`
    factors: Vec<Vec<Factors>>,
    /// The same on the device, `[2, steps, M]`: weights of the metric and of the unsupervised loss. No step then copies them there,
    /// which would wait for the device.
    weights: Tensor,
}

fn plan(stack: &Stack, data: &TrainingData, epoch: u32) -> Plan {
    let first = &stack.members[0].config;
    let (n, batch) = (data.len(), first.sampling.batch_size);
    let steps_of_all = n.div_ceil(batch);
    let of_member = |m: usize, step: usize| {
        let config = &stack.members[m].config;
        factors(&config.routine, config.model.system, epoch, step)
    };
    let n_members = stack.members.len();
    let mut labelled: Vec<Vec<Vec<usize>>> = vec![Vec::new(); n_members];
    // Two steps show all of a routine's phases.
    let asks =
        |ask: fn(Factors) -> f64| (0..n_members).any(|m| (0..2).any(|step| ask(of_member(m, step)) != 0.0));
    if asks(|f| f.supervised) {
        for (member, batches) in stack.members.iter().zip(&mut labelled) {
            *batches = member.labelled.epoch(epoch, first.sampling.labelled_epoch, steps_of_all);
        }
    }
    let unsupervised = asks(|f| f.unsupervised);
    let longest = labelled.iter().map(Vec::len).max().unwrap_or(0);
    let steps = if unsupervised { steps_of_all } else { longest };
    let mut factors = vec![vec![Factors { supervised: 0.0, unsupervised: 0.0 }; n_members]; steps];
    let mut batches_of_steps = vec![vec![Vec::new(); steps]; n_members];
    for (m, batches) in labelled.into_iter().enumerate() {
        let mut batches = batches.into_iter();
        for (step, of_step) in factors.iter_mut().enumerate() {
            of_step[m] = of_member(m, step);
            if of_step[m].supervised != 0.0 {
                match batches.next() {
                    Some(batch) => batches_of_steps[m][step] = batch,
                    None => of_step[m].supervised = 0.0, // the pass over this member's labels is over
                }
            }
        }
    }
    let all = unsupervised.then(|| {
        let rows = stack.members.iter().flat_map(|m| shuffled(m.config.seed, n, epoch));
        let rows: Vec<i64> = rows.map(|row| row as i64).collect();
        Tensor::from_slice(&rows).reshape([n_members as i64, n as i64]).to_device(stack.device)
    });
    let labelled = (longest > 0).then(|| lay_out(&batches_of_steps, steps, data, stack.device));
    let width = |step: usize| batches_of_steps.iter().map(|of_member| of_member[step].len()).max();
    let widths = (0..steps).map(|step| width(step).unwrap_or(0) as i64).collect();
    let weights_of = |of: fn(&Factors) -> f64| factors.iter().flatten().map(move |f| of(f) as f32);
    let weights: Vec<f32> = weights_of(|f| f.supervised).chain(weights_of(|f| f.unsupervised)).collect();
    let shape = [2, steps as i64, n_members as i64];
    let weights = Tensor::from_slice(&weights).reshape(shape).to_device(stack.device);
    Plan { all, labelled, widths, factors, weights }
}

/// Batches of all members as `[steps, M, b]` rows and labels, padded with unlabelled rows.
fn lay_out(
    batches: &[Vec<Vec<usize>>],
    steps: usize,
    data: &TrainingData,
    device: Device,
) -> (Tensor, Tensor) {
    let width = batches.iter().flatten().map(Vec::len).max().unwrap_or(0);
    let shape = [steps as i64, batches.len() as i64, width as i64];
    let n = steps * batches.len() * width;
    let (mut rows, mut labels) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for step in 0..steps {
        for member in batches {
            let batch = member.get(step).map_or(&[][..], Vec::as_slice);
            for place in 0..width {
                let row = batch.get(place);
                rows.push(row.map_or(0, |&row| row as i64));
                labels.push(row.map_or(-1, |&row| i64::from(data.labels[row])));
            }
        }
    }
    let on_device = |values: &[i64]| Tensor::from_slice(values).reshape(shape).to_device(device);
    (on_device(&rows), on_device(&labels))
}

fn one_epoch(stack: &mut Stack, data: &TrainingData) -> EpochLosses {
    let epoch = stack.epoch + 1;
    let plan = plan(stack, data, epoch);
    let first = &stack.members[0].config;
    // Where a stage without a KL comes first, the warm-up starts after it.
    let before = if let RoutineConfig::Staged { dml_epochs, .. } = first.routine { dml_epochs } else { 0 };
    let warm_up =
        dml_priors::warm_up(epoch.saturating_sub(before) as usize, first.kl.warm_up_epochs as usize);
    let betas: Vec<f32> = stack.members.iter().map(|m| (m.config.kl.beta * warm_up) as f32).collect();
    let beta = Tensor::from_slice(&betas).to_device(stack.device);
    let batch = first.sampling.batch_size as i64;
    let mut sums = Sums::new(stack.members.len(), stack.device);
    for (step, factors) in plan.factors.iter().enumerate() {
        let active: Vec<bool> =
            factors.iter().map(|f| f.supervised != 0.0 || f.unsupervised != 0.0).collect();
        if !active.contains(&true) {
            continue;
        }
        let leaves = stack.parameters.leaves();
        let at = (u64::from(epoch) << 32) | step as u64;
        let mut terms = Terms::default();
        if factors.iter().any(|f| f.unsupervised != 0.0) {
            let rows = plan.all.as_ref().expect("planned");
            let start = step as i64 * batch;
            let rows = rows.narrow(1, start, batch.min(data.len() as i64 - start));
            let images = gather(data, &rows);
            let noise = noise(stack, "noise/unlabelled", at, rows.size()[1]);
            terms = stack.objective.unsupervised(&stack.model, &leaves, &images, &noise, &beta);
        }
        if factors.iter().any(|f| f.supervised != 0.0) {
            let (rows, labels) = plan.labelled.as_ref().expect("planned");
            let (mut rows, mut labels) = (rows.get(step as i64), labels.get(step as i64));
            if stack.memory.is_some() {
                // Of the one member that has it; padding would take places of the memory.
                [rows, labels] = [rows, labels].map(|t| t.narrow(1, 0, plan.widths[step]));
            }
            let images = gather(data, &rows);
            let noise = noise(stack, "noise/labelled", at, rows.size()[1]);
            let (model, batch) = (&stack.model, (&images, &labels));
            terms.supervised =
                Some(stack.objective.supervised(model, &leaves, batch, &noise, stack.memory.as_mut()));
        }
        let weights = plan.weights.select(1, step as i64); // [2, M]
        total(&terms, &weights).backward();
        // What the metric loss alone learns rests where a member's metric loss does.
        let supervised: Vec<bool> = factors.iter().map(|f| f.supervised != 0.0).collect();
        let own = stack.objective.loss_parameters.clone();
        let activity = |i: usize| if own.contains(&i) { supervised.as_slice() } else { active.as_slice() };
        stack.adam.step(&mut stack.parameters, &leaves, &activity);
        project(stack);
        sums.add(&terms, factors, &weights);
    }
    stack.epoch = epoch;
    let terms = sums.means();
    record(stack, &terms);
    EpochLosses { epoch, terms }
}

/// `[M, b]` rows to images `[M, b, pixels]` in [0, 1].
fn gather(data: &TrainingData, rows: &Tensor) -> Tensor {
    let size = rows.size();
    unit_range(&data.images.index_select(0, &rows.reshape([-1]))).reshape([size[0], size[1], -1])
}

/// Draws of a step, each member's from its own seed, made only when asked for.
fn noise(stack: &Stack, purpose: &'static str, at: u64, rows: i64) -> impl Fn() -> Noise + use<> {
    let seeds: Vec<u64> = stack.members.iter().map(|m| m.config.seed).collect();
    let first = &stack.members[0].config;
    let (shape, device) = ([first.kl.samples, rows, first.model.latent_dim], stack.device);
    move || {
        let members = seeds.iter().map(|&seed| crate::random::normal(seed, purpose, at, &shape));
        Noise(Tensor::stack(&members.collect::<Vec<_>>(), 1).to_device(device)) // [samples, M, rows, d]
    }
}

/// The loss of a step, summed over the members: they share no parameter, so each gets its own gradient.
fn total(terms: &Terms, weights: &Tensor) -> Tensor {
    let weigh = |term: &Option<Tensor>, row: i64| term.as_ref().map(|term| term.dot(&weights.get(row)));
    let (supervised, unsupervised) = (weigh(&terms.supervised, 0), weigh(&terms.unsupervised, 1));
    match (supervised, unsupervised) {
        (Some(s), Some(u)) => s + u,
        (Some(term), None) | (None, Some(term)) => term,
        (None, None) => unreachable!("a step without a term is not taken"),
    }
}

/// Pseudo-inputs are images: after a step they are put back into [0, 1].
fn project(stack: &mut Stack) {
    if let Some(place) = stack.objective.pseudo_inputs {
        let _guard = no_grad_guard();
        let _ = stack.parameters.tensors[place].clamp_(0.0, 1.0);
    }
}

/// Sums of terms over an epoch, kept on the device so that no step waits for it.
struct Sums {
    sums: Tensor,          // [4, M]
    counts: Vec<Vec<u32>>, // [4][M]
}

impl Sums {
    fn new(members: usize, device: Device) -> Self {
        let sums = Tensor::zeros([CURVES.len() as i64, members as i64], (Kind::Double, device));
        Self { sums, counts: vec![vec![0; members]; CURVES.len()] }
    }

    fn add(&mut self, terms: &Terms, factors: &[Factors], weights: &Tensor) {
        let _guard = no_grad_guard();
        let all = [&terms.supervised, &terms.reconstruction, &terms.kl, &terms.unsupervised];
        for (i, term) in all.into_iter().enumerate() {
            let Some(term) = term else { continue };
            let asked: Vec<bool> =
                factors.iter().map(|f| if i == 0 { f.supervised } else { f.unsupervised } != 0.0).collect();
            let mut sum = self.sums.get(i as i64);
            if asked.iter().all(|&asked| asked) {
                let _ = sum.g_add_(&term.detach());
            } else {
                let mask = weights.get(i64::from(i != 0)).ne(0.0);
                let _ = sum.g_add_(&term.detach().where_self(&mask, &term.zeros_like()));
            }
            for (count, asked) in self.counts[i].iter_mut().zip(asked) {
                *count += u32::from(asked);
            }
        }
    }

    fn means(&self) -> Vec<BTreeMap<String, Option<f64>>> {
        let members = self.counts[0].len();
        let sums = Vec::<f64>::try_from(&self.sums.to_device(Device::Cpu).view([-1])).expect("a flat tensor");
        let mean = |i: usize, m: usize| {
            let count = self.counts[i][m];
            (count > 0).then(|| sums[i * members + m] / f64::from(count))
        };
        let of_member = |m| CURVES.iter().enumerate().map(|(i, name)| ((*name).into(), mean(i, m))).collect();
        (0..members).map(of_member).collect()
    }
}

/// Puts an epoch on the members' curves, and notes who is no longer finite.
fn record(stack: &mut Stack, terms: &[BTreeMap<String, Option<f64>>]) {
    let finite: Vec<Tensor> =
        stack.parameters.tensors.iter().map(|t| t.isfinite().flatten(1, -1).all_dim(1, false)).collect();
    let finite = Tensor::stack(&finite, 0).all_dim(0, false).to_device(Device::Cpu); // [M]
    for (m, (member, terms)) in stack.members.iter_mut().zip(terms).enumerate() {
        if member.diverged.is_some() {
            continue;
        }
        let bad = terms.iter().find(|(_, value)| value.is_some_and(|v| !v.is_finite()));
        for (name, value) in terms {
            // JSON has no NaN: an epoch that was not finite is a hole in the curve.
            member.curves.entry(name.clone()).or_default().push(value.filter(|v| v.is_finite()));
        }
        if let Some((name, _)) = bad {
            member.diverged = Some((stack.epoch, format!("the {name} loss is not finite")));
        } else if finite.int64_value(&[m as i64]) == 0 {
            member.diverged = Some((stack.epoch, "a weight is not finite".into()));
        }
    }
}

/// Keeps the place of a member that has diverged, so that the others go on.
fn placeholder(components: usize, latent_dim: usize) -> FittedMixture {
    let shape = (components, latent_dim);
    let weights = vec![1.0 / components as f32; components];
    FittedMixture { weights, means: Array2::zeros(shape), variances: Array2::ones(shape) }
}

/// The staged routine: between its stages, the mixture fitted on the training images' embeddings becomes the prior.
fn fit_when_due(stack: &mut Stack, data: &TrainingData, fit: &MixtureFit) -> Result<(), TrainError> {
    let config = &stack.members[0].config;
    let (RoutineConfig::Staged { dml_epochs, .. }, PriorConfig::Mixture { components }) =
        (&config.routine, &config.prior)
    else {
        return Ok(());
    };
    if stack.epoch < *dml_epochs || stack.objective.prior.is_some() {
        return Ok(());
    }
    let prior = config.prior.clone();
    let (mut weights, mut means, mut variances) = (vec![], vec![], vec![]);
    for m in 0..stack.members.len() {
        let fitted = if stack.members[m].diverged.is_some() {
            placeholder(*components as usize, config.model.latent_dim as usize)
        } else {
            let embeddings = stack.embed_training(m, data);
            let seed = stack.members[m].config.seed;
            fit(embeddings.view(), *components as usize, seed).map_err(TrainError::Mixture)?
        };
        weights.push(Tensor::from_slice(&fitted.weights));
        means.push(from_array(fitted.means.view()));
        variances.push(from_array(fitted.variances.view()));
    }
    let stacked = |tensors: &[Tensor]| Tensor::stack(tensors, 0).to_device(stack.device);
    let fitted =
        Fitted { weights: stacked(&weights), means: stacked(&means), variances: stacked(&variances) };
    stack.objective.prior = Some(prior.build(Some(&fitted)).map_err(ConfigError::from)?);
    Ok(())
}
