//! Views of images: random affine maps and light, another for each image of each step.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use dml_data::ImageShape;

use crate::error::{Checks, in_range};

/// The `[views]` of a trial: how far each image is turned, scaled, sheared, shifted and lit at
/// random whenever training looks at it. All 0: images stay as they are. Evaluation never changes
/// them.
///
/// What differs between images of a class and between no two views, an instance term takes for what
/// tells images apart (Chen et al. 2020, "A simple framework for contrastive learning", section
/// 3.1, of colours).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewsConfig {
    /// Turns are uniform in ±rotation, in radians; 0 to pi.
    pub rotation: f64,
    /// Factors of size are uniform in 1 ± scale, apart for width and height; 0 to below 1.
    pub scale: f64,
    /// Shears are uniform in ±shear: a row moves sideways by so much of its height above the
    /// centre; 0 to 1.
    pub shear: f64,
    /// Shifts are uniform in ±shift of the image's width and height; 0 to 1.
    pub shift: f64,
    /// Factors of every pixel are uniform in 1 ± brightness; 0 to 1.
    pub brightness: f64,
    /// Factors of every pixel's distance from the image's mean are uniform in 1 ± contrast; 0 to 1.
    /// As brightness it keeps pixels in 0 to 1, and both are as torchvision's `ColorJitter` has
    /// them, but for the mean, which is over all channels alike.
    pub contrast: f64,
}

/// Numbers drawn for the map of a view.
const DRAWS: i64 = 6;

/// Light is drawn apart, in the other half of the places of a purpose, so that maps are those that
/// they are without it.
const LIGHT: u64 = 1 << 63;

impl ViewsConfig {
    /// Checks every range.
    pub(crate) fn check(&self) -> Checks {
        let Self { rotation, scale, shear, shift, brightness, contrast } = *self;
        let pi = std::f64::consts::PI;
        vec![
            in_range("views.rotation", rotation, (0.0..=pi).contains(&rotation), "0 to 3.14159"),
            in_range("views.scale", scale, (0.0..1.0).contains(&scale), "at least 0 and below 1"),
            in_range("views.shear", shear, (0.0..=1.0).contains(&shear), "in [0, 1]"),
            in_range("views.shift", shift, (0.0..=1.0).contains(&shift), "in [0, 1]"),
            in_range("views.brightness", brightness, (0.0..=1.0).contains(&brightness), "in [0, 1]"),
            in_range("views.contrast", contrast, (0.0..=1.0).contains(&contrast), "in [0, 1]"),
        ]
    }

