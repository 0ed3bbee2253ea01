//! The training loop's body: one epoch.

use std::collections::BTreeMap;

use tch::{Tensor, no_grad_guard};

use crate::adam::TrainingConfig;
use crate::convert::unit_range;
use crate::curves::{Sums, record};
use crate::error::ConfigError;
use crate::objective::{Comparison, Noise, Terms};
use crate::plan::Plan;
use crate::stack::Stack;
use crate::training_data::TrainingData;

/// What came out of an epoch.
#[derive(Debug)]
pub struct EpochLosses {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// For each member, the mean of each term over the steps that asked for it.
    pub terms: Vec<BTreeMap<String, Option<f64>>>,
}

impl Stack {
    /// Trains one more epoch: what came out of it, or `None` where there is nothing left to train,
    /// at the last epoch and where all members have diverged. Whether a member is any good stands
    /// in its [`diverged`](crate::Member::diverged).
    ///
    /// Between two epochs the stack is the caller's: to save, to score, to stop, and to set what
    /// the routine asks for. From now on denormal numbers are zero on this thread and those that it
    /// starts, see [`set_flush_denormal`](crate::set_flush_denormal); a pool of threads that is
    /// there before is not reached, so call that first.
    ///
    /// ```no_run
    /// # use dml_models::{ConfigError, Stack, TrainingData};
    /// # fn train(stack: &mut Stack, data: &TrainingData) -> Result<(), ConfigError> {
    /// while let Some(losses) = stack.train_epoch(data)? {
    ///     println!("epoch {}: {:?}", losses.epoch, losses.terms[0]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When `data` have other than the images, shape or classes that the stack was made for, and
    /// when a mixture is due ([`Stack::mixture_due`]) or labels are ([`Stack::pseudo_labels_due`]).
    pub fn train_epoch(&mut self, data: &TrainingData) -> Result<Option<EpochLosses>, ConfigError> {
        if data.extent() != self.made_for {
            let (made_for, given) = (&self.made_for, data.extent());
            return Err(ConfigError::conflict(format!(
                "a stack made for {made_for} cannot be trained on {given}"
            )));
        }
        let TrainingConfig { epochs, precision, .. } = self.members[0].config.training;
        if self.epoch >= epochs || self.members.iter().all(|m| m.diverged.is_some()) {
            return Ok(None);
        }
        precision.check(self.device)?;
        if let Some(components) = self.mixture_due() {
            return Err(ConfigError::conflict(format!(
                "a mixture of {components} components has to be fitted on the embeddings before the next epoch"
            )));
        }
        if self.pseudo_labels_due().is_some() {
            return Err(ConfigError::conflict("labels have to be guessed before the next epoch"));
        }
        crate::heap::keep_freed_memory();
        crate::set_flush_denormal(true);
        Ok(Some(self.one_epoch(data)))
    }

    fn one_epoch(&mut self, data: &TrainingData) -> EpochLosses {
        let epoch = self.epoch + 1;
        let mut plan = Plan::new(self, data, epoch);
        // Where a stage without a KL comes first, the warm-up starts after it.
        let since = epoch - self.members[0].config.routine.first_stage().unwrap_or(0).min(epoch);
        let betas: Vec<f32> = self.members.iter().map(|m| m.config.kl.weight(since) as f32).collect();
        let beta = Tensor::from_slice(&betas).to_device(self.device);
        let mut sums = Sums::new(&self.members, self.device);
        let training = &self.members[0].config.training;
        let (schedule, epochs) = (training.schedule, f64::from(training.epochs));
        let steps = plan.factors.len();
        for step in 0..steps {
            let part = (f64::from(self.epoch) + step as f64 / steps as f64) / epochs;
            self.adam.rate_factor = schedule.factor(part);
            plan.renew_geometry(self, data, step);
            self.one_step(data, &plan, step, &beta, &mut sums);
        }
        self.epoch = epoch;
        self.pseudo_labelled = false;
        let terms = sums.means();
        record(self, &terms);
        EpochLosses { epoch, terms }
    }

