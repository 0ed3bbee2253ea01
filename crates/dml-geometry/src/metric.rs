//! The pull-back metric at points.

use tch::Tensor;

use crate::Decoder;

/// The decoder's Jacobian at points `[..., n, d]`: `[..., n, pixels, d]`, exact, without a graph.
///
/// `LibTorch` has backward products v ↦ Jᵀ v alone here. They are linear in v, so a second backward
/// pass, through the first one, gives a column of J for each of the d dimensions, where backward
/// passes alone would need one for each pixel.
pub fn jacobian(decoder: &Decoder, points: &Tensor) -> Tensor {
    tch::with_grad(|| {
        let points = points.detach().set_requires_grad(true);
        let images = decoder.decode(&points);
        let cotangent = images.detach().zeros_like().set_requires_grad(true);
        let product = (images * &cotangent).sum(None) + nothing_of(&points);
        let [pulled_back] = &Tensor::run_backward(&[product], &[&points], true, true)[..] else {
            unreachable!("one gradient for one input")
        };
        let dim = *points.size().last().expect("points are [..., n, d]");
        let column = |k: i64| {
            // Points do not mix, so the sum over them leaves each its own.
            let of_dimension = pulled_back.select(-1, k).sum(None) + nothing_of(&cotangent);
            Tensor::run_backward(&[of_dimension], &[&cotangent], true, false).remove(0)
        };
        Tensor::stack(&(0..dim).map(column).collect::<Vec<_>>(), -1)
    })
}

/// Zero, of which a gradient by the tensor can be asked: also where nothing else depends on it, as
/// with a constant decoder.
fn nothing_of(tensor: &Tensor) -> Tensor {
    tensor.narrow(-1, 0, 0).sum(None)
}

/// The pull-back metric G = Jᵀ J at points `[..., n, d]`: `[..., n, d, d]`, without a graph.
pub fn metric(decoder: &Decoder, points: &Tensor) -> Tensor {
    let jacobian = jacobian(decoder, points);
    jacobian.transpose(-2, -1).matmul(&jacobian)
}

/// The volume sqrt(det G) at points `[..., n, d]`: `[..., n]`, how much of the images a unit of the
/// latent space there holds.
pub fn volume(decoder: &Decoder, points: &Tensor) -> Tensor {
    // Rounding may take a determinant of 0 below it.
    Tensor::linalg_det(&metric(decoder, points)).clamp_min(0.0).sqrt()
}