    /// Views of images `[M, b, pixels]`: each member's drawn from its own seed, for `purpose` and
    /// `at`. Images themselves, bit for bit, where every range is 0. Pixels between those of an
    /// image are interpolated, beyond its edge they are black.
    pub(crate) fn apply(
        &self,
        images: &Tensor,
        shape: ImageShape,
        seeds: &[u64],
        (purpose, at): (&'static str, u64),
    ) -> Tensor {
        // `[M b, k]` in ±1
        let drawn = |at: u64, k: i64| {
            let of_member = |&seed: &u64| crate::random::uniform(seed, purpose, at, &[images.size()[1], k]);
            let all: Vec<Tensor> = seeds.iter().map(of_member).collect();
            Tensor::cat(&all, 0).to_device(images.device()) * 2.0 - 1.0
        };
        let Self { brightness, contrast, .. } = *self;
        let moved = if (Self { brightness: 0.0, contrast: 0.0, ..*self }) == Self::default() {
            images.shallow_clone()
        } else {
            let draws = drawn(at, DRAWS);
            let sides = [shape.channels, shape.height, shape.width].map(|side| side as i64);
            let size = [draws.size()[0], sides[0], sides[1], sides[2]];
            let grid = Tensor::affine_grid_generator(&self.maps(&draws, shape), size, false);
            // Bilinear, and zeros beyond the edge.
            images.reshape(size).grid_sampler(&grid, 0, 0, false).reshape(images.size())
        };
        if brightness + contrast == 0.0 { moved } else { self.lit(&moved, &drawn(at | LIGHT, 2)) }
    }

    /// Images `[M, b, pixels]` in the light of draws `[M b, 2]` in ±1.
    fn lit(&self, images: &Tensor, draws: &Tensor) -> Tensor {
        let [members, n] = [images.size()[0], images.size()[1]];
        let factor = |i: i64, range: f64| (draws.select(1, i) * range + 1.0).reshape([members, n, 1]);
        let images = (images * factor(0, self.brightness)).clamp(0.0, 1.0);
        let mean = images.mean_dim(-1, true, images.kind());
        ((images - &mean) * factor(1, self.contrast) + mean).clamp(0.0, 1.0)
    }

    /// The affine maps of draws `[n, 6]` in ±1, from a place of the view to that of the image, in
    /// half widths and heights: `[n, 2, 3]`. Turns and shears are those of pixels, whatever the
    /// proportions.
    fn maps(&self, draws: &Tensor, shape: ImageShape) -> Tensor {
        let draw = |i: i64, range: f64| draws.select(1, i) * range;
        let (sin, cos) = (draw(0, self.rotation).sin(), draw(0, self.rotation).cos());
        let shear = draw(1, self.shear);
        // The inverse of a scaling by 1 ± scale.
        let [x, y] = [2, 3].map(|i| (draw(i, self.scale) + 1.0).reciprocal());
        // Rotation times shear times scaling, the shift in half sides.
        let row = |a: Tensor, b: Tensor, shift: Tensor| Tensor::stack(&[a, b, shift], 1);
        let aspect = shape.height as f64 / shape.width as f64;
        let first = row(&cos * &x, (&cos * &shear - &sin) * &y * aspect, draw(4, 2.0 * self.shift));
        let second = row(&sin * &x / aspect, (&sin * &shear + &cos) * &y, draw(5, 2.0 * self.shift));
        Tensor::stack(&[first, second], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;

    const SHAPE: ImageShape = ImageShape { channels: 2, height: 5, width: 7 };

    fn images(members: i64, n: i64) -> Tensor {
        uniform(1, "images", 0, &[members, n, SHAPE.pixels() as i64])
    }

    #[test]
    fn without_a_range_nothing_changes_bit_for_bit() {
        let images = images(2, 3);
        let same = ViewsConfig::default().apply(&images, SHAPE, &[1, 2], ("views", 0));
        assert_eq!(same, images);
    }

    /// Bilinear interpolation of the image at where the map takes each pixel's centre, in f64.
    #[test]
    fn views_equal_a_loop_over_pixels() {
        let views =
            ViewsConfig { rotation: 0.5, scale: 0.3, shear: 0.2, shift: 0.15, ..ViewsConfig::default() };
        let images = images(1, 4);
        let ours = views.apply(&images, SHAPE, &[7], ("views", 3));
        let draws = uniform(7, "views", 3, &[4, DRAWS]) * 2.0 - 1.0;
        let (height, width) = (SHAPE.height as i64, SHAPE.width as i64);
        for image in 0..4 {
            let draw = |i: i64| draws.double_value(&[image, i]);
            let (sin, cos) = (draw(0) * views.rotation).sin_cos();
            let (shear, [x, y]) =
                (draw(1) * views.shear, [2, 3].map(|i| 1.0 / (1.0 + draw(i) * views.scale)));
            let shift = [4, 5].map(|i| 2.0 * draw(i) * views.shift);
            for channel in 0..SHAPE.channels as i64 {
                let pixel = |row: i64, column: i64| {
                    let inside = (0..height).contains(&row) && (0..width).contains(&column);
                    let place = (channel * height + row) * width + column;
                    if inside { images.double_value(&[0, image, place]) } else { 0.0 }
                };
                for row in 0..height {
                    for column in 0..width {
                        let centre = |i: i64, n: i64| (2 * i + 1) as f64 / n as f64 - 1.0;
                        let [half_width, half_height] = [width, height].map(|side| side as f64 / 2.0);
                        // In pixels from the centre.
                        let u = centre(column, width) * half_width * x;
                        let v = centre(row, height) * half_height * y;
                        let (u, v) = (u + shear * v, v);
                        let (u, v) = (cos * u - sin * v, sin * u + cos * v);
                        let (u, v) = (u / half_width + shift[0], v / half_height + shift[1]);
                        let (left, top) =
                            (((u + 1.0) * width as f64 - 1.0) / 2.0, ((v + 1.0) * height as f64 - 1.0) / 2.0);
                        let (a, b) = (left - left.floor(), top - top.floor());
                        let (left, top) = (left.floor() as i64, top.floor() as i64);
                        let expected = (1.0 - b) * ((1.0 - a) * pixel(top, left) + a * pixel(top, left + 1))
                            + b * ((1.0 - a) * pixel(top + 1, left) + a * pixel(top + 1, left + 1));
                        let at = [0, image, (channel * height + row) * width + column];
                        let ours = ours.double_value(&at);
                        assert!((ours - expected).abs() < 1e-5, "{ours} against {expected}: f32 rounding");
                    }
                }
            }
        }
    }

    #[test]
    fn light_is_torchvisions_and_leaves_the_map_as_it_is() {
        let map =
            ViewsConfig { rotation: 0.5, scale: 0.3, shear: 0.2, shift: 0.15, ..ViewsConfig::default() };
        let views = ViewsConfig { brightness: 0.8, contrast: 0.6, ..map };
        let images = images(1, 5);
        let moved = map.apply(&images, SHAPE, &[7], ("views", 3));
        let lit = views.apply(&images, SHAPE, &[7], ("views", 3));
        let draws = uniform(7, "views", 3 | LIGHT, &[5, 2]) * 2.0 - 1.0;
        let pixels = SHAPE.pixels() as i64;
        for image in 0..5 {
            let factor = |i: i64, range: f64| 1.0 + draws.double_value(&[image, i]) * range;
            let (bright, contrast) = (factor(0, 0.8), factor(1, 0.6));
            let brightened = |pixel: i64| (moved.double_value(&[0, image, pixel]) * bright).clamp(0.0, 1.0);
            let mean = (0..pixels).map(brightened).sum::<f64>() / pixels as f64;
            for pixel in 0..pixels {
                let expected = (mean + (brightened(pixel) - mean) * contrast).clamp(0.0, 1.0);
                let ours = lit.double_value(&[0, image, pixel]);
                assert!((ours - expected).abs() < 1e-5, "{ours} against {expected}: f32 rounding");
            }
        }
        let light_alone = ViewsConfig { brightness: 0.8, contrast: 0.6, ..ViewsConfig::default() };
        let unlit = light_alone.apply(&Tensor::zeros_like(&images), SHAPE, &[7], ("views", 3));
        assert_eq!(unlit, Tensor::zeros_like(&images), "black stays black");
    }

    #[test]
    fn a_member_gets_in_a_stack_what_it_gets_alone() {
        let map = ViewsConfig { rotation: 0.3, scale: 0.2, shear: 0.2, shift: 0.1, ..ViewsConfig::default() };
        let views = ViewsConfig { brightness: 0.3, contrast: 0.4, ..map };
        let images = images(3, 4);
        let stack = views.apply(&images, SHAPE, &[5, 6, 5], ("views", 9));
        for (member, seed) in [(0, 5), (1, 6), (2, 5)] {
            let alone = views.apply(&images.narrow(0, member, 1), SHAPE, &[seed], ("views", 9));
            assert_eq!(stack.narrow(0, member, 1), alone);
        }
        let another_step = views.apply(&images, SHAPE, &[5, 6, 5], ("views", 10));
        assert_ne!(stack, another_step);
    }
}
