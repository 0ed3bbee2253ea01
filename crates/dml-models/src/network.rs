//! Networks of a stack: fully connected and convolutional, forwards and mirrored.
//!
//! A layer holds no tensors, only the places of its parameters, so that the same network runs on the parameters themselves or on
//! a step's leaves.

use dml_data::ImageShape;
use tch::Tensor;

use crate::config::NetworkConfig;
use crate::parameters::{Declaration, Start};

/// Declares parameters under a prefix and tells their places.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub(crate) declarations: Vec<Declaration>,
}

impl Builder {
    pub(crate) fn declare(&mut self, name: String, shape: Vec<i64>, start: Start) -> usize {
        self.declarations.push(Declaration { name, shape, start });
        self.declarations.len() - 1
    }
}

/// `[M, b, inputs]` to `[M, b, outputs]`; weights `[M, inputs, outputs]`. Starts as PyTorch's `Linear` does: uniform in
/// ±1/sqrt(inputs).
#[derive(Debug)]
pub(crate) struct Linear {
    weight: usize,
    bias: usize,
}

impl Linear {
    pub(crate) fn new(builder: &mut Builder, name: &str, inputs: i64, outputs: i64) -> Self {
        let start = Start::within(1.0 / (inputs as f64).sqrt());
        Self {
            weight: builder.declare(format!("{name}.weight"), vec![inputs, outputs], start),
            bias: builder.declare(format!("{name}.bias"), vec![outputs], start),
        }
    }

    pub(crate) fn forward(&self, parameters: &[Tensor], x: &Tensor) -> Tensor {
        let (weight, bias) = (&parameters[self.weight], &parameters[self.bias]);
        if weight.size()[0] == 1 {
            // One member: the plain product is faster than a batched one.
            return bias.squeeze_dim(0).addmm(&x.squeeze_dim(0), &weight.squeeze_dim(0)).unsqueeze(0);
        }
        bias.unsqueeze(1).baddbmm(x, weight, 1.0, 1.0) // [M, b, outputs]
    }
}

/// A 3x3 convolution of stride 2, or its transposed mirror. Members are groups of one convolution.
#[derive(Debug)]
pub(crate) struct Conv {
    weight: usize,
    bias: usize,
    /// Sides of the image after the layer, where the layer is a mirror.
    mirror: Option<(i64, i64)>,
}

fn halved(side: i64) -> i64 {
    (side + 1) / 2
}

impl Conv {
    fn new(builder: &mut Builder, name: &str, from: i64, to: i64, mirror: Option<(i64, i64)>) -> Self {
        let shape = if mirror.is_some() { vec![from, to, 3, 3] } else { vec![to, from, 3, 3] };
        // PyTorch's start: fan-in is the second dimension times the kernel, for transposed convolutions as well.
        let start = Start::within(1.0 / ((shape[1] * 9) as f64).sqrt());
        Self {
            weight: builder.declare(format!("{name}.weight"), shape, start),
            bias: builder.declare(format!("{name}.bias"), vec![to], start),
            mirror,
        }
    }

