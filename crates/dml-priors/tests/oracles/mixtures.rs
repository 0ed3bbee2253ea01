//! The unit prior, the Vamp prior and fitted mixtures.

use dml_priors::Estimator::MonteCarlo;
use dml_priors::{Density, Fitted, Gaussian, Mixture, Prior, PseudoInputs, Vamp};
use tch::{Device, Kind, Tensor};

use crate::common::{
    assert_close, encoder, hypercube, ln_normal, log_sum_exp, mixture, normal, posteriors, uniform, values,
    z_scores,
};

/// The Vamp prior with these pseudo-inputs.
fn vamp(pseudo_inputs: &Tensor, encode: &dyn Fn(&Tensor) -> Gaussian) -> Density {
    let prior = Vamp { components: pseudo_inputs.size()[0], init: PseudoInputs::Data };
    prior.density(&[pseudo_inputs.shallow_clone()], encode).unwrap()
}

/// KL(q ‖ p) between Gaussians of the same shape, row by row, from the textbook formula.
fn gaussian_kl(q: &Gaussian, p: &Gaussian) -> Tensor {
    let d = *q.mean.size().last().unwrap() as usize;
    let [qm, ql, pm, pl] = [&q.mean, &q.logvar, &p.mean, &p.logvar].map(values);
    let terms: Vec<f64> = (0..qm.len())
        .map(|i| 0.5 * (pl[i] - ql[i] + (ql[i].exp() + (qm[i] - pm[i]).powi(2)) / pl[i].exp() - 1.0))
        .collect();
    let rows: Vec<f64> = terms.chunks(d).map(|row| row.iter().sum()).collect();
    Tensor::from_slice(&rows)
}

#[test]
fn the_unit_kl_is_the_closed_form_and_the_mean_of_its_monte_carlo() {
    let q = posteriors(&[50, 3], 1);
    let zeros = q.mean.zeros_like();
    let expected = gaussian_kl(&q, &Gaussian { mean: zeros.copy(), logvar: zeros });
    assert_close(&Density::Unit.kl(&q, &Tensor::new()), &expected, 1e-13);

    let noise = normal(&[4_000, 50, 3], 2);
    let z = q.sample(&noise);
    let estimates = q.log_density(&z) - Density::Unit.log_density(&z);
    assert!(z_scores(&estimates, &expected).iter().all(|z| z.abs() < 4.0));
}

#[test]
fn the_vamp_prior_with_one_pseudo_input_is_a_gaussian() {
    let weights = normal(&[6, 4], 1);
    let encode = encoder(&weights);
    let pseudo_input = uniform(0.0, 1.0, &[1, 6], 2);
    let vamp = vamp(&pseudo_input, &encode);
    let p = encode(&pseudo_input);
    let q = posteriors(&[40, 2], 3);
    let p = Gaussian { mean: p.mean.expand([40, 2], false), logvar: p.logvar.expand([40, 2], false) };

    // Exactly, for given points.
    let noise = normal(&[3, 40, 2], 4);
    let z = q.sample(&noise);
    let expected = (q.log_density(&z) - p.log_density(&z)).mean_dim(0, false, None);
    assert_close(&vamp.kl(&q, &noise), &expected, 1e-12);

    // In expectation, against the closed form.
    let all = [4_000, 40, 2];
    let models = Gaussian { mean: q.mean.expand(all, false), logvar: q.logvar.expand(all, false) };
    let estimates = vamp.kl(&models, &normal(&[1, 4_000, 40, 2], 5));
    assert!(z_scores(&estimates, &gaussian_kl(&q, &p)).iter().all(|z| z.abs() < 4.0));
}

/// Log-density of each row of `z` under a weighted mixture, by loops.
fn looped_log_density(z: &Tensor, weights: &[f64], components: &Gaussian) -> Tensor {
    let rows: Vec<f64> = (0..z.size()[0])
        .map(|row| {
            let of_components: Vec<f64> = (0..components.mean.size()[0])
                .map(|k| {
                    let [z, mean, logvar] =
                        [z.get(row), components.mean.get(k), components.logvar.get(k)].map(|t| values(&t));
                    let ln_density: f64 = (0..z.len()).map(|i| ln_normal(z[i], mean[i], logvar[i])).sum();
                    weights[k as usize].ln() + ln_density
                })
                .collect();
            log_sum_exp(&of_components)
        })
        .collect();
    Tensor::from_slice(&rows)
}

