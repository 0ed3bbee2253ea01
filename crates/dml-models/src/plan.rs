//! The steps of an epoch: which rows, which labels and which weights each of them has.

use tch::{Device, Tensor};

use crate::batches::{Rows, shuffled};
use crate::distance::Geometry;
use crate::routine::{Factors, factors};
use crate::stack::{Member, Stack};
use crate::training_data::TrainingData;

/// How often distances along the decoder are renewed in an epoch.
const RENEWALS: usize = 8;

/// An epoch, planned on the host and laid out on the device.
pub(crate) struct Plan {
    /// Counted from 1.
    pub(crate) epoch: u32,
    /// `[step][member]`
    pub(crate) factors: Vec<Vec<Factors>>,
    /// The same on the device, `[2, steps, M]`: weights of the metric and of the unsupervised loss.
    /// No step then copies them there, which would wait for the device.
    pub(crate) weights: Tensor,
    /// The distances of the metric loss, where they are not those of the latent space.
    pub(crate) geometry: Option<Geometry>,
    /// `[M, n]`: rows of the unlabelled draw.
    unlabelled: Option<Tensor>,
    batch_size: i64,
    /// `[steps, M, b]`: rows of the labelled draw, and labels with -1 for padding.
    labelled: Option<(Tensor, Tensor)>,
    /// `[step]`: rows of its largest labelled batch; the others, and all beyond it, are padded.
    widths: Vec<i64>,
}

impl Plan {
    pub(crate) fn new(stack: &Stack, data: &TrainingData, epoch: u32) -> Self {
        let (n_members, n) = (stack.members.len(), data.len());
        let sampling = &stack.members[0].config.sampling;
        let steps_of_all = n.div_ceil(sampling.batch_size);
        let of_step = |step| {
            let of_member = |m: &Member| {
                let share = m.labelled.len() as f64 / n as f64;
                factors(&m.config.routine, m.config.terms(), (epoch, step), share)
            };
            stack.members.iter().map(of_member).collect()
        };
        let mut factors: Vec<Vec<Factors>> = (0..steps_of_all).map(of_step).collect();
        let asks = |ask: fn(&Factors) -> f64| factors.iter().flatten().any(|f| ask(f) != 0.0);
        let (supervised, unsupervised) = (asks(|f| f.supervised), asks(|f| f.unsupervised));
        let batches_of = |m: &Member| m.labelled.epoch(epoch, sampling.labelled_epoch, steps_of_all);
        let labelled: Vec<Vec<Rows>> = if supervised {
            stack.members.iter().map(batches_of).collect()
        } else {
            vec![Vec::new(); n_members]
        };
        let batches = hand_out(labelled, &mut factors);
        if !unsupervised {
            let last = factors.iter().rposition(|of_step| of_step.iter().any(|f| f.supervised != 0.0));
            factors.truncate(last.map_or(0, |last| last + 1));
        }
        let members = &stack.members;
        let width = |step: usize| batches.iter().map(|of_member| of_member[step].len()).max();
        let widths: Vec<i64> = (0..factors.len()).map(|step| width(step).unwrap_or(0) as i64).collect();
        let unlabelled = unsupervised.then(|| {
            let rows = stack.members.iter().flat_map(|m| shuffled(m.config.seed, n, epoch));
            let rows: Vec<i64> = rows.map(|row| row as i64).collect();
            Tensor::from_slice(&rows).reshape([n_members as i64, n as i64]).to_device(stack.device)
        });
        Self {
            epoch,
            weights: weights(&factors, n_members).to_device(stack.device),
            geometry: supervised.then(|| stack.geometry(data, epoch)).flatten(),
            unlabelled,
            batch_size: sampling.batch_size as i64,
            labelled: supervised.then(|| lay_out(&batches, factors.len(), members, stack.device)),
            widths,
            factors,
        }
    }

    /// Looks again, eight times on the way over all images, at where the embeddings are and what
    /// the decoder makes of them: in the first epoch above all, both go a long way.
    pub(crate) fn renew_geometry(&mut self, stack: &Stack, data: &TrainingData, step: usize) {
        // Of other members' labels it must not depend.
        let every = data.len().div_ceil(self.batch_size as usize).div_ceil(RENEWALS);
        let is_due = step > 0 && step.is_multiple_of(every);
        let is_asked = || self.factors[step..].iter().flatten().any(|f| f.supervised != 0.0);
        if self.geometry.is_some() && is_due && is_asked() {
            self.geometry = stack.geometry(data, self.epoch);
        }
    }

    /// The rows of a step's unlabelled batch, `[M, b]`.
    pub(crate) fn unlabelled_rows(&self, step: usize) -> Tensor {
        let rows = self.unlabelled.as_ref().expect("the factors ask for unlabelled rows");
        let start = step as i64 * self.batch_size;
        rows.narrow(1, start, self.batch_size.min(rows.size()[1] - start))
    }

    /// The rows and labels of a step's labelled batch, `[M, b]`; as wide as the largest of the
    /// epoch, or of this step.
    pub(crate) fn labelled_rows(&self, step: usize, without_padding: bool) -> (Tensor, Tensor) {
        let (rows, labels) = self.labelled.as_ref().expect("the factors ask for labelled rows");
        let width = if without_padding { self.widths[step] } else { rows.size()[2] };
        let of_step = |t: &Tensor| t.get(step as i64).narrow(1, 0, width);
        (of_step(rows), of_step(labels))
    }
}

