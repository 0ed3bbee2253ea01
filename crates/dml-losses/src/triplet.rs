//! Triplet loss.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::masked::mean_where;
use crate::pairs::{PairLoss, Pairs};

/// Triplet loss: an anchor a shall be nearer to a positive p (its class) than to a negative n (another class), by a margin.
///
/// max(0, D(a, p) - D(a, n) + margin); Schroff, Kalenichenko and Philbin 2015, "`FaceNet`", section 3.1.
/// The mean is over the *active* triplets, those with a value above zero, among the mined ones (Hermans, Beyer and Leibe 2017, "In defense of
/// the triplet loss", the "non-zero" mean; the default of pytorch-metric-learning).
#[derive(Debug)]
pub struct Triplet {
    pub(crate) margin: f64,
    pub(crate) mining: Mining,
    pub(crate) distance: Distance,
    pub(crate) normalized: bool,
}

/// Which triplets of a batch count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mining {
    /// Every triplet ("batch all"; Hermans 2017, `L_BA`).
    All,
    /// Every triplet with D(a, p) < D(a, n) < D(a, p) + margin (Schroff 2015, section 3.2).
    ///
    /// The paper leaves open which of these negatives an anchor and its positive get; we take them all, as pytorch-metric-learning's
    /// `semihard` miner does. (`TensorFlow` takes the nearest, and the farthest of the others where there is none.)
    SemiHard,
    /// For each anchor its farthest positive and its nearest negative ("batch hard"; Hermans 2017, `L_BH`).
    Hard,
}

/// How far apart two embeddings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// The length of the difference.
    Euclidean,
    /// The square of that.
    SquaredEuclidean,
}

impl PairLoss for Triplet {
    fn of_pairs(&self, pairs: &Pairs) -> Tensor {
        let distances = match self.distance {
            Distance::Euclidean => pairs.distances(self.normalized),
            Distance::SquaredEuclidean => pairs.distances(self.normalized).square(),
        };
        // What is no pair is infinitely easy, so that no mask over triplets is needed.
        let to_positive = distances.masked_fill(&pairs.positive.logical_not(), f64::NEG_INFINITY);
        let to_negative = distances.masked_fill(&pairs.negative.logical_not(), f64::INFINITY);
        let violation = match self.mining {
            Mining::Hard => to_positive.amax(-1, true) - to_negative.amin(-1, true), // [..., batch, 1]
            Mining::All | Mining::SemiHard => {
                // [..., batch, candidates (positive) * candidates (negative)]
                (to_positive.unsqueeze(-1) - to_negative.unsqueeze(-2)).flatten(-2, -1)
            }
        };
        let value = (&violation + self.margin).relu();
        let active = match self.mining {
            Mining::SemiHard => value.gt(0).logical_and(&violation.lt(0)),
            Mining::All | Mining::Hard => value.gt(0),
        };
        mean_where(&value, &active, &[-2, -1])
    }
}
