//! The pairs of a batch: what every loss that compares rows with rows is made of.

mod distances;

use tch::{Kind, Tensor};

use crate::error::Checks;
use crate::loss::{Batch, Distances, Loss};
use crate::masked::{dot_products, labelled_only, normalized};

pub(crate) use distances::DistanceLoss;

/// Anchors, the candidates they are compared with, and which of these are of the same class.
#[derive(Debug)]
pub(crate) struct Pairs {
    pub(crate) anchors: Tensor,    // [..., batch, dim]
    pub(crate) candidates: Tensor, // [..., candidates, dim]
    pub(crate) classes: Classes,
}

/// Which of the pairs are of the same class.
#[derive(Debug)]
pub(crate) struct Classes {
    pub(crate) labelled: Tensor, // [..., batch] bool
    pub(crate) positive: Tensor, // [..., batch, candidates] bool
    pub(crate) negative: Tensor, // [..., batch, candidates] bool
}

impl Pairs {
    /// Every row with every other row of its batch, and with every row in the memory if there is
    /// one.
    fn of_batch(&Batch { embeddings, labels, memory }: &Batch) -> Self {
        let rows = labelled_only(embeddings, labels);
        let Some(memory) = memory else {
            let classes = Classes::of_batch(labels);
            return Self { anchors: rows.shallow_clone(), candidates: rows, classes };
        };
        let earlier = labelled_only(&memory.embeddings.to_kind(rows.kind()), &memory.labels);
        let candidates = Tensor::cat(&[&rows, &earlier], -2);
        let classes = Classes::of(labels, &Tensor::cat(&[labels, &memory.labels], -1)).without_self();
        Self { anchors: rows, candidates, classes }
    }

    /// Euclidean distances `[..., batch, candidates]`, computed in f32 or f64, by differences (no
    /// cancellation); the gradient at zero is zero.
    fn distances(&self, kind: Kind, on_sphere: bool) -> Tensor {
        const BY_DIFFERENCES: i64 = 2;
        let (rows, columns) = (self.anchors.to_kind(kind), self.candidates.to_kind(kind));
        if on_sphere {
            Tensor::cdist(&normalized(&rows), &normalized(&columns), 2.0, BY_DIFFERENCES)
        } else {
            Tensor::cdist(&rows, &columns, 2.0, BY_DIFFERENCES)
        }
    }

    /// Cosine similarities `[..., batch, candidates]`.
    pub(crate) fn cosines(&self) -> Tensor {
        dot_products(&normalized(&self.anchors), &normalized(&self.candidates))
    }
}

impl Classes {
    /// Every row of a batch with every other.
    pub(crate) fn of_batch(labels: &Tensor) -> Self {
        Self::of(labels, labels).without_self()
    }

    /// Every anchor with every candidate.
    pub(crate) fn of(labels: &Tensor, candidate_labels: &Tensor) -> Self {
        let (rows, columns) = (labels.unsqueeze(-1), candidate_labels.unsqueeze(-2));
        let same = rows.eq_tensor(&columns); // [..., batch, candidates]
        let known = rows.ge(0).logical_and(&columns.ge(0));
        Self {
            labelled: labels.ge(0),
            positive: known.logical_and(&same),
            negative: known.logical_and(&same.logical_not()),
        }
    }

    /// Candidate i is anchor i: not a pair.
    fn without_self(self) -> Self {
        let size = self.positive.size();
        let [.., batch, candidates] = size[..] else { unreachable!("pairs have two dimensions at least") };
        let itself = Tensor::eye_m(batch, candidates, (Kind::Bool, self.positive.device()));
        Self { positive: self.positive.logical_and(&itself.logical_not()), ..self }
    }
}

/// A loss that is a function of the pairs of a batch alone.
pub(crate) trait PairLoss {
    /// What became of the check of each setting; see [`crate::LossConfig::mistakes`].
    fn checks(&self) -> Checks;

    /// The loss `[...]`.
    fn of_pairs(&self, pairs: &Pairs) -> Tensor;

    /// See [`crate::LossConfig::of_distances`].
    fn of_distances(&self, _distances: &Tensor, _labels: &Tensor) -> Option<Tensor> {
        None
    }

    /// As in [`Loss`].
    fn distances(&self) -> Distances {
        Distances::Unused
    }
}

impl<P: PairLoss> Loss for P {
    fn checks(&self) -> Checks {
        PairLoss::checks(self)
    }

    /// For a batch of no rows zero with a graph, as `LibTorch` takes no extremum over nothing.
    fn value(&self, _parameters: &[Tensor], batch: &Batch) -> Tensor {
        let pairs = Pairs::of_batch(batch);
        if pairs.classes.labelled.size().last() == Some(&0) {
            return pairs.anchors.sum_dim_intlist([-2i64, -1].as_slice(), false, None);
        }
        self.of_pairs(&pairs)
    }

    fn of_distances(&self, distances: &Tensor, labels: &Tensor) -> Option<Tensor> {
        PairLoss::of_distances(self, distances, labels)
    }

    fn distances(&self) -> Distances {
        PairLoss::distances(self)
    }
}
