//! The metric at points.

use dml_geometry::{Decoder, jacobian, metric, volume};
use tch::Tensor;

use crate::support::{DOUBLE, assert_close, network, numbers, tensor, values};

#[test]
fn the_jacobian_is_that_of_finite_differences_in_stacks_and_without_gradients_too() {
    let decoder = Decoder::new(network(3, 3));
    let points = numbers(9, &[2, 4, 3]);
    let ours = tch::no_grad(|| jacobian(&decoder, &points));
    assert_eq!(ours.size(), [2, 4, 20, 3]);
    for k in 0..3 {
        let step = Tensor::eye(3, DOUBLE).get(k) * 1e-6;
        let expected = (decoder.decode(&(&points + &step)) - decoder.decode(&(&points - &step))) / 2e-6;
        let apart = values(&(ours.select(-1, k) - expected).abs().max());
        assert!(apart[0] < 1e-8, "{apart:?}: rounding of differences");
    }
}

#[test]
fn the_metric_of_latitude_and_longitude_and_its_volume_are_those_of_a_map() {
    let sphere = Decoder::new(|z| {
        let (latitude, longitude) = (z.select(-1, 0), z.select(-1, 1));
        let flat = latitude.cos();
        Tensor::stack(&[&flat * longitude.cos(), &flat * longitude.sin(), latitude.sin()], -1)
    });
    let points = tensor(&[[0.3, 1.0], [-1.1, 2.0], [0.0, 0.0]]);
    let flat = points.select(-1, 0).cos();
    let expected = Tensor::stack(&[flat.ones_like(), flat.square()], -1).diag_embed(0, -2, -1);
    let apart = values(&(metric(&sphere, &points) - expected).abs().max());
    assert!(apart[0] < 1e-14, "{apart:?}");
    assert_close(&volume(&sphere, &points), &flat, 1e-14);
}

#[test]
fn a_constant_decoder_has_no_volume() {
    let constant = Decoder::new(|z| z.new_zeros([3, 5], DOUBLE));
    assert_eq!(values(&volume(&constant, &numbers(1, &[3, 2]))), [0.0; 3]);
    let weight = numbers(2, &[5]).set_requires_grad(true);
    let of_weights = Decoder::new(move |z| weight.expand([z.size()[0], 5], false));
    assert_eq!(values(&volume(&of_weights, &numbers(1, &[3, 2]))), [0.0; 3]);
}
