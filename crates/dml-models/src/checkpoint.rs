//! A member's state, written and put back: enough to go on exactly where it was.

mod on_disk;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use dml_priors::{Density, Gaussian};
use tch::{Tensor, no_grad_guard};

use crate::stack::{Member, Stack};

use on_disk::{Checkpoint, FORMAT, fail, read_tensors, write_tensors};

/// Writes the weights of one member, under their dotted names, as safetensors.
///
/// # Errors
/// When the file cannot be written.
pub fn save_weights(stack: &Stack, member: usize, path: &Path) -> io::Result<()> {
    let _guard = no_grad_guard();
    let mut tensors: Vec<(String, Tensor)> = stack
        .parameters
        .names
        .iter()
        .cloned()
        .zip(stack.of_member(member).iter().map(|t| t.squeeze_dim(0)))
        .collect();
    tensors.extend(fitted_prior(stack, member));
    write_tensors(path, &tensors)
}

/// Reads weights that [`save_weights`] wrote into a stack of one.
///
/// # Errors
/// When the file cannot be read or does not hold exactly the weights of this model, which is then
/// half-loaded: build it again.
///
/// # Panics
/// When the stack has more than one member.
pub fn load_weights(stack: &mut Stack, path: &Path) -> io::Result<()> {
    let members = stack.members.len();
    assert!(members == 1, "weights are loaded into a stack of one, this one has {members} members");
    let mut tensors = read_tensors(path)?;
    let _guard = no_grad_guard();
    for (name, parameter) in stack.parameters.names.iter().zip(&mut stack.parameters.tensors) {
        copy(path, &mut tensors, name, parameter)?;
    }
    take_prior(stack, 0, &mut tensors);
    nothing_left(path, &tensors)
}

fn nothing_left(path: &Path, tensors: &BTreeMap<String, Tensor>) -> io::Result<()> {
    match tensors.keys().next() {
        None => Ok(()),
        Some(name) => Err(fail(path, format!("has {name}, which this model has not"))),
    }
}

fn copy(
    path: &Path,
    tensors: &mut BTreeMap<String, Tensor>,
    name: &str,
    parameter: &mut Tensor,
) -> io::Result<()> {
    let saved = tensors.remove(name).ok_or_else(|| fail(path, format!("has no tensor {name}")))?;
    let wanted = &parameter.size()[1..];
    if saved.size() != wanted {
        return Err(fail(path, format!("{name} has shape {:?}, the model wants {wanted:?}", saved.size())));
    }
    parameter.copy_(&saved.unsqueeze(0));
    Ok(())
}

/// The mixture of the staged routine, which is neither config nor weight.
fn fitted_prior(stack: &Stack, member: usize) -> Vec<(String, Tensor)> {
    let Some(Density::Mixture { log_weights: Some(log_weights), components }) = &stack.objective.mixture
    else {
        return vec![];
    };
    let parts = [("log_weights", log_weights), ("mean", &components.mean), ("logvar", &components.logvar)];
    parts.map(|(name, t)| (format!("prior.{name}"), t.get(member as i64))).into()
}

/// Puts a member's fitted mixture, if it is there, in its place among those of its stack.
fn take_prior(stack: &mut Stack, member: usize, tensors: &mut BTreeMap<String, Tensor>) {
    let config = &stack.members[member].config;
    let names = ["prior.log_weights", "prior.mean", "prior.logvar"];
    let is_fitted =
        config.model.system.has_posterior() && config.prior.settings().fitted_components().is_some();
    if !is_fitted || !names.iter().all(|name| tensors.contains_key(*name)) {
        return;
    }
    let [weights, mean, logvar] = names.map(|name| tensors.remove(name).expect("it is there"));
    let members = stack.members.len() as i64;
    let room = |t: &Tensor| {
        t.to_device(stack.device).unsqueeze(0).repeat([&[members][..], &vec![1; t.dim()]].concat())
    };
    let mixture = stack.objective.mixture.get_or_insert_with(|| Density::Mixture {
        log_weights: Some(room(&weights)),
        components: Gaussian { mean: room(&mean), logvar: room(&logvar) },
    });
    if let Density::Mixture { log_weights: Some(log_weights), components } = mixture {
        for (all, own) in
            [(log_weights, weights), (&mut components.mean, mean), (&mut components.logvar, logvar)]
        {
            all.get(member as i64).copy_(&own);
        }
    }
}

const PSEUDO_LABELS: [&str; 2] = ["pseudo_labels/rows", "pseudo_labels/classes"];

/// The labels that a member goes on with until the next round.
fn pseudo_labels(member: &Member) -> Vec<(String, Tensor)> {
    if member.config.pseudo_labels.rounds().is_none() {
        return vec![];
    }
    let (rows, classes): (Vec<i64>, Vec<i64>) =
        member.labelled.guesses().map(|(row, class)| (row as i64, i64::from(class))).unzip();
    PSEUDO_LABELS
        .iter()
        .zip([rows, classes])
        .map(|(name, t)| ((*name).into(), Tensor::from_slice(&t)))
        .collect()
}

fn take_pseudo_labels(member: &mut Member, tensors: &mut BTreeMap<String, Tensor>) {
    let taken = PSEUDO_LABELS.map(|name| tensors.remove(name).map(Vec::<i64>::try_from));
    if let [Some(Ok(rows)), Some(Ok(classes))] = taken {
        let guessed = rows.into_iter().zip(classes).map(|(row, class)| (row as usize, class as i32));
        member.labelled.guess(guessed.collect());
    }
}

