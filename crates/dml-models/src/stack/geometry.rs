//! The distances of an epoch.

use dml_geometry::{Curves, Decoder};
use ndarray::{ArrayView2, Axis};
use rand::seq::index::sample;
use tch::{Kind, Tensor, no_grad_guard};

use super::Stack;
use crate::convert::{from_array, unit_range};
use crate::distance::Geometry;
use crate::training_data::TrainingData;

/// Lines that are decoded at once.
const AT_ONCE: usize = 2000;
/// Segments of a line that is decoded for a read-out.
const SEGMENTS: i64 = 8;

impl Stack {
    /// Decoded lengths of the straight lines of eight segments between latent points
    /// `[n, latent_dim]` and others, one by one: `[n]`; `None` without a decoder.
    ///
    /// # Panics
    /// On points of another number or dimension.
    pub fn decoded_lengths(
        &self,
        member: usize,
        from: ArrayView2<f32>,
        to: ArrayView2<f32>,
    ) -> Option<Vec<f64>> {
        let _guard = no_grad_guard();
        if !self.members[member].config.model.system.has_decoder() {
            return None;
        }
        let latent = self.members[member].config.model.latent_dim as usize;
        assert!(
            from.dim() == to.dim() && from.ncols() == latent,
            "as many points of {latent} dimensions each"
        );
        let parameters = self.of_member(member);
        let decoder = Decoder::new(|z| self.model.decode(&parameters, z).expect("a decoder"));
        let block = |(from, to): (ArrayView2<f32>, ArrayView2<f32>)| {
            let ends = [from_array(from), from_array(to)];
            let [from, to] = ends.map(|points| points.to_device(self.device).unsqueeze(0));
            let lengths = Curves::straight(&from, &to, SEGMENTS).length(&decoder);
            Vec::<f64>::try_from(lengths.squeeze_dim(0).to_kind(Kind::Double)).expect("a flat tensor")
        };
        let blocks = from.axis_chunks_iter(Axis(0), AT_ONCE).zip(to.axis_chunks_iter(Axis(0), AT_ONCE));
        Some(blocks.flat_map(block).collect())
    }

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