    fn one_step(&mut self, data: &TrainingData, plan: &Plan, step: usize, beta: &Tensor, sums: &mut Sums) {
        let factors = &plan.factors[step];
        let supervised: Vec<bool> = factors.iter().map(|f| f.supervised != 0.0).collect();
        let unsupervised: Vec<bool> = factors.iter().map(|f| f.unsupervised != 0.0).collect();
        let active: Vec<bool> = supervised.iter().zip(&unsupervised).map(|(s, u)| *s || *u).collect();
        if !active.contains(&true) {
            return;
        }
        let leaves = self.parameters.leaves();
        let at = (u64::from(plan.epoch) << 32) | step as u64;
        let unlabelled = unsupervised.contains(&true).then(|| {
            let rows = plan.unlabelled_rows(step);
            // [M, b], or [M, 2 b] for two views of each
            if self.objective.instance.weight > 0.0 { rows.repeat([1, 2]) } else { rows }
        });
        // Only a single model has a memory, whose places padding would take.
        let labelled = supervised.contains(&true).then(|| plan.labelled_rows(step, self.memory.is_some()));
        // Both go through the encoder as one batch: a product of twice the rows takes much less
        // than twice the time.
        let look = |rows: &Tensor, purpose| self.look(data, rows, (purpose, at));
        let of_unlabelled = unlabelled.iter().map(|rows| look(rows, "views/unlabelled"));
        let of_labelled = labelled.iter().map(|(rows, _)| look(rows, "views/labelled"));
        let parts: Vec<_> = of_unlabelled.chain(of_labelled).collect();
        let images = Tensor::cat(&parts, 1); // [M, b, pixels]
        let latent = self.model.encode(&leaves, &images);
        let width = |rows: &Tensor| rows.size()[1];
        let n_unlabelled = unlabelled.as_ref().map_or(0, width);
        let mut terms = Terms::default();
        if unlabelled.is_some() {
            let noise = noise(self, "noise/unlabelled", at, n_unlabelled);
            let own = (&latent.narrow(0, n_unlabelled), &images.narrow(1, 0, n_unlabelled));
            terms = self.objective.unsupervised(&self.model, &leaves, own, &noise, beta);
        }
        if let Some((rows, labels)) = &labelled {
            let noise = noise(self, "noise/labelled", at, width(rows));
            let own = (&latent.narrow(n_unlabelled, width(rows)), labels);
            let comparison = match (&plan.geometry, self.memory.as_mut()) {
                (Some(geometry), _) => Comparison::AlongDecoder(geometry, &self.model),
                (None, Some(memory)) => Comparison::Memory(memory),
                (None, None) => Comparison::Batch,
            };
            terms.supervised = Some(self.objective.supervised(&leaves, own, &noise, comparison));
        }
        let weights = plan.weights.select(1, step as i64); // [2, M]
        total(&terms, &weights).backward();
        // What the metric loss alone learns stays where it is for a member without a metric loss in
        // this step.
        let own = self.objective.loss_parameters.clone();
        let activity = |i: usize| if own.contains(&i) { supervised.as_slice() } else { active.as_slice() };
        self.adam.step(&mut self.parameters, &leaves, &activity);
        self.put_back_images();
        sums.add(&terms, [&supervised, &unsupervised], &weights);
    }

    /// Views of `[M, b]` rows, each member's from its own seed: `[M, b, pixels]` in [0, 1].
    fn look(&self, data: &TrainingData, rows: &Tensor, draw: (&'static str, u64)) -> Tensor {
        let first = &self.members[0].config;
        let seeds: Vec<u64> = self.members.iter().map(|m| m.config.seed).collect();
        first.views.apply(&gather(data, rows), self.model.shape, &seeds, draw)
    }

    /// What the prior learns are images: after a step they are put back into [0, 1].
    fn put_back_images(&mut self) {
        let _guard = no_grad_guard();
        for place in self.objective.prior_parameters.clone() {
            let _ = self.parameters.tensors[place].clamp_(0.0, 1.0);
        }
    }
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
        // [samples, M, rows, d]
        Noise(Tensor::stack(&members.collect::<Vec<_>>(), 1).to_device(device))
    }
}

/// The loss of a step, summed over the members: they share no parameter, so each gets its own
/// gradient.
fn total(terms: &Terms, weights: &Tensor) -> Tensor {
    let weigh = |term: &Option<Tensor>, row: i64| term.as_ref().map(|term| term.dot(&weights.get(row)));
    let (supervised, unsupervised) = (weigh(&terms.supervised, 0), weigh(&terms.unsupervised, 1));
    match (supervised, unsupervised) {
        (Some(s), Some(u)) => s + u,
        (Some(term), None) | (None, Some(term)) => term,
        (None, None) => unreachable!("a step without a term is not taken"),
    }
}
