//! Layers of a stack: fully connected, and convolutions with their mirrors.
//!
//! A layer holds no tensors, only the places of its parameters, so that the same network runs on
//! the parameters themselves or on a step's leaves.

use tch::{Kind, Tensor};

use crate::parameters::{Declaration, Start};
use crate::precision::Precision;

/// Declares parameters under a prefix and tells their places.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) precision: Precision,
}

impl Builder {
    pub(crate) fn declare(&mut self, name: String, shape: Vec<i64>, start: Start) -> usize {
        self.declarations.push(Declaration { name, shape, start });
        self.declarations.len() - 1
    }
}

/// `[M, b, inputs]` to `[M, b, outputs]`; weights `[M, inputs, outputs]`. Starts as PyTorch's
/// `Linear` does: uniform in ±1/sqrt(inputs).
#[derive(Debug)]
pub(crate) struct Linear {
    weight: usize,
    bias: usize,
    precision: Precision,
}

impl Linear {
    pub(crate) fn new(builder: &mut Builder, name: &str, inputs: i64, outputs: i64) -> Self {
        let start = Start::within(1.0 / (inputs as f64).sqrt());
        Self {
            weight: builder.declare(format!("{name}.weight"), vec![inputs, outputs], start),
            bias: builder.declare(format!("{name}.bias"), vec![outputs], start),
            precision: builder.precision,
        }
    }

    pub(crate) fn forward(&self, parameters: &[Tensor], x: &Tensor) -> Tensor {
        let (weight, bias) = (&parameters[self.weight], &parameters[self.bias]);
        let lowered = self.precision.factors(x, weight);
        if weight.size()[0] == 1 {
            // One member: the plain product is faster than a batched one.
            let [of_member, bias] = [x, bias].map(|t| t.squeeze_dim(0));
            let product = match lowered {
                Some([x, weight]) => x.squeeze_dim(0).mm(&weight.squeeze_dim(0)).to_kind(Kind::Float) + bias,
                None => bias.addmm(&of_member, &weight.squeeze_dim(0)),
            };
            return product.unsqueeze(0);
        }
        match lowered {
            Some([x, weight]) => x.bmm(&weight).to_kind(Kind::Float) + bias.unsqueeze(1),
            None => bias.unsqueeze(1).baddbmm(x, weight, 1.0, 1.0), // [M, b, outputs]
        }
    }
}

/// A 3x3 convolution of stride 2, or its transposed mirror. Members are groups of one convolution.
#[derive(Debug)]
pub(crate) struct Conv {
    weight: usize,
    bias: usize,
    precision: Precision,
    /// Sides of the image after the layer, where the layer is a mirror.
    mirror: Option<(i64, i64)>,
}

pub(crate) fn halved(side: i64) -> i64 {
    (side + 1) / 2
}

impl Conv {
    pub(crate) fn new(
        builder: &mut Builder,
        name: &str,
        from: i64,
        to: i64,
        mirror: Option<(i64, i64)>,
    ) -> Self {
        let shape = if mirror.is_some() { vec![from, to, 3, 3] } else { vec![to, from, 3, 3] };
        // PyTorch's start: fan-in is the second dimension times the kernel, for transposed
        // convolutions as well.
        let start = Start::within(1.0 / ((shape[1] * 9) as f64).sqrt());
        Self {
            weight: builder.declare(format!("{name}.weight"), shape, start),
            bias: builder.declare(format!("{name}.bias"), vec![to], start),
            precision: builder.precision,
            mirror,
        }
    }

    /// `[b, M * from, h, w]` to `[b, M * to, h', w']`, of the kind that the product has: what
    /// comes next lowers it again, so that nothing is gained by f32 between two layers.
    pub(crate) fn forward(&self, parameters: &[Tensor], x: &Tensor) -> Tensor {
        let (weight, bias) = (&parameters[self.weight], &parameters[self.bias]);
        match self.precision.factors(x, weight) {
            Some([x, weight]) => self.convolve(&x, &weight, &bias.to_kind(Kind::BFloat16)),
            None => self.convolve(x, weight, bias),
        }
    }

    fn convolve(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let members = weight.size()[0];
        // [M * first, second, 3, 3], [M * to]
        let (weight, bias) = (weight.flatten(0, 1), bias.flatten(0, 1));
        match self.mirror {
            None => x.conv2d(&weight, Some(&bias), [2, 2], [1, 1], [1, 1], members),
            Some((height, width)) => {
                let size = x.size();
                let padding = [height - (2 * size[2] - 1), width - (2 * size[3] - 1)];
                x.conv_transpose2d(&weight, Some(&bias), [2, 2], [1, 1], padding, members, [1, 1])
            }
        }
    }
}

