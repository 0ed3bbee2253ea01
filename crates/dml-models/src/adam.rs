//! Adam on stacked tensors, with moments that can be saved: tch exposes neither its optimisers'
//! state nor per-member step sizes.

use pulp::Arch;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::error::{Checks, in_range};
use crate::parameters::Parameters;
use crate::precision::Precision;
use crate::schedule::Schedule;

/// The `[training]` of a trial: epochs, Adam (Kingma & Ba 2015), and the precision of products.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Number of epochs, at least 1.
    pub epochs: u32,
    /// Step size, above 0, also in f32.
    pub learning_rate: f64,
    /// Decay of the first moment, in [0, 1).
    pub beta1: f64,
    /// Decay of the second moment, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the second moment, above 0, also in f32.
    pub epsilon: f64,
    /// In what products are computed.
    pub precision: Precision,
    /// How the step size moves over the epochs.
    pub schedule: Schedule,
}

impl Default for TrainingConfig {
    /// Adam as in the paper, for 20 epochs in f32.
    fn default() -> Self {
        Self {
            epochs: 20,
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            precision: Precision::F32,
            schedule: Schedule::Constant,
        }
    }
}

impl TrainingConfig {
    /// Checks every range.
    pub(crate) fn check(&self) -> Checks {
        // Steps are taken in f32, where a smaller number is 0. Of the betas only 1 - beta gets
        // there, which is large enough for any below 1.
        let is_positive = |value: f64| (f32::MIN_POSITIVE..=f32::MAX).contains(&(value as f32));
        let positive = |key, value: f64| {
            let range = "above 0, from 1.2e-38 to 3.4e38";
            in_range(key, format_args!("{value:?}"), is_positive(value), range)
        };
        let below_one = |key, value: f64| in_range(key, value, (0.0..1.0).contains(&value), "in [0, 1)");
        vec![
            in_range("training.epochs", self.epochs, self.epochs >= 1, "at least 1"),
            positive("training.learning_rate", self.learning_rate),
            positive("training.epsilon", self.epsilon),
            below_one("training.beta1", self.beta1),
            below_one("training.beta2", self.beta2),
        ]
    }
}

/// Adam (Kingma & Ba 2015, algorithm 1), with PyTorch's placing of epsilon.
///
/// A parameter that got no gradient in a step stays as it is: neither its moments nor its step
/// count move. The same holds for a member that is not active.
#[derive(Debug)]
pub struct Adam {
    /// First moments, shaped like the parameters.
    pub first: Vec<Tensor>,
    /// Second moments, shaped like the parameters.
    pub second: Vec<Tensor>,
    /// Steps taken: `[parameter][member]`.
    pub steps: Vec<Vec<u32>>,
    learning_rates: Vec<f64>,
    /// What all learning rates are multiplied with in the next step.
    pub rate_factor: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
}

impl Adam {
    /// Fresh moments. Members share everything but their learning rate.
    pub fn new(parameters: &Parameters, config: &TrainingConfig, learning_rates: Vec<f64>) -> Self {
        let zeros = || parameters.tensors.iter().map(Tensor::zeros_like).collect();
        Self {
            first: zeros(),
            second: zeros(),
            steps: vec![vec![0; learning_rates.len()]; parameters.tensors.len()],
            learning_rates,
            rate_factor: 1.0,
            beta1: config.beta1,
            beta2: config.beta2,
            epsilon: config.epsilon,
        }
    }

