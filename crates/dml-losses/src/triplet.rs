//! Triplet loss.

mod active;

use active::Active;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Checks, positive};
use crate::masked::mean_where;
use crate::pairs::{Classes, DistanceLoss};

/// Triplet loss: an anchor a shall be nearer to a positive p (its class) than to a negative n
/// (another class), by a margin.
///
/// max(0, D(a, p) - D(a, n) + margin); Schroff, Kalenichenko and Philbin 2015, "`FaceNet`", section
/// 3.1.
///
/// The mean is over the *active* triplets, those with a value above zero, among the mined ones
/// (Hermans, Beyer and Leibe 2017, "In defense of the triplet loss", the "non-zero" mean; the
/// default of pytorch-metric-learning). So it need not fall during training: easy triplets drop out
/// of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triplet {
    /// Above 0, in the units of the distance; 0.2 in the paper, between squared distances.
    pub margin: f64,
    /// Which triplets count.
    pub mining: Mining,
    /// How far apart two embeddings are.
    pub distance: Distance,
    /// Whether embeddings are first scaled to length 1.
    pub normalized: bool,
}

impl Default for Triplet {
    /// As in the paper: squared distances between embeddings of length 1, and semi-hard negatives.
    fn default() -> Self {
        Self { margin: 0.2, mining: Mining::SemiHard, distance: Distance::SquaredEuclidean, normalized: true }
    }
}

/// Which triplets of a batch count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mining {
    /// Every triplet ("batch all"; Hermans 2017, `L_BA`).
    All,
    /// Every triplet with D(a, p) < D(a, n) < D(a, p) + margin (Schroff 2015, section 3.2).
    ///
    /// The paper leaves open which of these negatives an anchor and its positive get; we take them
    /// all, as pytorch-metric-learning's `semihard` miner does. (`TensorFlow` takes the nearest,
    /// and the farthest of the others where there is none.)
    ///
    /// Computed in f64 also for embeddings in f32, where rounding would move triplets in and out.
    SemiHard,
    /// For each anchor its farthest positive and its nearest negative ("batch hard"; Hermans 2017,
    /// `L_BH`).
    Hard,
}

/// How far apart two rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Distance {
    /// The length of the difference; of other distances, these themselves.
    Euclidean,
    /// The square of that.
    SquaredEuclidean,
}

impl DistanceLoss for Triplet {
    fn checks(&self) -> Checks {
        vec![positive("triplet", "margin", self.margin)]
    }

    fn normalized(&self) -> bool {
        self.normalized
    }

    fn is_of_bounds(&self) -> bool {
        // The square of a distance of 0 has no derivative, whatever it changes.
        self.mining == Mining::All && self.distance == Distance::Euclidean
    }

    fn kind(&self, own: Kind) -> Kind {
        // Small differences of distances say which triplets are semi-hard, and are all that they
        // add up to.
        if self.mining == Mining::SemiHard { Kind::Double } else { own }
    }

    fn of_distances(&self, distances: &Tensor, classes: &Classes) -> Tensor {
        let distances = match self.distance {
            Distance::Euclidean => distances.shallow_clone(),
            Distance::SquaredEuclidean => distances.square(),
        };
        match self.mining {
            Mining::Hard => self.batch_hard(&distances, classes),
            Mining::All | Mining::SemiHard => self.every_active(&distances, classes),
        }
    }
}

impl Triplet {
    fn batch_hard(&self, distances: &Tensor, classes: &Classes) -> Tensor {
        let violation = to_positives(distances, classes).amax(-1, false)
            - to_negatives(distances, classes).amin(-1, false);
        let value = (violation + self.margin).relu(); // [..., batch]
        mean_where(&value, &value.gt(0), &[-1])
    }

    /// The mean over all active triplets, which are counted and not listed: `[batch, candidates]`
    /// in place of its square.
    ///
    /// The sum of D(a, p) + margin - D(a, n) over the active triplets takes each D(a, p) + margin
    /// once for each active negative of (a, p), and each D(a, n) once for each active positive of
    /// (a, n).
    fn every_active(&self, distances: &Tensor, classes: &Classes) -> Tensor {
        let Active { counts, number } = Active::of(&distances.detach(), classes, self);
        let margins = classes.positive.to_kind(distances.kind()) * self.margin;
        total(&((distances + margins) * counts)) / number.clamp_min(1)
    }
}

/// Distances to positives, and minus infinity elsewhere.
fn to_positives(distances: &Tensor, classes: &Classes) -> Tensor {
    distances.masked_fill(&classes.positive.logical_not(), f64::NEG_INFINITY)
}

/// Distances to negatives, and infinity elsewhere.
fn to_negatives(distances: &Tensor, classes: &Classes) -> Tensor {
    distances.masked_fill(&classes.negative.logical_not(), f64::INFINITY)
}

fn total(matrix: &Tensor) -> Tensor {
    matrix.sum_dim_intlist([-2i64, -1].as_slice(), false, None)
}
