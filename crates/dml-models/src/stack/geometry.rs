//! The distances of a part of an epoch.

use rand::seq::index::sample;
use tch::{Tensor, no_grad_guard};

use super::Stack;
use crate::convert::unit_range;
use crate::distance::Geometry;
use crate::training_data::TrainingData;

impl Stack {
    /// What the metric loss takes for distances in an epoch; `None` for those of the latent space.
    pub(crate) fn geometry(&self, data: &TrainingData, epoch: u32) -> Option<Geometry> {
        let config = self.members[0].config.distance.pull_back()?;
        let _guard = no_grad_guard();
        let nodes = config.needs_nodes().then(|| self.embed_some(data, config.nodes, epoch));
        Some(Geometry::new(config, (&self.model, &self.parameters.tensors), nodes.as_ref()))
    }

    /// Embeddings of training images, each member's own draw of the epoch: `[M, n, latent_dim]`.
    fn embed_some(&self, data: &TrainingData, n: i64, epoch: u32) -> Tensor {
        let members = 0..self.members.len();
        let rows: Vec<i64> = members.flat_map(|member| self.nodes(member, data, n, epoch)).collect();
        let images = self.images_of(data, &rows).unflatten(0, [self.members.len() as i64, -1]);
        self.model.encode(&self.parameters.tensors, &images).centre().shallow_clone()
    }

    /// The training images whose embeddings are a member's nodes in an epoch, `n` of them where
    /// there are so many.
    pub(super) fn nodes(&self, member: usize, data: &TrainingData, n: i64, epoch: u32) -> Vec<i64> {
        // At least two; where there is only one image, it twice.
        let n = (n as usize).min(data.len()).max(2);
        let mut random =
            dml_data::random::keyed(self.members[member].config.seed, "distance/nodes", u64::from(epoch));
        let drawn = sample(&mut random, data.len(), n.min(data.len())).into_vec();
        drawn.into_iter().cycle().take(n).map(|row| row as i64).collect()
    }

    /// Training images by their numbers: `[n, pixels]` in [0, 1], on the device.
    pub(super) fn images_of(&self, data: &TrainingData, rows: &[i64]) -> Tensor {
        let rows = Tensor::from_slice(rows).to_device(data.images.device());
        unit_range(&data.images.index_select(0, &rows)).to_device(self.device)
    }
}