    /// One step along the gradients of `leaves` (from [`Parameters::leaves`], after `backward`).
    /// `activity` says for the place of a parameter which members are active.
    pub fn step<'a>(
        &mut self,
        parameters: &mut Parameters,
        leaves: &[Tensor],
        activity: &dyn Fn(usize) -> &'a [bool],
    ) {
        let _guard = no_grad_guard();
        let gradients = leaves.iter().map(Tensor::grad).enumerate();
        let touched: Vec<(usize, Tensor)> = gradients.filter(|(_, gradient)| gradient.defined()).collect();
        let Some((_, any)) = touched.first() else { return };
        let on_host = any.device() == Device::Cpu;
        for &(i, _) in &touched {
            for (count, &active) in self.steps[i].iter_mut().zip(activity(i)) {
                *count += u32::from(active);
            }
        }
        if on_host {
            for (i, gradient) in touched {
                self.on_host(i, &mut parameters.tensors[i], &gradient, activity(i));
            }
        } else {
            self.on_device(parameters, &touched, activity);
        }
    }

    /// Factors of one member's step: of the second moment, and of the whole.
    fn scales(&self, i: usize, member: usize) -> (f64, f64) {
        let correction = |beta: f64| 1.0 - beta.powi(self.steps[i][member] as i32);
        (
            1.0 / correction(self.beta2),
            -self.learning_rates[member] * self.rate_factor / correction(self.beta1),
        )
    }

    /// One pass over memory, with the widest vector instructions that the processor has; these give
    /// the same numbers as narrower ones.
    fn on_host(&mut self, i: usize, parameter: &mut Tensor, gradient: &Tensor, active: &[bool]) {
        let scales: Vec<(f64, f64)> = (0..active.len()).map(|m| self.scales(i, m)).collect();
        let (decay1, decay2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let epsilon = self.epsilon as f32;
        let arch = Arch::new();
        let mut gradient = gradient.contiguous();
        let n = parameter.numel() / active.len();
        let members = values(parameter)
            .chunks_exact_mut(n)
            .zip(values(&mut gradient).chunks_exact(n))
            .zip(
                values(&mut self.first[i])
                    .chunks_exact_mut(n)
                    .zip(values(&mut self.second[i]).chunks_exact_mut(n)),
            )
            .zip(active.iter().zip(scales));
        for (((parameter, gradient), (first, second)), (&active, (of_second, of_step))) in members {
            if !active {
                continue;
            }
            let (of_second, of_step) = (of_second as f32, of_step as f32);
            arch.dispatch(
                #[inline(always)]
                || {
                    for (((x, &g), m), v) in parameter.iter_mut().zip(gradient).zip(first).zip(second) {
                        *m += (g - *m) * decay1;
                        *v += (g * g - *v) * decay2;
                        *x += of_step * *m / ((*v * of_second).sqrt() + epsilon);
                    }
                },
            );
        }
    }

    /// Tensor operations. The numbers of all parameters and members go to the device in one copy:
    /// each copy waits for the device.
    fn on_device<'a>(
        &mut self,
        parameters: &mut Parameters,
        touched: &[(usize, Tensor)],
        activity: &dyn Fn(usize) -> &'a [bool],
    ) {
        let mut numbers: Vec<f32> = Vec::new();
        for &(i, _) in touched {
            let active = activity(i);
            let mut per_member = |number: &dyn Fn(usize) -> f64| {
                let members = active.iter().enumerate();
                numbers.extend(members.map(|(m, &active)| if active { number(m) as f32 } else { 0.0 }));
            };
            per_member(&|_| 1.0 - self.beta1);
            per_member(&|_| 1.0 - self.beta2);
            per_member(&|m| self.scales(i, m).0);
            per_member(&|m| self.scales(i, m).1);
        }
        let shape = [touched.len() as i64, 4, self.learning_rates.len() as i64];
        let numbers = Tensor::from_slice(&numbers).to_device(touched[0].1.device()).reshape(shape);
        for (place, (i, gradient)) in touched.iter().enumerate() {
            let parameter = &mut parameters.tensors[*i];
            let mut shape = vec![1; parameter.dim()];
            shape[0] = -1;
            let [decay1, decay2, of_second, of_step] =
                [0, 1, 2, 3].map(|number| numbers.get(place as i64).get(number).reshape(&shape));
            // A resting member's gradient may be NaN, which no weight of 0 takes away.
            let gradient = if activity(*i).contains(&false) {
                gradient.masked_fill(&decay1.eq(0.0), 0.0)
            } else {
                gradient.shallow_clone()
            };
            let (first, second) = (&mut self.first[*i], &mut self.second[*i]);
            let _ = first.lerp_tensor_(&gradient, &decay1);
            let _ = second.lerp_tensor_(&gradient.square(), &decay2);
            let _ = parameter.g_add_(&(&*first / ((&*second * of_second).sqrt() + self.epsilon) * of_step));
        }
    }
}

