//! Losses of distances, wherever these come from.

use tch::{Kind, Tensor};

use super::{Classes, PairLoss, Pairs};
use crate::error::Checks;
use crate::loss::Distances;

/// A loss that looks at nothing but how far rows are apart.
pub(crate) trait DistanceLoss {
    /// What became of the check of each setting; see [`crate::LossConfig::mistakes`].
    fn checks(&self) -> Checks;

    /// Whether embeddings are first scaled to length 1, which no other distances can be.
    fn normalized(&self) -> bool {
        false
    }

    /// See [`crate::LossConfig::is_of_bounds`].
    fn is_of_bounds(&self) -> bool {
        false
    }

    /// What it is computed in, for embeddings of a kind.
    fn kind(&self, own: Kind) -> Kind {
        own
    }

    /// The loss `[...]` of distances `[..., batch, candidates]`.
    fn of_distances(&self, distances: &Tensor, classes: &Classes) -> Tensor;
}

impl<D: DistanceLoss> PairLoss for D {
    fn checks(&self) -> Checks {
        DistanceLoss::checks(self)
    }

    fn of_pairs(&self, pairs: &Pairs) -> Tensor {
        let own = pairs.anchors.kind();
        let distances = pairs.distances(self.kind(own), self.normalized());
        DistanceLoss::of_distances(self, &distances, &pairs.classes).to_kind(own)
    }

    fn distances(&self) -> Distances {
        match (self.normalized(), self.is_of_bounds()) {
            (true, _) => Distances::Unused,
            (false, false) => Distances::Exact,
            (false, true) => Distances::Bounds,
        }
    }

    fn of_distances(&self, distances: &Tensor, labels: &Tensor) -> Option<Tensor> {
        if self.normalized() {
            return None;
        }
        let (matrix, labelled) = (distances.size(), labels.size());
        assert!(
            matches!(&matrix[..], [batch @ .., n] if !batch.is_empty() && batch == labelled && batch.last() == Some(n)),
            "distances are [..., batch, batch] and labels [..., batch], but these are {matrix:?} and {labelled:?}"
        );
        let (own, classes) = (distances.kind(), Classes::of_batch(labels));
        // What is no pair is blanked out: its values cannot matter and its gradient is zero.
        let pair = classes.positive.logical_or(&classes.negative);
        let distances = distances.masked_fill(&pair.logical_not(), 0.0);
        if labelled.last() == Some(&0) {
            return Some(distances.sum_dim_intlist([-2i64, -1].as_slice(), false, None));
        }
        let value = DistanceLoss::of_distances(self, &distances.to_kind(self.kind(own)), &classes);
        Some(value.to_kind(own))
    }
}
