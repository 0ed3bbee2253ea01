use ndarray::ArrayView2;
use rafor::dt;
use rafor::prelude::*;
use rand::Rng;
use rayon::prelude::*;

use super::{Classifier, Fit, argmax};
use crate::error::{EvalError, check_positive};
use crate::label::Label;
use crate::random::generator;

/// How many queries one thread passes through all trees at a time.
const N_QUERIES: usize = 512;

/// A random forest (Breiman 2001) as scikit-learn's `RandomForestClassifier` grows it: trees to purity by the Gini
/// index, the square root of the number of features tried at a split, a bootstrap sample a tree; the class with the
/// highest mean probability wins, the smallest where they are equal.
///
/// The trees are the crate `rafor`'s. Growing them one by one, rather than as its forest, keeps the order of
/// summation, and so the prediction, the same on any number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomForest {
    /// How many trees, at least 1; 100 by default.
    pub n_trees: usize,
    /// Draws the bootstrap samples and the features.
    pub seed: u64,
}

impl<L: Label> Classifier<L> for RandomForest {
    fn predict(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<Vec<u32>, EvalError> {
        check_positive(self.n_trees, "n_trees")?;
        let classes: Vec<i64> = fit.classes.iter().map(|&class| class.into()).collect();
        let embeddings = fit.embeddings.as_standard_layout();
        let embeddings = embeddings.as_slice().expect("standard layout");
        let mut rng = generator(self.seed, "random forest");
        let seeds: Vec<u64> = (0..self.n_trees).map(|_| rng.r#gen()).collect();
        let grow = |&seed: &u64| {
            let mut trainer = dt::Classifier::trainer();
            trainer.with_max_features(MaxFeaturesPolicy::SQRT).with_seed(seed);
            trainer.with_weights(&bootstrap(classes.len(), seed));
            trainer.train(embeddings, &classes)
        };
        let trees: Vec<dt::Classifier> = seeds.par_iter().map(grow).collect();

        let queries = queries.as_standard_layout();
        let queries = queries.as_slice().expect("standard layout");
        let ask = |queries: &[f32]| {
            let mut sums = Vec::new();
            for tree in &trees {
                let shares = tree.proba(queries);
                sums.resize(shares.len(), 0.0);
                sums.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share);
            }
            sums.chunks(fit.n_classes).map(argmax).collect::<Vec<u32>>()
        };
        Ok(queries.par_chunks(N_QUERIES * fit.embeddings.ncols()).flat_map_iter(ask).collect())
    }
}

/// How often each of `n` points is drawn in `n` draws with replacement.
fn bootstrap(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = generator(seed, "bootstrap");
    let mut times = vec![0.0; n];
    (0..n).for_each(|_| times[rng.gen_range(0..n)] += 1.0);
    times
}
