//! Rows of tensors, by their numbers.

use tch::Tensor;

/// The rows of `points` `[..., n, d]` with these numbers `[..., m]`: `[..., m, d]`.
pub(crate) fn rows(points: &Tensor, numbers: &Tensor) -> Tensor {
    let mut size = numbers.size();
    size.push(*points.size().last().expect("points are [..., n, d]"));
    points.gather(-2, &numbers.unsqueeze(-1).expand(size, false), false)
}