/// The values of a contiguous f32 tensor on the CPU.
#[expect(
    unsafe_code,
    reason = "tch has no safe view of a tensor's memory; copying it out and in would cost more than the step"
)]
fn values(tensor: &mut Tensor) -> &mut [f32] {
    assert!(
        tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.is_contiguous(),
        "a contiguous f32 tensor on the CPU"
    );
    // SAFETY: just checked to be numel() floats in a row; the tensor is borrowed for as long as the
    // slice lives, and nothing else writes: parameters, moments and gradients are the training
    // loop's own.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Declaration, Start};

    const CONFIG: TrainingConfig = TrainingConfig {
        epochs: 1,
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        precision: Precision::F32,
        schedule: Schedule::Constant,
    };

    fn parameters(seeds: &[u64]) -> Parameters {
        let declaration =
            |name: &str| Declaration { name: name.into(), shape: vec![3], start: Start::within(1.0) };
        Parameters::draw(&[declaration("a"), declaration("b")], seeds)
    }

    /// Loss with gradient `x - target` for "a", none for "b".
    fn descend(p: &mut Parameters, adam: &mut Adam, active: &[bool]) {
        let leaves = p.leaves();
        (&leaves[0] - 2.0).square().sum(Kind::Float).g_mul_scalar(0.5).backward();
        adam.step(p, &leaves, &|_| active);
    }

    #[test]
    fn steps_equal_a_loop_in_f64() {
        let mut p = parameters(&[5]);
        let mut adam = Adam::new(&p, &CONFIG, vec![0.1]);
        let start: Vec<f64> = (0..3).map(|i| p.tensors[0].double_value(&[0, i])).collect();
        for _ in 0..20 {
            descend(&mut p, &mut adam, &[true]);
        }
        for (i, &start) in start.iter().enumerate() {
            let (mut x, mut m, mut v) = (start, 0.0, 0.0);
            for t in 1..=20 {
                let g = x - 2.0;
                m = 0.9 * m + 0.1 * g;
                v = 0.999 * v + 0.001 * g * g;
                x -= 0.1 * (m / (1.0 - 0.9_f64.powi(t))) / ((v / (1.0 - 0.999_f64.powi(t))).sqrt() + 1e-8);
            }
            let ours = p.tensors[0].double_value(&[0, i as i64]);
            assert!((ours - x).abs() < 1e-5, "{ours} against {x}: f32 rounding of 20 steps");
        }
    }

    #[test]
    fn wide_vectors_give_the_bits_of_a_plain_loop() {
        // No multiple of a vector's width.
        let declaration = Declaration { name: "a".into(), shape: vec![1003], start: Start::within(1.0) };
        let mut p = Parameters::draw(&[declaration], &[5]);
        let gradients = Tensor::arange(3009, (Kind::Float, Device::Cpu)).sin().reshape([3, 1, 1003]);
        let mut adam = Adam::new(&p, &CONFIG, vec![0.1]);
        let (mut x, mut m, mut v) = (values(&mut p.tensors[0]).to_vec(), [0.0_f32; 1003], [0.0_f32; 1003]);
        for t in 0..3 {
            let mut gradient = gradients.get(t);
            adam.steps[0][0] = t as u32 + 1;
            adam.on_host(0, &mut p.tensors[0], &gradient, &[true]);
            let (of_second, of_step) = adam.scales(0, 0);
            for (i, &g) in values(&mut gradient).iter().enumerate() {
                m[i] += (g - m[i]) * (1.0 - CONFIG.beta1) as f32;
                v[i] += (g * g - v[i]) * (1.0 - CONFIG.beta2) as f32;
                x[i] += of_step as f32 * m[i] / ((v[i] * of_second as f32).sqrt() + 1e-8);
            }
        }
        assert_eq!(values(&mut p.tensors[0]), x);
    }

    #[test]
    fn the_host_and_the_device_take_the_same_steps() {
        let (mut a, mut b) = (parameters(&[5, 6]), parameters(&[5, 6]));
        let mut on_host = Adam::new(&a, &CONFIG, vec![0.1, 0.01]);
        let mut on_device = Adam::new(&b, &CONFIG, vec![0.1, 0.01]);
        for step in 0..10 {
            let active = [true, step % 3 == 0];
            descend(&mut a, &mut on_host, &active);
            let gradient = &b.tensors[0] - 2.0;
            on_device.steps[0].iter_mut().zip(active).for_each(|(n, active)| *n += u32::from(active));
            on_device.on_device(&mut b, &[(0, gradient)], &|_| &active);
        }
        assert_eq!(on_host.steps[0], on_device.steps[0]);
        assert!(a.tensors[0].allclose(&b.tensors[0], 1e-6, 1e-7, false));
    }

    #[test]
    fn a_parameter_without_a_gradient_rests() {
        let mut p = parameters(&[5]);
        let before = p.tensors[1].copy();
        let mut adam = Adam::new(&p, &CONFIG, vec![0.1]);
        descend(&mut p, &mut adam, &[true]);
        assert!(before.equal(&p.tensors[1]));
        assert_eq!(adam.steps, [vec![1], vec![0]]);
    }

    #[test]
    fn members_of_a_stack_step_as_single_ones_and_inactive_ones_rest() {
        let mut stack = parameters(&[5, 6]);
        let mut of_stack = Adam::new(&stack, &CONFIG, vec![0.1, 0.01]);
        let mut single = parameters(&[6]);
        let mut of_single = Adam::new(&single, &CONFIG, vec![0.01]);
        for _ in 0..5 {
            descend(&mut stack, &mut of_stack, &[true, true]);
            descend(&mut single, &mut of_single, &[true]);
        }
        let second = stack.tensors[0].narrow(0, 1, 1);
        assert!(second.allclose(&single.tensors[0], 1e-6, 1e-7, false));
        let (first, second) = (stack.tensors[0].narrow(0, 0, 1).copy(), second.copy());
        descend(&mut stack, &mut of_stack, &[false, true]);
        assert!(first.equal(&stack.tensors[0].narrow(0, 0, 1)));
        assert!(!second.equal(&stack.tensors[0].narrow(0, 1, 1)));
        assert_eq!(of_stack.steps[0], [5, 6]);
    }
}
