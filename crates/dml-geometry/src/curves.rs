//! Curves in the latent space, and how long a decoder finds them.

use tch::{Kind, Tensor};

use crate::Decoder;

/// Curves of equally many segments, between whose points they are straight.
///
/// They are measured by decoding the points, as chords between the images: no Jacobian is needed.
/// A chord is at most as long as the images along its segment, so lengths grow towards the true
/// ones with the number of segments; the error falls with its square on a smooth decoder.
#[derive(Debug)]
pub struct Curves {
    /// `[..., n, segments + 1, d]`
    pub points: Tensor,
}

impl Curves {
    /// Straight lines from `[..., n, d]` to `[..., n, d]`, with gradients to both.
    ///
    /// # Panics
    /// Without a segment.
    pub fn straight(from: &Tensor, to: &Tensor, segments: i64) -> Self {
        assert!(segments > 0, "a curve has a segment at least");
        let part = Tensor::linspace(0.0, 1.0, segments + 1, (from.kind(), from.device())).unsqueeze(-1);
        // [..., n, segments + 1, d]
        let points = from.unsqueeze(-2) * (1.0 - &part) + to.unsqueeze(-2) * part;
        Self { points }
    }

    /// Number of segments.
    pub fn segments(&self) -> i64 {
        let size = self.points.size();
        let [.., points, _] = size[..] else { panic!("curves are [..., n, segments + 1, d]") };
        points - 1
    }

    /// Where the curves begin and where they end, `[..., n, d]` each.
    pub fn ends(&self) -> (Tensor, Tensor) {
        (self.points.select(-2, 0), self.points.select(-2, -1))
    }

    /// The curves, bent to join these ends: each point moves by as much of the ends' shifts as it
    /// lies near them, and gradients go to the new ends alone.
    ///
    /// The derivative of a geodesic's length by its ends is the metric times the unit tangent there
    /// (the first variation), whatever becomes of the points between, which a small change of does
    /// not lengthen. So the [`length`](Self::length) of a refined curve that is joined to its own
    /// ends has the gradient of the geodesic distance, in the ends and in the decoder, and no
    /// solver is differentiated through.
    #[must_use]
    pub fn joining(&self, from: &Tensor, to: &Tensor) -> Self {
        let fixed = Self { points: self.points.detach() };
        let (was_from, was_to) = fixed.ends();
        let shift = Self::straight(&(from - was_from), &(to - was_to), self.segments());
        Self { points: fixed.points + shift.points }
    }

    /// The decoded length of each curve, `[..., n]`.
    pub fn length(&self, decoder: &Decoder) -> Tensor {
        self.chords(decoder).sum_dim_intlist(-1, false, None)
    }

    /// The decoded energy of each curve, `[..., n]`: the mean over its segments of the squared
    /// speed, for a curve that takes a time of 1. At least the length squared, and equal to it
    /// where the speed is the same all along.
    pub fn energy(&self, decoder: &Decoder) -> Tensor {
        energy(&self.decoded(decoder))
    }

    /// The decoded length of each segment, `[..., n, segments]`.
    pub fn chords(&self, decoder: &Decoder) -> Tensor {
        chords(&self.decoded(decoder))
    }

    /// Points on images, `[..., n, segments + 1, pixels]`.
    fn decoded(&self, decoder: &Decoder) -> Tensor {
        decode(decoder, &self.points)
    }
}

/// The images of points on curves, `[..., n, points, d]` to `[..., n, points, pixels]`.
pub(crate) fn decode(decoder: &Decoder, points: &Tensor) -> Tensor {
    let mut size = points.size();
    let images = decoder.decode(&points.flatten(-3, -2));
    let last = size.len() - 1;
    size[last] = *images.size().last().expect("images are [..., n, pixels]");
    images.reshape(size)
}

/// The lengths of the segments of decoded curves `[..., points, pixels]`: `[..., points - 1]`.
pub(crate) fn chords(images: &Tensor) -> Tensor {
    steps(images).norm_scalaropt_dim(2, -1, false)
}

/// From each image of a curve to the next, `[..., points, pixels]` to `[..., points - 1, pixels]`.
fn steps(images: &Tensor) -> Tensor {
    images.diff::<Tensor>(1, -2, None, None)
}

/// The energy of decoded curves `[..., points, pixels]`: `[...]`.
pub(crate) fn energy(images: &Tensor) -> Tensor {
    let steps = steps(images);
    let segments = steps.size()[steps.dim() - 2] as f64;
    steps.square().sum_dim_intlist([-2i64, -1].as_slice(), false, None::<Kind>) * segments
}
