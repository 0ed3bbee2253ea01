//! What holds for every prior: stacks, gradients, precision, extremes.

use dml_priors::Estimator::{Exact, MonteCarlo};
use dml_priors::{Density, Gaussian, Prior, PriorConfig, PseudoInputs, Vamp};
use tch::{Device, Kind, Tensor};

use crate::common::{assert_close, encoder, hypercube, mixture, normal, posteriors, uniform, values};

const MODELS: i64 = 3;
const K: i64 = 5;
const PIXELS: i64 = 6;
const D: i64 = 2;
const CPU_F64: (Kind, Device) = (Kind::Double, Device::Cpu);

/// What densities and their KL are made of, for a stack of `MODELS`.
struct Arguments {
    q: Gaussian,
    noise: Tensor,
    pseudo_inputs: Tensor,
    weights: Tensor,
    log_weights: Tensor,
    components: Gaussian,
}

impl Arguments {
    fn new() -> Self {
        let Density::Mixture { log_weights: Some(log_weights), components } = mixture(&[MODELS], K, D, 40)
        else {
            unreachable!()
        };
        Arguments {
            q: posteriors(&[MODELS, 4, D], 1),
            noise: normal(&[7, MODELS, 4, D], 2),
            pseudo_inputs: uniform(0.0, 1.0, &[MODELS, K, PIXELS], 3),
            weights: normal(&[MODELS, PIXELS, 2 * D], 4) * 0.7,
            log_weights,
            components,
        }
    }

    fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        let gaussian = |g: &Gaussian| Gaussian { mean: f(&g.mean), logvar: f(&g.logvar) };
        Arguments {
            q: gaussian(&self.q),
            noise: f(&self.noise),
            pseudo_inputs: f(&self.pseudo_inputs),
            weights: f(&self.weights),
            log_weights: f(&self.log_weights),
            components: gaussian(&self.components),
        }
    }

    /// Of every prior, and of a cube's other estimator.
    fn densities(&self) -> Vec<Density> {
        let Self { log_weights, components: Gaussian { mean, logvar }, .. } = self;
        let fitted = || Density::Mixture {
            log_weights: Some(log_weights.shallow_clone()),
            components: Gaussian { mean: mean.shallow_clone(), logvar: logvar.shallow_clone() },
        };
        let inputs = [self.pseudo_inputs.shallow_clone()];
        let of = |prior| {
            let prior = match prior {
                PriorConfig::Vamp(vamp) => PriorConfig::Vamp(Vamp { components: K, ..vamp }),
                other => other,
            };
            let density = prior.settings().density(&inputs, &encoder(&self.weights));
            density.unwrap_or_else(fitted)
        };
        PriorConfig::all().into_iter().map(of).chain([hypercube(2.0, -2.0, Exact)]).collect()
    }

    /// The KL under each of them.
    fn kls(&self) -> Vec<Tensor> {
        self.densities().iter().map(|density| density.kl(&self.q, &self.noise)).collect()
    }

    fn parameters(&self) -> [&Tensor; 4] {
        [&self.q.mean, &self.q.logvar, &self.pseudo_inputs, &self.weights]
    }
}

#[test]
fn a_stack_gives_each_model_what_it_gets_alone() {
    let stack = Arguments::new();
    let together = stack.kls();
    for m in 0..MODELS {
        // Noise has the samples first; everything else has the models first.
        let mut alone = stack.map(|t| t.get(m.min(t.size()[0] - 1)));
        alone.noise = stack.noise.select(1, m);
        for (alone, together) in alone.kls().iter().zip(&together) {
            assert_close(alone, &together.get(m), 1e-13);
        }
    }
}

#[test]
fn the_density_of_a_member_is_that_of_its_own_model() {
    let arguments = Arguments::new();
    let z = normal(&[MODELS, 4, D], 5);
    for density in arguments.densities() {
        let all = density.log_density(&z);
        for m in 0..MODELS {
            let own = density.of_member(m).log_density(&z.narrow(0, m, 1));
            assert_close(&own, &all.narrow(0, m, 1), 1e-13);
        }
    }
}

#[test]
fn the_most_probable_component_is_that_of_the_largest_weighted_density() {
    let arguments = Arguments::new();
    let z = normal(&[MODELS, 30, D], 6) * 1.5;
    for density in arguments.densities() {
        let found = density.most_probable_component(&z).unwrap();
        assert_eq!(found.size(), [MODELS, 30]);
        let components = density.components(D, CPU_F64).unwrap();
        let k = components.mean.size()[components.mean.dim() - 2];
        let expand = |t: &Tensor| t.expand([MODELS, k, D], false);
        let log_weights = match &density {
            Density::Mixture { log_weights: Some(log_weights), .. } => log_weights.shallow_clone(),
            _ => Tensor::zeros([MODELS, k], CPU_F64),
        };
        for m in 0..MODELS {
            let of_component = |component: i64| {
                let [mean, logvar] = [&components.mean, &components.logvar]
                    .map(|t| expand(t).get(m).get(component).expand([30, D], false));
                Gaussian { mean, logvar }.log_density(&z.get(m)) + log_weights.get(m).get(component)
            };
            let all = Tensor::stack(&(0..k).map(of_component).collect::<Vec<_>>(), 1); // [30, k]
            let own = all.gather(1, &found.get(m).unsqueeze(1), false).squeeze_dim(1);
            assert_close(&own, &all.amax(1, false), 1e-13);
        }
    }
}

