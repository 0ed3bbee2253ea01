//! Networks of a stack: fully connected and convolutional, forwards and mirrored.

use dml_data::ImageShape;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Checks, in_range};
use crate::layers::{Activation, Builder, Conv, Linear, grouped, halved, ungrouped};

/// A network. The paper states no layers; these are our choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum NetworkConfig {
    /// Fully connected layers with ReLU between them.
    Mlp {
        /// Widths of the hidden layers, from the input's side.
        hidden: Vec<i64>,
    },
    /// 3x3 convolutions of stride 2 with ReLU and one hidden fully connected layer; as a decoder
    /// its mirror, with transposed convolutions.
    Conv {
        /// Channels of the convolutions, from the input's side.
        channels: Vec<i64>,
        /// Width of the fully connected layer between the convolutions and the latent space.
        hidden: i64,
    },
}

impl NetworkConfig {
    pub(crate) fn check(&self, [of_hidden, of_channels]: [&'static str; 2]) -> Checks {
        let fits = |width: i64| (1..=65_536).contains(&width);
        let widths = |key, widths: &[i64]| {
            let fit = widths.len() <= 16 && widths.iter().all(|&width| fits(width));
            in_range(key, format!("{widths:?}"), fit, "at most 16 widths, each 1 to 65536")
        };
        match self {
            Self::Mlp { hidden } => vec![widths(of_hidden, hidden)],
            Self::Conv { channels, hidden } => {
                vec![widths(of_channels, channels), in_range(of_hidden, hidden, fits(*hidden), "1 to 65536")]
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
    /// From images to the features under the heads; ends with a ReLU. Returns the number of
    /// features too.
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
        (builder, name): (&mut Builder, &str),
        config: &NetworkConfig,
        latent: i64,
        shape: ImageShape,
    ) -> Self {
        let pixels = (shape.channels * shape.height * shape.width) as i64;
        match config {
            NetworkConfig::Mlp { hidden } => {
                let widths: Vec<i64> =
                    [latent].into_iter().chain(hidden.iter().copied()).chain([pixels]).collect();
                Self::Mlp(mlp(builder, name, &widths))
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
                let dense = mlp(builder, &format!("{name}.dense"), &[latent, *hidden, from.iter().product()]);
                let outputs = channels.iter().skip(1).copied().chain([shape.channels as i64]);
                let layers = channels.iter().zip(outputs).zip(sides.iter().rev().skip(1)).enumerate();
                let convolutions = layers.map(|(i, ((&from, to), &sides))| {
                    Conv::new(builder, &format!("{name}.{i}"), from, to, Some(sides))
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
                ungrouped(&x.to_kind(Kind::Float), members)
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Parameters;
    use crate::random::normal;

    #[test]
    fn a_decoder_gives_the_pixels_that_its_encoder_took() {
        let config = |channels: &[i64]| NetworkConfig::Conv { channels: channels.into(), hidden: 8 };
        for (channels, height, width) in [(1, 28, 28), (3, 28, 28), (1, 7, 7), (3, 5, 9)] {
            let shape = ImageShape { channels, height, width };
            let mut builder = Builder::default();
            let (encoder, features) = Network::encoder(&mut builder, &config(&[4, 6, 8]), shape);
            let decoder = Network::decoder((&mut builder, "decoder"), &config(&[8, 6, 4]), features, shape);
            let parameters = Parameters::draw(&builder.declarations, &[1, 2]).tensors;
            let images = normal(3, "images", 0, &[2, 5, shape.pixels() as i64]);
            let features = encoder.forward(&parameters, &images, Activation::Relu);
            assert_eq!(features.size(), [2, 5, 8]);
            assert_eq!(decoder.forward(&parameters, &features, Activation::Identity).size(), images.size());
        }
    }
}
