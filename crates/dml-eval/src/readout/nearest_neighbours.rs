use ndarray::{ArrayView2, Axis};

use super::{Classifier, Fit};
use crate::error::{EvalError, check_positive};
use crate::label::Label;
use crate::neighbours::nearest;

/// Majority vote of the `k` nearest embeddings in Euclidean distance, each with one vote; ties go
/// to the smallest class (scikit-learn's `KNeighborsClassifier`). Fewer than `k` embeddings all
/// vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearestNeighbours {
    /// How many vote, at least 1.
    pub k: usize,
}

impl<L: Label> Classifier<L> for NearestNeighbours {
    fn predict(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<Vec<u32>, EvalError> {
        check_positive(self.k, "k")?;
        let neighbours = nearest(fit.embeddings, queries, self.k);
        let mut voters = Vec::with_capacity(neighbours.ncols());
        let winner = |ids: ndarray::ArrayView1<u32>| {
            voters.clear();
            voters.extend(ids.iter().map(|&id| fit.classes[id as usize]));
            majority(&mut voters)
        };
        Ok(neighbours.axis_iter(Axis(0)).map(winner).collect())
    }
}

/// The class that most have, the smallest of equally frequent ones.
pub(super) fn majority(voters: &mut [u32]) -> u32 {
    voters.sort_unstable();
    // The later of equal maxima wins, so the smallest class must come last.
    voters.chunk_by(|a, b| a == b).rev().max_by_key(|votes| votes.len()).map_or(0, |votes| votes[0])
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_tied_vote_goes_to_the_smallest_class() {
        let embeddings = array![[0.0_f32], [1.0], [2.0], [3.0]];
        let predicted =
            NearestNeighbours { k: 4 }.fit_predict(embeddings.view(), &[9_u8, 2, 9, 2], embeddings.view());
        assert_eq!(predicted.unwrap(), [2, 2, 2, 2]);
    }
}