#[test]
fn densities_of_mixtures_equal_a_loop_over_components() {
    let z = normal(&[9, 3], 1) * 2.0;
    let fitted = mixture(&[], 5, 3, 2);
    let Density::Mixture { log_weights: Some(log_weights), components } = &fitted else { unreachable!() };
    let expected = looped_log_density(&z, &values(&log_weights.exp()), components);
    assert_close(&fitted.log_density(&z), &expected, 1e-13);

    let (weights, pseudo_inputs) = (normal(&[4, 6], 3), uniform(0.0, 1.0, &[7, 4], 4));
    let encode = encoder(&weights);
    let expected = looped_log_density(&z, &[1.0 / 7.0; 7], &encode(&pseudo_inputs));
    assert_close(&vamp(&pseudo_inputs, &encode).log_density(&z), &expected, 1e-13);
}

#[test]
fn a_mixture_of_the_vertices_is_the_hypercube() {
    let cube = hypercube(2.0, -1.0, MonteCarlo);
    let vertices = cube.components(4, (Kind::Double, Device::Cpu)).unwrap();
    let weights = Tensor::full([16], 1.0 / 16.0, (Kind::Double, Device::Cpu));
    let fitted = Fitted { weights, means: vertices.mean, variances: vertices.logvar.exp() };
    let mixture = Mixture { components: 16 }.fitted(&fitted).unwrap();
    let (q, noise) = (posteriors(&[3, 8, 4], 1), normal(&[5, 3, 8, 4], 2));
    let expected = cube.kl(&q, &noise);
    assert_close(&mixture.kl(&q, &noise), &expected, 1e-12);
}

#[test]
fn a_component_of_weight_zero_is_not_there() {
    let numbers = |weights: &[f64]| Fitted {
        weights: Tensor::from_slice(weights),
        means: Tensor::from_slice(&[0.5, -3.0, 7.0]).reshape([3, 1]).narrow(0, 0, weights.len() as i64),
        variances: Tensor::from_slice(&[1.0, 2.0, 0.1]).reshape([3, 1]).narrow(0, 0, weights.len() as i64),
    };
    let two = Mixture { components: 2 }.fitted(&numbers(&[0.25, 0.75])).unwrap();
    let three = Mixture { components: 3 }.fitted(&numbers(&[0.25, 0.75, 0.0])).unwrap();
    let z = normal(&[20, 1], 1).set_requires_grad(true);
    let density = three.log_density(&z);
    assert_close(&density, &two.log_density(&z), 0.0);
    density.sum(None).backward();
    assert!(values(&z.grad()).iter().all(|g| g.is_finite()));
}

#[test]
fn pseudo_inputs_are_clamped_and_only_those_outside_stop_learning() {
    let weights = normal(&[6, 4], 1);
    let encode = encoder(&weights);
    let inputs =
        Tensor::from_slice(&[-0.5, 0.0, 0.25, 1.0, 1.5, 0.9]).reshape([1, 6]).set_requires_grad(true);
    let (q, noise) = (posteriors(&[5, 2], 2), normal(&[1, 5, 2], 3));
    let kl = vamp(&inputs, &encode).kl(&q, &noise);
    let clamped = Tensor::from_slice(&[0.0, 0.0, 0.25, 1.0, 1.0, 0.9]).reshape([1, 6]);
    assert_close(&kl, &vamp(&clamped, &encode).kl(&q, &noise), 0.0);
    kl.sum(None).backward();
    let learns: Vec<bool> = values(&inputs.grad()).iter().map(|g| *g != 0.0).collect();
    assert_eq!(learns, [false, true, true, true, false, true]);
}

#[test]
#[should_panic(expected = "a VampPrior of 3 components takes 3 pseudo-inputs, not 9")]
fn pseudo_inputs_are_as_many_as_configured() {
    let prior = Vamp { components: 3, init: PseudoInputs::Random };
    let weights = normal(&[6, 4], 1);
    let _ = prior.density(&[uniform(0.0, 1.0, &[9, 6], 3)], &encoder(&weights));
}
