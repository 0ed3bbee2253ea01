//! What is wrong with a prior.

/// Why a configuration or a fitted mixture is no prior.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PriorError {
    /// The hypercube's edge length is out of range.
    #[error("hypercube side {0} must be in [0, 1000]")]
    Side(f64),
    /// The hypercube's log-variance is out of range.
    #[error("hypercube logvar {0} must be in [-30, 30]")]
    Logvar(f64),
    /// A number of components that no posterior can be held against.
    #[error("the prior's components = {0} must be in 1 to 10000")]
    Components(i64),
    /// A mixture with numbers of another shape than configured.
    #[error(
        "fitted mixture has weights {weights:?}, means {means:?}, variances {variances:?}; expected [..., {components}], and [..., {components}, d] twice"
    )]
    FittedShape {
        /// Configured number of components.
        components: i64,
        /// Shape of the weights.
        weights: Vec<i64>,
        /// Shape of the means.
        means: Vec<i64>,
        /// Shape of the variances.
        variances: Vec<i64>,
    },
    /// Weights, means or variances that make no distribution.
    #[error("fitted mixture's {0}")]
    FittedValue(&'static str),
    /// More vertices than can be listed.
    #[error(
        "hypercube in {latent_dim} dimensions has 2^{latent_dim} components; they can be listed up to {limit} dimensions"
    )]
    TooManyVertices {
        /// Latent dimensions asked for.
        latent_dim: i64,
        /// The most that are listed.
        limit: i64,
    },
}
