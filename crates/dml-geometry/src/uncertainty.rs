//! How unsure a decoder is away from its data.

use tch::{Kind, Tensor};

/// Rounds of Lloyd's algorithm; the centres need no more than to lie among the embeddings.
const ROUNDS: usize = 10;

/// Where all embeddings coincide, a function still has a width.
const SHORTEST: f64 = 1e-12;

/// A standard deviation that grows with the distance from training embeddings.
///
/// Its precision is a sum of radial basis functions around centres of the embeddings, beta(z) = the
/// sum over k of w exp(-lambda(k) |z - c(k)|²), plus zeta, and the deviation 1 / sqrt(beta)
/// (Arvanitidis 2018, equations 10 and 11). They fit the weights to each pixel; we give all of them
/// w = 1 / near², and take zeta = 1 / far².
#[derive(Debug)]
pub struct Rbf {
    /// c, `[..., centres, d]`.
    pub centres: Tensor,
    /// lambda, `[..., centres]`.
    pub bandwidths: Tensor,
    /// What the deviation is made with.
    pub settings: RbfSettings,
}

/// Settings of an [`Rbf`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RbfSettings {
    /// Number of centres.
    pub centres: i64,
    /// How far a function reaches, in mean distances of a centre from its embeddings; about 1.
    pub width: f64,
    /// Standard deviation of a pixel at a centre.
    pub near: f64,
    /// Standard deviation of a pixel far from all data.
    pub far: f64,
    /// Number of pixels, which share the deviation.
    pub pixels: i64,
}

impl Rbf {
    /// Around embeddings `[..., n, d]`, which are put in clusters (k-means).
    ///
    /// The lambda of a centre is (width times the mean distance of its embeddings from it)^-2 / 2.
    /// For one at which all embeddings of its cluster lie it is the distance of the nearest other
    /// centre.
    ///
    /// # Panics
    /// With more centres than embeddings.
    pub fn around(embeddings: &Tensor, settings: RbfSettings) -> Self {
        tch::no_grad(|| {
            let n = embeddings.size()[embeddings.dim() - 2];
            assert!((1..=n).contains(&settings.centres), "{} centres of {n} embeddings", settings.centres);
            let options = (Kind::Int64, embeddings.device());
            // The first centres are rows at even strides: the same embeddings give the same ones.
            let first = Tensor::arange(settings.centres, options) * n / settings.centres;
            let mut centres = embeddings.index_select(-2, &first.to_kind(Kind::Int64));
            for _ in 0..ROUNDS {
                let member = members(embeddings, &centres);
                // [..., centres, 1]
                let count = member.sum_dim_intlist(-2, false, None).unsqueeze(-1);
                let mean = member.transpose(-2, -1).matmul(embeddings) / count.clamp_min(1.0);
                centres = mean.where_self(&count.gt(0.0), &centres);
            }
            let nearest = distances(embeddings, &centres).amin(-1, false);
            let member = members(embeddings, &centres);
            let total = member.transpose(-2, -1).matmul(&nearest.unsqueeze(-1)).squeeze_dim(-1);
            // [..., centres]
            let reach = total / member.sum_dim_intlist(-2, false, None).clamp_min(1.0);
            let itself = Tensor::eye_m(settings.centres, settings.centres, (Kind::Bool, embeddings.device()));
            let others = distances(&centres, &centres).masked_fill(&itself, f64::INFINITY).amin(-1, false);
            let reach = reach.where_self(&reach.gt(0.0), &others).clamp_min(SHORTEST) * settings.width;
            Self { centres, bandwidths: (reach.square() * 2.0).reciprocal(), settings }
        })
    }

    /// The deviation at points `[..., n, d]` as one more pixel, `[..., n, 1]`: that of a pixel
    /// times the square root of their number. For [`Decoder::with_deviation`](crate::Decoder).
    pub fn deviation(&self, points: &Tensor) -> Tensor {
        let RbfSettings { near, far, pixels, .. } = self.settings;
        let apart = points.unsqueeze(-2) - self.centres.unsqueeze(-3); // [..., n, centres, d]
        let squared = apart.square().sum_dim_intlist(-1, false, None);
        let near_by = (squared * self.bandwidths.unsqueeze(-2)).neg().exp();
        let precision = near_by.sum_dim_intlist(-1, true, None) / (near * near) + 1.0 / (far * far);
        precision.rsqrt() * (pixels as f64).sqrt()
    }
}

/// Differences, not a matrix product, whose rounding could call a near centre farther.
fn distances(points: &Tensor, centres: &Tensor) -> Tensor {
    Tensor::cdist(points, centres, 2.0, 2)
}

/// Which centre is nearest, `[..., n, centres]` of 0 and 1.
fn members(points: &Tensor, centres: &Tensor) -> Tensor {
    let n_centres = centres.size()[centres.dim() - 2];
    distances(points, centres).argmin(-1, false).one_hot(n_centres).to_kind(points.kind())
}
