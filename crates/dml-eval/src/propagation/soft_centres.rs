use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};

use super::{Guesses, Labelled, check_given};
use crate::error::{EvalError, check_embeddings, check_memory};

/// Guesses by the classes' centres: the mean of the labelled embeddings of a class is its centre,
/// and a row belongs to a class with the softmax of minus its squared distance to each, divided by
/// the mean squared distance of a row to its nearest centre (after Wu et al. 2020, who take labels
/// that are soft from similarities with the centres of the labelled data, as Safir et al. 2022
/// describe them). Confidence is the share of the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftCentres {}

impl SoftCentres {
    /// The class of each of the embeddings, of which some are `labelled`; these keep theirs.
    ///
    /// # Errors
    /// Embeddings that are not finite or too large, no label, one of a row that is not there, and
    /// more memory than a score may take.
    pub fn guess(&self, embeddings: ArrayView2<f32>, labelled: Labelled) -> Result<Guesses, EvalError> {
        check_embeddings(embeddings, "rows to label")?;
        check_given(embeddings.nrows(), labelled)?;
        let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for &(row, class) in labelled {
            members.entry(class).or_default().push(row);
        }
        let (n, n_centres) = (embeddings.nrows(), members.len());
        check_memory(n.saturating_mul(n_centres), "soft centres", n, n_centres)?;
        let points = embeddings.mapv(f64::from);
        let centres: Vec<(u32, _)> = members
            .into_iter()
            .map(|(class, rows)| (class, points.select(Axis(0), &rows).mean_axis(Axis(0)).expect("a row")))
            .collect();
        let distances = Array2::from_shape_fn((points.nrows(), centres.len()), |(row, c)| {
            (&points.row(row) - &centres[c].1).mapv(|x| x * x).sum()
        });
        let nearest = distances.map_axis(Axis(1), |d| d.iter().copied().fold(f64::INFINITY, f64::min));
        let scale = nearest.mean().filter(|&mean| mean > 0.0).unwrap_or(1.0);
        let of_row = |(d, &least): (ndarray::ArrayView1<f64>, &f64)| {
            let best = d.iter().position(|&d| d <= least).expect("the least is one of them");
            let sum: f64 = d.iter().map(|d| ((least - d) / scale).exp()).sum();
            (centres[best].0, 1.0 / sum)
        };
        let (classes, confidence) = distances.rows().into_iter().zip(&nearest).map(of_row).unzip();
        Ok(Guesses { classes, confidence }.with_truth(labelled))
    }
}
