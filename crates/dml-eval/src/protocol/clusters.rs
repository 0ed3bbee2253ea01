//! Clusters of embeddings, compared with labels.

use std::collections::HashSet;

use super::{Embedded, Evaluation, Scores};
use crate::agreement::{
    adjusted_mutual_information, adjusted_rand, clustering_accuracy, normalized_mutual_information,
};
use crate::clustering::{GaussianMixture, KMeans};
use crate::error::{EvalError, check_enough, check_labelled};
use crate::label::{Classes, Label};

/// Of so many starts of k-means the best is taken.
const STARTS: usize = 10;

impl<L: Label> Evaluation<'_, L> {
    /// [`k_means`](Self::k_means) and [`gaussian_mixture`](Self::gaussian_mixture).
    ///
    /// # Errors
    /// Those of the two.
    pub fn clustering(&self) -> Result<Scores, EvalError> {
        let mut scores = self.k_means()?;
        scores.extend(self.gaussian_mixture()?);
        Ok(scores)
    }

    /// Agreement of the test labels with clusters of the test embeddings, as many as there are test
    /// classes, the best of ten starts: `clustering.k_means.clustering_accuracy`, `….ami`, `….nmi`,
    /// `….ari`.
    ///
    /// # Errors
    /// Test embeddings that are not finite or too large; labels that are negative or not one an
    /// embedding; no points.
    pub fn k_means(&self) -> Result<Scores, EvalError> {
        let n_classes = n_classes(self.test, "test set")?;
        let clusters = KMeans::fit(self.test.embeddings, n_classes, STARTS, self.seed)?.clusters;
        Ok(agreement("clustering.k_means", self.test.labels, &clusters))
    }

    /// The same of the components of a mixture of Gaussians: `clustering.gaussian_mixture.…`.
    ///
    /// # Errors
    /// Those of [`k_means`](Self::k_means); more memory than a score may take.
    pub fn gaussian_mixture(&self) -> Result<Scores, EvalError> {
        let (n_classes, embeddings) = (n_classes(self.test, "test set")?, self.test.embeddings);
        let components = GaussianMixture::fit(embeddings, n_classes, self.seed)?.predict(embeddings)?;
        Ok(agreement("clustering.gaussian_mixture", self.test.labels, &components))
    }

    /// The same as [`k_means`](Self::k_means) of the training set, which is what the literature on
    /// semi-supervised clustering counts: `train_clustering.k_means.…` over all of its rows, and
    /// `unlabelled_clustering.k_means.…`, of the same clusters, over those whose labels the model
    /// did not see, where there are some.
    ///
    /// # Errors
    /// Training embeddings that are not finite or too large; labels that are negative or not one an
    /// embedding; no points.
    pub fn train_k_means(&self) -> Result<Scores, EvalError> {
        let Embedded { embeddings, labels } = self.train;
        let clusters =
            KMeans::fit(embeddings, n_classes(self.train, "training set")?, STARTS, self.seed)?.clusters;
        let mut scores = agreement("train_clustering.k_means", labels, &clusters);
        let seen: HashSet<usize> = self.labelled.iter().copied().collect();
        let unseen = (0..labels.len()).filter(|row| !seen.contains(row));
        let (labels, clusters): (Vec<L>, Vec<u32>) = unseen.map(|row| (labels[row], clusters[row])).unzip();
        if !labels.is_empty() {
            scores.extend(agreement("unlabelled_clustering.k_means", &labels, &clusters));
        }
        Ok(scores)
    }
}

/// How many classes a set's labels have, where there is something to cluster.
fn n_classes<L: Label>(set: Embedded<L>, name: &'static str) -> Result<usize, EvalError> {
    let n = set.embeddings.nrows();
    check_enough(n, 1, "to cluster")?;
    check_labelled(set.embeddings, set.labels, 0..n, name)?;
    Ok(Classes::of(set.labels).n())
}

fn agreement<L: Label>(name: &str, labels: &[L], clusters: &[u32]) -> Scores {
    let scores = [
        ("clustering_accuracy", clustering_accuracy(labels, clusters)),
        ("ami", adjusted_mutual_information(labels, clusters)),
        ("nmi", normalized_mutual_information(labels, clusters)),
        ("ari", adjusted_rand(labels, clusters)),
    ];
    scores.map(|(score, value)| (format!("{name}.{score}"), value)).into()
}