/// What follows the last layer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Activation {
    Relu,
    Identity,
}

impl Activation {
    pub(crate) fn apply(self, x: Tensor) -> Tensor {
        match self {
            Self::Relu => x.relu(),
            Self::Identity => x,
        }
    }
}

/// `[M, b, c, h, w]` to `[b, M * c, h, w]`: members become groups of channels.
pub(crate) fn grouped(x: &Tensor) -> Tensor {
    x.transpose(0, 1).flatten(1, 2)
}

/// `[b, M * c, h, w]` to `[M, b, c * h * w]`.
pub(crate) fn ungrouped(x: &Tensor, members: i64) -> Tensor {
    let size = x.size();
    x.reshape([size[0], members, -1]).transpose(0, 1)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::parameters::Parameters;
    use crate::random::normal;

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
    }

    #[test]
    fn convolutions_of_members_equal_a_loop() {
        let mut builder = Builder::default();
        let layer = Conv::new(&mut builder, "conv", 2, 3, None);
        let parameters = Parameters::draw(&builder.declarations, &[1, 2]).tensors;
        for (height, width) in [(7, 7), (6, 5)] {
            let images = normal(3, "images", 0, &[2, 4, 2, height, width]); // [M, b, from, h, w]
            let ours = layer.forward(&parameters, &grouped(&images));
            let (halved_height, halved_width) = ((height + 1) / 2, (width + 1) / 2);
            assert_eq!(ours.size(), [4, 2 * 3, halved_height, halved_width]);
            for member in 0..2 {
                let [weight, bias] = [0, 1].map(|i| values(&parameters[i].get(member)));
                for image in 0..4 {
                    let pixels = values(&images.get(member).get(image));
                    let pixel = |c: i64, y: i64, x: i64| {
                        let inside = (0..height).contains(&y) && (0..width).contains(&x);
                        if inside { pixels[((c * height + y) * width + x) as usize] } else { 0.0 }
                    };
                    let ours = values(&ours.get(image).narrow(0, member * 3, 3));
                    for (place, ours) in (0_i64..).zip(ours) {
                        let to = place / (halved_height * halved_width);
                        let (y, x) = (place / halved_width % halved_height, place % halved_width);
                        let mut sum = bias[to as usize];
                        for (tap, weight) in (0_i64..).zip(&weight[to as usize * 18..][..18]) {
                            let (c, dy, dx) = (tap / 9, tap / 3 % 3 - 1, tap % 3 - 1);
                            sum += weight * pixel(c, 2 * y + dy, 2 * x + dx);
                        }
                        assert!((ours - sum).abs() < 1e-5, "{ours} against {sum}: f32 rounding");
                    }
                }
            }
        }
    }

    /// With the same weights, and no biases, the mirror is the convolution's transpose: its inner
    /// products are the same.
    #[test]
    fn the_mirror_of_a_convolution_is_its_transpose() {
        for (height, width) in [(28, 28), (7, 7), (6, 5)] {
            let mut builder = Builder::default();
            let layer = Conv::new(&mut builder, "conv", 2, 3, None);
            let mirror = Conv::new(&mut builder, "mirror", 3, 2, Some((height, width)));
            let mut parameters = Parameters::draw(&builder.declarations, &[1, 2]).tensors;
            parameters[mirror.weight] = parameters[layer.weight].copy();
            for bias in [layer.bias, mirror.bias] {
                let _ = parameters[bias].zero_();
            }
            let x = normal(3, "images", 0, &[4, 2 * 2, height, width]);
            let there = layer.forward(&parameters, &x);
            let y = normal(4, "features", 0, &there.size());
            let back = mirror.forward(&parameters, &y);
            assert_eq!(back.size(), x.size());
            for member in 0..2 {
                let product = |a: &Tensor, b: &Tensor, channels: i64| {
                    let of_member =
                        |t: &Tensor| t.narrow(1, member * channels, channels).to_kind(Kind::Double);
                    (of_member(a) * of_member(b)).sum(Kind::Double).double_value(&[])
                };
                let (forwards, backwards) = (product(&there, &y, 3), product(&x, &back, 2));
                let scale = (product(&there, &there, 3) * product(&y, &y, 3)).sqrt();
                assert!((forwards - backwards).abs() < 1e-5 * scale, "{forwards} against {backwards}");
            }
        }
    }
}