impl Stack {
    /// Writes a checkpoint of one member into its directory, in place of older ones. Of a stack of
    /// several that one stays which this stack was put at or wrote before, so that a process that
    /// dies between two members leaves an epoch that all have.
    ///
    /// # Errors
    /// When it cannot be written; the older one is then still whole.
    pub fn save_checkpoint(&mut self, member: usize, folder: &Path) -> io::Result<()> {
        let _guard = no_grad_guard();
        let own = |t: &Tensor| t.get(member as i64);
        let mut tensors = fitted_prior(self, member);
        for (i, name) in self.parameters.names.iter().enumerate() {
            tensors.push((format!("weight/{name}"), own(&self.parameters.tensors[i])));
            tensors.push((format!("first/{name}"), own(&self.adam.first[i])));
            tensors.push((format!("second/{name}"), own(&self.adam.second[i])));
        }
        if let Some(memory) = &self.memory {
            tensors.push(("memory/embeddings".into(), own(&memory.embeddings)));
            tensors.push(("memory/labels".into(), own(&memory.labels)));
        }
        tensors.extend(pseudo_labels(&self.members[member]));
        let (tensors, sha256) = on_disk::write_tensors_of(folder, self.epoch, &tensors)?;
        let steps = self.adam.steps.iter().map(|of_members| of_members[member]);
        let checkpoint = Checkpoint {
            format: FORMAT,
            epoch: self.epoch,
            tensors,
            sha256,
            adam_steps: self.parameters.names.iter().cloned().zip(steps).collect(),
            memory_next: self.memory.as_ref().map_or(0, |m| m.next),
            diverged: self.members[member].diverged.clone(),
            curves: self.members[member].curves.clone(),
            seconds: self.seconds(member),
            threads: u16::try_from(tch::get_num_threads()).ok(),
        };
        let kept = self.members[member].checkpoint.filter(|_| self.members.len() > 1);
        checkpoint.write(folder, kept)?;
        self.members[member].checkpoint = Some(self.epoch);
        Ok(())
    }

    /// The epochs of the checkpoints in a directory, the latest first: none, one, or of a stack of
    /// several two.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub fn checkpoint_epochs(folder: &Path) -> io::Result<Vec<u32>> {
        Ok(Checkpoint::read_all(folder)?.iter().map(|(_, checkpoint)| checkpoint.epoch).collect())
    }

    /// Puts a member where its checkpoint of an epoch was. All members of a stack must come to the
    /// same epoch: the stack takes that of the last one loaded.
    ///
    /// Gives LibTorch's number of threads when the checkpoint was written, where it is known: the
    /// training goes on to the same bytes only with that number, by which LibTorch splits sums.
    ///
    /// # Errors
    /// When there is no such checkpoint, or it is damaged or of another model. The member is then
    /// half-loaded: build the stack again.
    pub fn load_checkpoint(&mut self, member: usize, folder: &Path, epoch: u32) -> io::Result<Option<u16>> {
        let (checkpoint, path) = Checkpoint::read(folder, epoch)?;
        let mut tensors = read_tensors(&path)?;
        let _guard = no_grad_guard();
        let at = member as i64;
        for (i, name) in self.parameters.names.iter().enumerate() {
            let places = [
                ("weight", &mut self.parameters.tensors[i]),
                ("first", &mut self.adam.first[i]),
                ("second", &mut self.adam.second[i]),
            ];
            for (kind, tensor) in places {
                copy(&path, &mut tensors, &format!("{kind}/{name}"), &mut tensor.narrow(0, at, 1))?;
            }
            let steps = checkpoint.adam_steps.get(name).copied();
            self.adam.steps[i][member] = steps.ok_or_else(|| fail(&path, format!("no steps of {name}")))?;
        }
        if let Some(memory) = &mut self.memory {
            copy(&path, &mut tensors, "memory/embeddings", &mut memory.embeddings.narrow(0, at, 1))?;
            copy(&path, &mut tensors, "memory/labels", &mut memory.labels.narrow(0, at, 1))?;
            memory.next = checkpoint.memory_next;
        }
        take_prior(self, member, &mut tensors);
        take_pseudo_labels(&mut self.members[member], &mut tensors);
        nothing_left(&path, &tensors)?;
        // A checkpoint is of the moment before a round of guessing, if one is due.
        self.pseudo_labelled = false;
        self.members[member].diverged = checkpoint.diverged;
        self.members[member].curves = checkpoint.curves;
        self.members[member].seconds_before = checkpoint.seconds;
        self.members[member].checkpoint = Some(checkpoint.epoch);
        self.epoch = checkpoint.epoch;
        Ok(checkpoint.threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrainConfig;
    use crate::made;

    #[test]
    fn two_kills_between_the_checkpoints_of_two_members_leave_an_epoch_that_both_have() {
        let data = made::data();
        let configs = [0, 1].map(|seed| TrainConfig { seed, ..made::trial() });
        let fresh = || made::stack(configs.to_vec());
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let epochs = || folders.each_ref().map(|folder| Stack::checkpoint_epochs(folder.path()).unwrap());
        let mut first = fresh();
        first.train_epoch(&data).unwrap();
        for (member, folder) in folders.iter().enumerate() {
            first.save_checkpoint(member, folder.path()).unwrap();
        }
        first.train_epoch(&data).unwrap();
        first.save_checkpoint(0, folders[0].path()).unwrap();
        assert_eq!(epochs(), [vec![2, 1], vec![1]], "killed before the second member's");
        let mut second = fresh();
        for (member, folder) in folders.iter().enumerate() {
            second.load_checkpoint(member, folder.path(), 1).unwrap();
        }
        for _ in 0..2 {
            second.train_epoch(&data).unwrap();
        }
        second.save_checkpoint(0, folders[0].path()).unwrap();
        assert_eq!(epochs(), [vec![3, 1], vec![1]], "killed again");
    }
}
