mod tree;

use ndarray::ArrayView2;
use rand::Rng;
use rayon::prelude::*;

use super::{Classifier, Fit};
use crate::error::{EvalError, check_positive};
use crate::label::Label;
use crate::random::generator;
use tree::{Trainset, Tree};

/// How many queries one thread passes through all trees at a time.
const N_QUERIES: usize = 512;

/// A random forest (Breiman 2001) as scikit-learn's `RandomForestClassifier` grows it: trees to
/// purity by the Gini index, the square root of the number of features tried at a split, a
/// bootstrap sample a tree; the class with the highest mean probability wins, the smallest where
/// they are equal.
///
/// Memory follows the number of points and trees, not that of classes. Votes are summed in the
/// order of the trees, so the prediction is the same on any number of threads.
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
        let columns = fit.embeddings.t().iter().copied().collect();
        let set = Trainset { columns, classes: fit.classes, n_classes: fit.n_classes };
        let mut rng = generator(self.seed, "random forest");
        let seeds: Vec<u64> = (0..self.n_trees).map(|_| rng.r#gen()).collect();
        let grow = |&seed: &u64| Tree::grow(&set, &bootstrap(fit.classes.len(), seed), seed);
        let trees: Vec<Tree> = seeds.par_iter().map(grow).collect();

        let queries = queries.as_standard_layout();
        let queries = queries.as_slice().expect("standard layout");
        let ask = |queries: &[f32]| {
            let mut sums = vec![0.0_f32; fit.n_classes];
            let vote = |query| {
                let shares = || trees.iter().flat_map(|tree| tree.shares(query));
                shares().for_each(|&(class, share)| sums[class as usize] += share);
                let winner = shares().map(|&(class, _)| class).max_by(|&a, &b| {
                    // The smallest of equal ones.
                    sums[a as usize].total_cmp(&sums[b as usize]).then(b.cmp(&a))
                });
                shares().for_each(|&(class, _)| sums[class as usize] = 0.0);
                winner.expect("every tree votes")
            };
            queries.chunks(fit.embeddings.ncols()).map(vote).collect::<Vec<u32>>()
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
