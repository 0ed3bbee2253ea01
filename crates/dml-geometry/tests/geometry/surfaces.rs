//! Surfaces whose geodesics are known. Chords of a curve with n segments that turns by an angle are
//! too short by (angle / n)² / 24 of it, at most 3e-4 here.

use std::f64::consts::FRAC_PI_2;

use dml_geometry::{Curves, Decoder, Refinement};
use tch::Tensor;

use crate::support::{assert_close, solved, tensor, values};

fn coordinates(z: &Tensor) -> [Tensor; 2] {
    [z.select(-1, 0), z.select(-1, 1)]
}

/// By latitude and longitude.
fn sphere(z: &Tensor) -> Tensor {
    let [latitude, longitude] = coordinates(z);
    let flat = latitude.cos();
    Tensor::stack(&[&flat * longitude.cos(), &flat * longitude.sin(), latitude.sin()], -1)
}

#[test]
fn on_the_sphere_geodesics_are_great_circles() {
    let from = tensor(&[[0.5, 0.0], [-0.6, 0.3], [0.9, -1.0], [0.0, 0.0], [0.2, 0.1]]);
    let to = tensor(&[[0.4, 2.0], [0.8, 1.5], [0.7, 1.0], [0.0, 2.5], [0.2, 0.1]]);
    let ball = Decoder::new(sphere);
    let cosine = (sphere(&from) * sphere(&to)).sum_dim_intlist(-1, false, None);
    // That of a point with itself is 1 up to rounding.
    let expected = cosine.clamp(-1.0, 1.0).acos() * tensor(&[[1.0, 1.0, 1.0, 1.0, 0.0]]).get(0);
    assert_close(&solved(&ball, &from, &to, 32), &expected, 1e-3);
    // The settings for every day, in f32.
    let [from, to] = [from, to].map(|end| end.to_kind(tch::Kind::Float));
    let curves = Refinement::default().refine(&ball, &Curves::straight(&from, &to, 32));
    assert_close(&curves.length(&ball), &expected, 1e-3);
}

const LARGE: f64 = 2.0;
const SMALL: f64 = 1.0;

/// By the angle around the axis and the angle around the tube.
fn torus(z: &Tensor) -> Tensor {
    let [around, tube] = coordinates(z);
    let radius = tube.cos() * SMALL + LARGE;
    Tensor::stack(&[&radius * around.cos(), &radius * around.sin(), tube.sin() * SMALL], -1)
}

/// Of the geodesic with Clairaut's constant `c` from one angle around the tube to another: the
/// angle around the axis, and its length (Clairaut's relation, by Simpson's rule).
fn clairaut(c: f64, [from, to]: [f64; 2]) -> [f64; 2] {
    let n = 2000;
    let width = (to - from) / f64::from(n);
    let mut sums = [0.0; 2];
    for i in 0..=n {
        let weight = if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
        let radius = LARGE + SMALL * (from + width * f64::from(i)).cos();
        let root = (radius * radius - c * c).sqrt();
        sums[0] += weight * SMALL * c / (radius * root);
        sums[1] += weight * SMALL * radius / root;
    }
    sums.map(|sum| sum * width / 3.0)
}

#[test]
fn on_the_torus_geodesics_keep_clairauts_relation() {
    let doughnut = Decoder::new(torus);
    let tubes = [[-0.9, 0.8], [0.2, 1.4], [-1.5, 0.3], [-0.4, 0.5]];
    for c in [0.0, 0.8, 1.5, 1.9] {
        let [angles, lengths] = [0, 1].map(|i| tubes.map(|tube| clairaut(c, tube)[i]));
        let from = tubes.map(|[from, _]| [0.0, from]);
        let to: Vec<[f64; 2]> = tubes.iter().zip(angles).map(|(&[_, to], angle)| [angle, to]).collect();
        assert_close(
            &solved(&doughnut, &tensor(&from), &tensor(&to), 32),
            &Tensor::from_slice(&lengths),
            1e-3,
        );
    }
    let around_the_outside = solved(&doughnut, &tensor(&[[0.0, 0.0]]), &tensor(&[[1.0, 0.0]]), 32);
    assert_close(&around_the_outside, &Tensor::from_slice(&[LARGE + SMALL]), 1e-3);
}

/// By the angle along the roll, whose radius is that angle, and by height.
fn swiss_roll(z: &Tensor) -> Tensor {
    let [along, height] = coordinates(z);
    Tensor::stack(&[&along * along.cos(), height, &along * along.sin()], -1)
}

/// The length of the spiral up to an angle.
fn unrolled(along: f64) -> f64 {
    f64::midpoint(along * along.hypot(1.0), along.asinh())
}

#[test]
fn the_swiss_roll_is_a_rolled_plane() {
    let pairs = [[4.0, 0.0, 10.0, 15.0], [9.0, -3.0, 3.0, 2.0], [5.0, 1.0, 5.0, 7.0], [6.0, 4.0, 12.0, 4.0]];
    let from = pairs.map(|[along, height, ..]| [along, height]);
    let to = pairs.map(|[.., along, height]| [along, height]);
    let expected = pairs.map(|[a, h, b, i]| (unrolled(b) - unrolled(a)).hypot(i - h));
    let lengths = solved(&Decoder::new(swiss_roll), &tensor(&from), &tensor(&to), 96);
    assert_close(&lengths, &Tensor::from_slice(&expected), 1e-3);
}

#[test]
fn energy_is_the_length_squared_at_even_speed_and_more_otherwise() {
    let ball = Decoder::new(sphere);
    let (from, to) = (tensor(&[[0.0, 0.0]]), tensor(&[[0.0, FRAC_PI_2]]));
    let even = Curves::straight(&from, &to, 64);
    assert_close(&even.energy(&ball), &even.length(&ball).square(), 1e-12);
    let hurried = Curves { points: &even.points * &even.points / FRAC_PI_2 };
    assert_close(&hurried.length(&ball), &even.length(&ball), 1e-3);
    // The speed 2 t has a mean square of 4 / 3.
    let ratio = values(&(hurried.energy(&ball) / even.energy(&ball)))[0];
    assert!((ratio - 4.0 / 3.0).abs() < 1e-3, "{ratio}");
}
