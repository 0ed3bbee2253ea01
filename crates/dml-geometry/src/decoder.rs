//! What gives the latent space its distances.

use std::fmt;

use tch::Tensor;

/// A map from the latent space to one where distances are Euclidean: the images, and with them
/// whatever else shall count.
///
/// The map is applied to each point for itself, so it must not mix the points of a batch.
pub struct Decoder<'a>(Box<dyn Fn(&Tensor) -> Tensor + 'a>);

impl<'a> Decoder<'a> {
    /// A decoder without uncertainty, from `[..., n, d]` to `[..., n, pixels]`.
    pub fn new(map: impl Fn(&Tensor) -> Tensor + 'a) -> Self {
        Self(Box::new(map))
    }

    /// The decoder together with its standard deviations, `[..., n, d]` to `[..., n, deviations]`.
    ///
    /// The expected metric of a Gaussian decoder is Jᵀ J of its mean plus Jᵀ J of its standard
    /// deviation (Arvanitidis 2018, equation 7), which is that of both side by side. A deviation
    /// that many pixels share counts as one times the square root of their number.
    #[must_use]
    pub fn with_deviation(self, deviation: impl Fn(&Tensor) -> Tensor + 'a) -> Self {
        Self::new(move |z| Tensor::cat(&[self.decode(z), deviation(z)], -1))
    }

    /// Several decoders of one latent space, each as likely as the others.
    ///
    /// The metric is the mean of theirs, which is what one expects of a random decoder (Tosi et al.
    /// 2014, "Metrics for probabilistic geometries"): what they disagree about lies far apart.
    ///
    /// # Panics
    /// Without a decoder.
    pub fn ensemble(mut members: Vec<Self>) -> Self {
        assert!(!members.is_empty(), "an ensemble has a decoder at least");
        if members.len() == 1 {
            return members.remove(0);
        }
        let scale = 1.0 / (members.len() as f64).sqrt();
        let side_by_side =
            move |z: &Tensor| members.iter().map(|member| member.decode(z) * scale).collect::<Vec<_>>();
        Self::new(move |z| Tensor::cat(&side_by_side(z), -1))
    }

    /// Where points `[..., n, d]` lie among the images: `[..., n, pixels]`.
    pub fn decode(&self, points: &Tensor) -> Tensor {
        (self.0)(points)
    }
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}
