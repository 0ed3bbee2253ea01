//! The first variation against differences of solved lengths.

use dml_geometry::{Curves, Decoder};
use tch::Tensor;

use crate::support::{DOUBLE, FAR, network, numbers, solved, values};

#[test]
fn the_gradient_at_the_ends_is_that_of_finite_differences_of_the_solved_length() {
    let decoder = Decoder::new(network(1, 2));
    let [from, to] = [numbers(2, &[8, 2]) * 1.5, numbers(3, &[8, 2]) * 1.5];
    let curves = FAR.refine(&decoder, &Curves::straight(&from, &to, 32));
    let [a, b] = [&from, &to].map(|end| end.copy().set_requires_grad(true));
    let length = curves.joining(&a, &b).length(&decoder);
    assert!(length.allclose(&curves.length(&decoder), 1e-12, 0.0, false), "its own ends change nothing");
    length.sum(None).backward();
    for k in 0..2 {
        let step = Tensor::eye(2, DOUBLE).get(k) * 1e-4;
        let differences = [
            (
                a.grad(),
                solved(&decoder, &(&from + &step), &to, 32) - solved(&decoder, &(&from - &step), &to, 32),
            ),
            (
                b.grad(),
                solved(&decoder, &from, &(&to + &step), 32) - solved(&decoder, &from, &(&to - &step), 32),
            ),
        ];
        for (gradient, difference) in differences {
            let (ours, expected) = (values(&gradient.select(-1, k)), values(&(difference / 2e-4)));
            let scale = values(&gradient.abs().max())[0];
            for (ours, expected) in ours.iter().zip(&expected) {
                assert!((ours - expected).abs() < 1e-3 * scale, "{ours} against {expected}, of {scale}");
            }
        }
    }
}

#[test]
fn the_gradient_at_an_end_is_the_metric_times_the_unit_tangent() {
    let decoder = Decoder::new(network(1, 2));
    let (from, to) = (numbers(4, &[5, 2]), numbers(5, &[5, 2]));
    // So fine that the last segment is the tangent.
    let curves = FAR.refine(&decoder, &Curves::straight(&from, &to, 200));
    let end = to.copy().set_requires_grad(true);
    curves.joining(&from, &end).length(&decoder).sum(None).backward();
    let tangent = curves.points.select(-2, -1) - curves.points.select(-2, -2);
    let covector = dml_geometry::metric(&decoder, &to).matmul(&tangent.unsqueeze(-1)).squeeze_dim(-1);
    let speed = (&covector * tangent).sum_dim_intlist(-1, true, None).sqrt();
    let expected = covector / speed;
    let apart = values(&(end.grad() - &expected).abs().max())[0];
    let scale = values(&expected.abs().max())[0];
    assert!(apart < 1e-2 * scale, "{apart} of {scale}: the segment has a length");
}

#[test]
fn a_decoder_learns_from_the_length_of_a_geodesic_what_the_solved_length_does() {
    let factor = Tensor::from(0.7).set_requires_grad(true);
    let network = network(1, 2);
    let (from, to) = (numbers(6, &[4, 2]), numbers(7, &[4, 2]));
    let scaled =
        |factor: &Tensor, z: &Tensor| Tensor::cat(&[network(z), z.select(-1, 0).unsqueeze(-1) * factor], -1);
    let decoder = Decoder::new(|z| scaled(&factor, z));
    let curves = FAR.refine(&decoder, &Curves::straight(&from, &to, 32));
    curves.joining(&from, &to).length(&decoder).sum(None).backward();
    let at = |factor: f64| {
        let decoder = Decoder::new(|z| scaled(&Tensor::from(factor), z));
        values(&solved(&decoder, &from, &to, 32).sum(None))[0]
    };
    let expected = (at(0.7001) - at(0.6999)) / 2e-4;
    let ours = factor.grad().double_value(&[]);
    assert!((ours - expected).abs() < 1e-3 * expected.abs(), "{ours} against {expected}");
}