/// Gives each step that asks for labelled rows its member's next batch, `[member][step]`; once a
/// member's batches are over, its steps do without the metric loss.
fn hand_out(labelled: Vec<Vec<Rows>>, factors: &mut [Vec<Factors>]) -> Vec<Vec<Rows>> {
    let of_member = |(m, batches): (usize, Vec<Rows>)| {
        let mut batches = batches.into_iter();
        let mut of_step = |of_step: &mut Vec<Factors>| {
            if of_step[m].supervised == 0.0 {
                return Rows::new();
            }
            let batch = batches.next();
            if batch.is_none() {
                of_step[m].supervised = 0.0;
            }
            batch.unwrap_or_default()
        };
        factors.iter_mut().map(&mut of_step).collect()
    };
    labelled.into_iter().enumerate().map(of_member).collect()
}

/// The factors as `[2, steps, M]`.
fn weights(factors: &[Vec<Factors>], n_members: usize) -> Tensor {
    let of = |of: fn(&Factors) -> f64| factors.iter().flatten().map(move |f| of(f) as f32);
    let weights: Vec<f32> = of(|f| f.supervised).chain(of(|f| f.unsupervised)).collect();
    Tensor::from_slice(&weights).reshape([2, factors.len() as i64, n_members as i64])
}

/// Batches of all members as `[steps, M, b]` rows and labels, padded with unlabelled rows.
fn lay_out(batches: &[Vec<Rows>], steps: usize, members: &[Member], device: Device) -> (Tensor, Tensor) {
    let width = batches.iter().flatten().map(Vec::len).max().unwrap_or(0);
    let shape = [steps as i64, batches.len() as i64, width as i64];
    let n = steps * batches.len() * width;
    let (mut rows, mut labels) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for step in 0..steps {
        for (batches, member) in batches.iter().zip(members) {
            let batch = batches.get(step).map_or(&[][..], Vec::as_slice);
            for place in 0..width {
                let row = batch.get(place);
                rows.push(row.map_or(0, |&row| row as i64));
                labels.push(row.map_or(-1, |&row| member.labelled.label(row)));
            }
        }
    }
    let on_device = |values: &[i64]| Tensor::from_slice(values).reshape(shape).to_device(device);
    (on_device(&rows), on_device(&labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrainConfig;
    use crate::made::{self, data};
    use crate::routine::{RoutineConfig, Rule};

    /// A DML autoencoder with four labels.
    fn stack(routine: RoutineConfig) -> Stack {
        made::stack(vec![TrainConfig { routine, ..made::trial() }])
    }

    #[test]
    fn a_joint_loss_by_share_counts_images_with_a_true_or_a_guessed_label() {
        let (mut stack, data) = (stack(RoutineConfig::JointShare { gamma: 2.0 }), data());
        let weight = |stack: &Stack| Plan::new(stack, &data, 1).factors[0].first().map(|f| f.supervised);
        assert_eq!(weight(&stack), Some(2.0 * 4.0 / 128.0));
        // One of the rows has a true label already.
        stack.members[0].labelled.guess((3..32).map(|row| (row, 0)).collect());
        assert_eq!(weight(&stack), Some(2.0 * 32.0 / 128.0));
    }

    #[test]
    fn an_epoch_ends_before_its_last_step_where_its_routine_may_end_early() {
        let batches = |rule, alpha| RoutineConfig::AlternateBatches { rule, alpha };
        for routine in [
            batches(Rule::Mixed, 0.0),
            batches(Rule::Pure, 0.0),
            batches(Rule::Mixed, 0.5),
            batches(Rule::Pure, 1.0),
            RoutineConfig::AlternateEpochs { rule: Rule::Mixed, alpha: 0.0 },
            RoutineConfig::JointAlpha { alpha: 0.0 },
            RoutineConfig::JointGamma { gamma: 0.0 },
        ] {
            let steps = if routine.ends_early() { 15 } else { 16 };
            assert_eq!(Plan::new(&stack(routine.clone()), &data(), 1).factors.len(), steps, "{routine:?}");
        }
    }

    #[test]
    fn distances_along_the_decoder_are_renewed_on_the_way_over_all_images() {
        let along_a_graph = TrainConfig { distance: made::along_a_graph(), ..made::trial() };
        let (mut stack, data) = (made::stack(vec![along_a_graph]), data());
        let mut plan = Plan::new(&stack, &data, 1);
        let nodes = |plan: &Plan| plan.geometry.as_ref().unwrap().graph.as_ref().unwrap().nodes.copy();
        let mut renewed = Vec::new();
        for step in 0..16 {
            for weights in &mut stack.parameters.tensors {
                let _ = weights.g_add_scalar_(0.01);
            }
            let before = nodes(&plan);
            plan.renew_geometry(&stack, &data, step);
            if !nodes(&plan).equal(&before) {
                renewed.push(step);
            }
        }
        assert_eq!(renewed, [2, 4, 6, 8, 10, 12, 14], "the first look is the plan's own");
    }
}