#[test]
fn the_terms_of_each_dimension_add_up_to_the_kl() {
    let arguments = Arguments::new();
    for density in arguments.densities() {
        let terms = density.kl_per_dimension(&arguments.q, &arguments.noise);
        assert_eq!(terms.is_none(), matches!(density, Density::Mixture { .. }));
        if let Some(terms) = terms {
            assert_eq!(terms.size(), arguments.q.mean.size());
            let kl = density.kl(&arguments.q, &arguments.noise);
            assert_close(&terms.sum_dim_intlist(-1, false, None), &kl, 1e-13);
        }
    }
}

/// Central differences with a step of 1e-5 in f64: truncation and rounding are each about 1e-10.
#[test]
fn gradients_equal_finite_differences() {
    const STEP: f64 = 1e-5;
    for prior in 0..Arguments::new().densities().len() {
        let arguments = Arguments::new().map(|t| t.copy().set_requires_grad(true));
        let factors = normal(&[MODELS, 4], 9); // so that rows do not weigh the same
        (&arguments.kls()[prior] * &factors).sum(None).backward();
        let loss = |arguments: &Arguments| (&arguments.kls()[prior] * &factors).sum(None).double_value(&[]);
        let moved = Arguments::new();
        for (parameter, moved_parameter) in arguments.parameters().into_iter().zip(moved.parameters()) {
            let elements = moved_parameter.view(-1);
            let slopes: Vec<f64> = (0..elements.size()[0])
                .map(|i| {
                    let mut element = elements.get(i);
                    let mut loss_after = |step: f64| {
                        let _ = element.g_add_scalar_(step);
                        loss(&moved)
                    };
                    let (above, below) = (loss_after(STEP), loss_after(-2.0 * STEP));
                    let _ = element.g_add_scalar_(STEP);
                    (above - below) / (2.0 * STEP)
                })
                .collect();
            let slopes = Tensor::from_slice(&slopes).reshape(parameter.size());
            let gradient = parameter.grad();
            let gradient = if gradient.defined() { gradient } else { slopes.zeros_like() };
            assert_close(&gradient, &slopes, 1e-7);
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    let double = Arguments::new();
    let single = double.map(|t| t.to_kind(Kind::Float));
    for (single, double) in single.kls().iter().zip(&double.kls()) {
        assert_eq!(single.kind(), Kind::Float);
        assert_close(single, double, 1e-5);
    }
}

/// 400 rows over the range that the crate promises, f32: means ±10^[-7, 2], log-variances [-40,
/// 40], the corners first.
fn extreme_posteriors() -> Gaussian {
    let magnitude = Tensor::full([400, 2], 10.0, CPU_F64).pow(&uniform(-7.0, 2.0, &[400, 2], 1));
    let mean = magnitude * uniform(-1.0, 1.0, &[400, 2], 2).sign();
    let logvar = uniform(-40.0, 40.0, &[400, 2], 3);
    let corners =
        Tensor::from_slice(&[100.0, -40.0, 100.0, 40.0, -100.0, 40.0, 0.0, 40.0, 0.0, -40.0, 3.0, 2.0]);
    let corners = corners.reshape([6, 2, 1]).expand([6, 2, 2], false);
    mean.narrow(0, 0, 6).copy_(&corners.select(1, 0));
    logvar.narrow(0, 0, 6).copy_(&corners.select(1, 1));
    Gaussian { mean: mean.to_kind(Kind::Float), logvar: logvar.to_kind(Kind::Float) }
}

#[test]
fn values_and_gradients_are_finite_over_the_whole_range_in_single_precision() {
    let noise = normal(&[8, 400, 2], 4).to_kind(Kind::Float);
    let pseudo_inputs = Tensor::zeros([400, 1], (Kind::Float, Device::Cpu));
    let vamp = Vamp { components: 400, init: PseudoInputs::Data };
    let mut cubes = Vec::new();
    for estimator in [MonteCarlo, Exact] {
        for logvar in [-30.0, -10.0, 0.0, 30.0] {
            cubes.extend([0.0, 2.0, 1000.0].map(|side| hypercube(side, logvar, estimator)));
        }
    }
    for i in 0..cubes.len() + 2 {
        let q = extreme_posteriors();
        let q = Gaussian { mean: q.mean.set_requires_grad(true), logvar: q.logvar.set_requires_grad(true) };
        // The components are as extreme as the posteriors.
        let encode = |_: &Tensor| Gaussian { mean: q.mean.flip([0]), logvar: q.logvar.flip([0]) };
        let vamp = vamp.density(&[pseudo_inputs.shallow_clone()], &encode).unwrap();
        let density = cubes.iter().chain([&Density::Unit, &vamp]).nth(i).unwrap();
        let kl = density.kl(&q, &noise);
        kl.sum(None).backward();
        for tensor in [&kl, &q.mean.grad(), &q.logvar.grad()] {
            assert!(values(tensor).iter().all(|v| v.is_finite()), "{density:?}: {:?}", values(tensor));
        }
    }
}

#[test]
fn the_quadrature_keeps_single_precision_over_the_whole_range() {
    let single = extreme_posteriors();
    let double =
        Gaussian { mean: single.mean.to_kind(Kind::Double), logvar: single.logvar.to_kind(Kind::Double) };
    for logvar in [-30.0, -10.0, -4.0, 0.0, 1.0, 30.0] {
        for side in [0.0, 0.5, 2.0, 6.0, 1000.0] {
            let kl = |q| hypercube(side, logvar, Exact).kl_per_dimension(q, &Tensor::new()).unwrap();
            assert_close(&kl(&single), &kl(&double), 5e-6);
        }
    }
}