    /// `[b, M * from, h, w]` to `[b, M * to, h', w']`.
    fn forward(&self, parameters: &[Tensor], x: &Tensor) -> Tensor {
        let (weight, bias) = (&parameters[self.weight], &parameters[self.bias]);
        let members = weight.size()[0];
        let (weight, bias) = (weight.flatten(0, 1), bias.flatten(0, 1)); // [M * first, second, 3, 3], [M * to]
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

/// A network from `[M, b, inputs]` to `[M, b, outputs]`.
#[derive(Debug)]
pub(crate) enum Network {
    Mlp(Vec<Linear>),
    Encoder { shape: ImageShape, convolutions: Vec<Conv>, dense: Linear },
    Decoder { from: [i64; 3], dense: Vec<Linear>, convolutions: Vec<Conv> },
}

impl Network {
    /// From images to the features under the heads; ends with a ReLU. Returns the number of features too.
    pub(crate) fn encoder(builder: &mut Builder, config: &NetworkConfig, shape: ImageShape) -> (Self, i64) {
        let pixels = (shape.channels * shape.height * shape.width) as i64;
        match config {
            NetworkConfig::Mlp { hidden } => {
                let widths: Vec<i64> = [pixels].into_iter().chain(hidden.iter().copied()).collect();
                (Self::Mlp(mlp(builder, "encoder", &widths)), *widths.last().expect("the pixels"))
            }
            NetworkConfig::Conv { channels, hidden } => {
                let mut sides = [shape.channels as i64, shape.height as i64, shape.width as i64];
                let mut convolutions = Vec::new();
                for (i, &to) in channels.iter().enumerate() {
                    convolutions.push(Conv::new(builder, &format!("encoder.{i}"), sides[0], to, None));
                    sides = [to, halved(sides[1]), halved(sides[2])];
                }
                let features = sides.iter().product();
                let dense = Linear::new(builder, "encoder.dense", features, *hidden);
                (Self::Encoder { shape, convolutions, dense }, *hidden)
            }
        }
    }

    /// From the latent space to logits of pixels.
    pub(crate) fn decoder(
        builder: &mut Builder,
        config: &NetworkConfig,
        latent: i64,
        shape: ImageShape,
    ) -> Self {
        let pixels = (shape.channels * shape.height * shape.width) as i64;
        match config {
            NetworkConfig::Mlp { hidden } => {
                let widths: Vec<i64> =
                    [latent].into_iter().chain(hidden.iter().copied()).chain([pixels]).collect();
                Self::Mlp(mlp(builder, "decoder", &widths))
            }
            NetworkConfig::Conv { channels, hidden } => {
                let mut sides = vec![(shape.height as i64, shape.width as i64)];
                for _ in channels {
                    let (height, width) = sides[sides.len() - 1];
                    sides.push((halved(height), halved(width)));
                }
                let (height, width) = sides[sides.len() - 1];
                let first = channels.first().copied().unwrap_or(shape.channels as i64);
                let from = [first, height, width];
                let dense = mlp(builder, "decoder.dense", &[latent, *hidden, from.iter().product()]);
                let outputs = channels.iter().skip(1).copied().chain([shape.channels as i64]);
                let layers = channels.iter().zip(outputs).zip(sides.iter().rev().skip(1)).enumerate();
                let convolutions = layers.map(|(i, ((&from, to), &sides))| {
                    Conv::new(builder, &format!("decoder.{i}"), from, to, Some(sides))
                });
                let convolutions = convolutions.collect();
                Self::Decoder { from, dense, convolutions }
            }
        }
    }

    pub(crate) fn forward(&self, parameters: &[Tensor], x: &Tensor, last: Activation) -> Tensor {
        match self {
            Self::Mlp(layers) => apply(layers, parameters, x, last),
            Self::Encoder { shape, convolutions, dense } => {
                let (members, batch) = (x.size()[0], x.size()[1]);
                let sides = [shape.channels as i64, shape.height as i64, shape.width as i64];
                let mut x = grouped(&x.reshape([members, batch, sides[0], sides[1], sides[2]]));
                for layer in convolutions {
                    x = layer.forward(parameters, &x).relu();
                }
                last.apply(dense.forward(parameters, &ungrouped(&x, members)))
            }
            Self::Decoder { from, dense, convolutions } => {
                let (members, batch) = (x.size()[0], x.size()[1]);
                let x = apply(
                    dense,
                    parameters,
                    x,
                    if convolutions.is_empty() { last } else { Activation::Relu },
                );
                let mut x = grouped(&x.reshape([members, batch, from[0], from[1], from[2]]));
                for (i, layer) in convolutions.iter().enumerate() {
                    x = layer.forward(parameters, &x);
                    x = if i + 1 == convolutions.len() { last.apply(x) } else { x.relu() };
                }
                ungrouped(&x, members)
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
    fn apply(self, x: Tensor) -> Tensor {
        match self {
            Self::Relu => x.relu(),
            Self::Identity => x,
        }
    }
}

fn mlp(builder: &mut Builder, name: &str, widths: &[i64]) -> Vec<Linear> {
    let layers = widths.windows(2).enumerate();
    layers.map(|(i, w)| Linear::new(builder, &format!("{name}.{i}"), w[0], w[1])).collect()
}

fn apply(layers: &[Linear], parameters: &[Tensor], x: &Tensor, last: Activation) -> Tensor {
    let mut x = x.shallow_clone();
    for (i, layer) in layers.iter().enumerate() {
        x = layer.forward(parameters, &x);
        x = if i + 1 == layers.len() { last.apply(x) } else { x.relu() };
    }
    x
}

/// `[M, b, c, h, w]` to `[b, M * c, h, w]`: members become groups of channels.
fn grouped(x: &Tensor) -> Tensor {
    x.transpose(0, 1).flatten(1, 2)
}

/// `[b, M * c, h, w]` to `[M, b, c * h * w]`.
fn ungrouped(x: &Tensor, members: i64) -> Tensor {
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

    /// With the same weights, and no biases, the mirror is the convolution's transpose: its inner products are the same.
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

    #[test]
    fn a_decoder_gives_the_pixels_that_its_encoder_took() {
        let config = |channels: &[i64]| NetworkConfig::Conv { channels: channels.into(), hidden: 8 };
        for (channels, height, width) in [(1, 28, 28), (3, 28, 28), (1, 7, 7), (3, 5, 9)] {
            let shape = ImageShape { channels, height, width };
            let mut builder = Builder::default();
            let (encoder, features) = Network::encoder(&mut builder, &config(&[4, 6, 8]), shape);
            let decoder = Network::decoder(&mut builder, &config(&[8, 6, 4]), features, shape);
            let parameters = Parameters::draw(&builder.declarations, &[1, 2]).tensors;
            let images = normal(3, "images", 0, &[2, 5, shape.pixels() as i64]);
            let features = encoder.forward(&parameters, &images, Activation::Relu);
            assert_eq!(features.size(), [2, 5, 8]);
            assert_eq!(decoder.forward(&parameters, &features, Activation::Identity).size(), images.size());
        }
    }
}
