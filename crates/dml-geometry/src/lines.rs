//! Straight lines between all points of a batch.

use tch::{Kind, Tensor};

use crate::curves::{chords, decode};
use crate::{Curves, Decoder};

/// The decoded length of the straight line between any two points `[..., n, d]`, `[..., n, n]`,
/// with gradients to the points: an upper bound of the geodesic distance (up to the error of
/// chords, see [`Curves`]).
///
/// Each line is measured once, and each point decoded once: it costs n (n - 1) / 2 times (segments
/// - 1) decoded points.
pub fn lines_between(decoder: &Decoder, points: &Tensor, segments: i64) -> Tensor {
    let [.., n, _] = points.size()[..] else { panic!("points are [..., n, d]") };
    let pairs = Tensor::tril_indices(n, n, -1, (Kind::Int64, points.device())); // [2, lines]
    square(&lines_of_pairs(decoder, points, &pairs, segments), n)
}

/// The same of some pairs alone, `[2, lines]` numbers of points: `[..., lines]`.
pub fn lines_of_pairs(decoder: &Decoder, points: &Tensor, pairs: &Tensor, segments: i64) -> Tensor {
    let [from, to] = [0, 1].map(|end| pairs.get(end));
    let curves = {
        let [from, to] = [&from, &to].map(|numbers| points.index_select(-2, numbers));
        Curves::straight(&from, &to, segments)
    };
    let images = decoder.decode(points);
    let [first, last] = [&from, &to].map(|numbers| images.index_select(-2, numbers).unsqueeze(-2));
    let images = if segments == 1 {
        Tensor::cat(&[first, last], -2)
    } else {
        Tensor::cat(&[first, decode(decoder, &curves.points.narrow(-2, 1, segments - 1)), last], -2)
    };
    chords(&images).sum_dim_intlist(-1, false, None::<Kind>)
}

/// The lower triangle of a symmetric matrix, row by row, as the whole of it; zero on the diagonal.
fn square(lengths: &Tensor, n: i64) -> Tensor {
    let place = |i: i64, j: i64| match (i.max(j), i.min(j)) {
        (i, j) if i == j => n * (n - 1) / 2,
        (i, j) => i * (i - 1) / 2 + j,
    };
    let places: Vec<i64> = (0..n).flat_map(|i| (0..n).map(move |j| place(i, j))).collect();
    let places = Tensor::from_slice(&places).to_device(lengths.device());
    lengths.constant_pad_nd([0, 1]).index_select(-1, &places).unflatten(-1, [n, n])
}
