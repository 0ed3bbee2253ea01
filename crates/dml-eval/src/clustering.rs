//! Clusters of embeddings, found without labels.

mod gaussian_mixture;
mod k_means;
mod points;

pub use gaussian_mixture::GaussianMixture;
pub use k_means::KMeans;

/// How many points one thread takes at a time; fixed, so that sums do not depend on threads.
const N_ROWS: usize = 1024;
