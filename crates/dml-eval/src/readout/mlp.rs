use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul, parallel::prelude::*, s};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Classifier, Fit, argmax, on_classes};
use crate::error::EvalError;
use crate::label::Label;
use crate::random::generator;

const N_HIDDEN: usize = 100;
const LEARNING_RATE: f32 = 1e-3;
const BETAS: [f32; 2] = [0.9, 0.999];
const L2: f32 = 1e-4;
const MAX_BATCH: usize = 200;
const MAX_EPOCHS: usize = 200;
const TOLERANCE: f64 = 1e-4;
const PATIENCE: usize = 10;

/// A perceptron with one hidden layer, trained as scikit-learn's `MLPClassifier` is by default: 100 rectified units,
/// weights and biases from the Glorot uniform distribution, Adam with learning rate 1e-3, L2 1e-4, batches of
/// min(200, n), at most 200 epochs, an end once the loss has not fallen by 1e-4 for more than 10 epochs in a row.
///
/// Two classes have two softmax outputs here, one logistic output there; everything is in `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mlp {
    /// Draws the initial weights and the batches.
    pub seed: u64,
}

impl<L: Label> Classifier<L> for Mlp {
    fn fit_predict(
        &self,
        embeddings: ArrayView2<f32>,
        labels: &[L],
        queries: ArrayView2<f32>,
    ) -> Result<Vec<L>, EvalError> {
        on_classes(embeddings, labels, queries, |fit| {
            let mut network = Network::new(fit.embeddings.ncols(), fit.n_classes, self.seed);
            network.train(fit, &mut generator(self.seed, "mlp batches"))?;
            Ok(network.predict(queries))
        })
    }
}

/// Both layers hold their bias as the last row, and their input a last column of ones.
#[derive(Debug, Clone)]
struct Network {
    hidden: Array2<f32>, // [d + 1, N_HIDDEN]
    output: Array2<f32>, // [N_HIDDEN + 1, n_classes]
}

impl Network {
    fn new(d: usize, n_classes: usize, seed: u64) -> Self {
        let mut rng = generator(seed, "mlp weights");
        let mut layer = |fan_in: usize, fan_out: usize| {
            let bound = (6.0 / (fan_in + fan_out) as f32).sqrt();
            Array2::from_shape_simple_fn((fan_in + 1, fan_out), || rng.gen_range(-bound..=bound))
        };
        Self { hidden: layer(d, N_HIDDEN), output: layer(N_HIDDEN, n_classes) }
    }

    fn train(&mut self, fit: Fit, rng: &mut ChaCha8Rng) -> Result<(), EvalError> {
        let n = fit.classes.len();
        let mut adam = Adam::new(self);
        let mut gradient = self.clone();
        let mut order: Vec<usize> = (0..n).collect();
        let mut pass = Pass::new(MAX_BATCH.min(n), self);
        let (mut best, mut n_stale) = (f64::INFINITY, 0);
        for _ in 0..MAX_EPOCHS {
            order.shuffle(rng);
            let mut loss = 0.0;
            for rows in order.chunks(MAX_BATCH) {
                loss += self.gradient(&mut pass, fit, rows, &mut gradient) * rows.len() as f64 / n as f64;
                adam.step(self, &gradient);
            }
            if !loss.is_finite() {
                return Err(EvalError::Diverged { readout: "mlp" });
            }
            n_stale = if loss > best - TOLERANCE { n_stale + 1 } else { 0 };
            best = best.min(loss);
            if n_stale > PATIENCE {
                break;
            }
        }
        Ok(())
    }

    /// Writes the gradient of a batch's mean loss and returns that loss.
    fn gradient(&self, pass: &mut Pass, fit: Fit, rows: &[usize], gradient: &mut Self) -> f64 {
        let (b, d) = (rows.len(), self.hidden.nrows() - 1);
        let mut input = pass.input.slice_mut(s![..b, ..]);
        for (mut input, &row) in input.rows_mut().into_iter().zip(rows) {
            input.slice_mut(s![..d]).assign(&fit.embeddings.row(row));
        }
        let mut hidden = pass.hidden.slice_mut(s![..b, ..]);
        let mut scores = pass.scores.slice_mut(s![..b, ..]);
        self.forward(input.view(), &mut hidden, &mut scores);

        let mut loss = 0.0;
        for (mut scores, &row) in scores.rows_mut().into_iter().zip(rows) {
            let scores = scores.as_slice_mut().expect("standard layout");
            softmax(scores);
            let truth = &mut scores[fit.classes[row] as usize];
            loss -= f64::from(truth.max(f32::MIN_POSITIVE).ln());
            *truth -= 1.0;
        }
        let mut back = pass.back.slice_mut(s![..b, ..]);
        general_mat_mul(1.0, &scores, &self.output.slice(s![..N_HIDDEN, ..]).t(), 0.0, &mut back);
        let active = hidden.slice(s![.., ..N_HIDDEN]);
        back.zip_mut_with(&active, |back, &active| *back *= f32::from(u8::from(active > 0.0)));

        let share = 1.0 / b as f32;
        let mut squares = 0.0;
        let layers = [
            (&self.hidden, &input, &back, &mut gradient.hidden),
            (&self.output, &hidden, &scores, &mut gradient.output),
        ];
        for (layer, input, error, gradient) in layers {
            general_mat_mul(share, &input.t(), error, 0.0, gradient);
            // Biases, the last row, are not penalized.
            let weights = layer.slice(s![..-1, ..]);
            gradient.slice_mut(s![..-1, ..]).scaled_add(L2 * share, &weights);
            squares += weights.iter().map(|w| w * w).sum::<f32>();
        }
        (loss + f64::from(L2 * squares) / 2.0) / b as f64
    }

    fn forward(
        &self,
        input: ArrayView2<f32>,
        hidden: &mut ArrayViewMut2<f32>,
        scores: &mut ArrayViewMut2<f32>,
    ) {
        let mut units = hidden.slice_mut(s![.., ..N_HIDDEN]);
        general_mat_mul(1.0, &input, &self.hidden, 0.0, &mut units);
        units.mapv_inplace(|x| x.max(0.0));
        general_mat_mul(1.0, hidden, &self.output, 0.0, scores);
    }

    fn predict(&self, queries: ArrayView2<f32>) -> Vec<u32> {
        let ask = |queries: ArrayView2<f32>| {
            let mut pass = Pass::new(queries.nrows(), self);
            pass.input.slice_mut(s![.., ..-1]).assign(&queries);
            self.forward(pass.input.view(), &mut pass.hidden.view_mut(), &mut pass.scores.view_mut());
            let winner =
                |scores: ndarray::ArrayView1<f32>| argmax(scores.as_slice().expect("standard layout"));
            pass.scores.rows().into_iter().map(winner).collect::<Vec<u32>>()
        };
        queries.axis_chunks_iter(Axis(0), MAX_BATCH).into_par_iter().flat_map_iter(ask).collect()
    }
}

/// What a batch leaves on its way through the network.
#[derive(Debug)]
struct Pass {
    input: Array2<f32>,  // [b, d + 1]
    hidden: Array2<f32>, // [b, N_HIDDEN + 1]
    scores: Array2<f32>, // [b, n_classes]
    back: Array2<f32>,   // [b, N_HIDDEN]
}

impl Pass {
    fn new(b: usize, network: &Network) -> Self {
        let ones = |layer: &Array2<f32>| Array2::ones((b, layer.nrows()));
        let zeros = |layer: &Array2<f32>| Array2::zeros((b, layer.ncols()));
        Self {
            input: ones(&network.hidden),
            hidden: ones(&network.output),
            scores: zeros(&network.output),
            back: zeros(&network.hidden),
        }
    }
}

fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

/// Adam (Kingma & Ba 2015, with the bias corrections in the step size, as in the paper's section 2).
#[derive(Debug)]
struct Adam {
    mean: Network,
    square: Network,
    n_steps: i32,
}

impl Adam {
    fn new(network: &Network) -> Self {
        let zeros = Network {
            hidden: Array2::zeros(network.hidden.dim()),
            output: Array2::zeros(network.output.dim()),
        };
        Self { mean: zeros.clone(), square: zeros, n_steps: 0 }
    }

    fn step(&mut self, network: &mut Network, gradient: &Network) {
        self.n_steps += 1;
        let [beta_1, beta_2] = BETAS;
        let rate =
            LEARNING_RATE * (1.0 - beta_2.powi(self.n_steps)).sqrt() / (1.0 - beta_1.powi(self.n_steps));
        let layers = [
            (&mut network.hidden, &gradient.hidden, &mut self.mean.hidden, &mut self.square.hidden),
            (&mut network.output, &gradient.output, &mut self.mean.output, &mut self.square.output),
        ];
        for (weights, gradient, mean, square) in layers {
            ndarray::Zip::from(weights).and(gradient).and(mean).and(square).for_each(|w, &g, m, v| {
                *m = beta_1 * *m + (1.0 - beta_1) * g;
                *v = beta_2 * *v + (1.0 - beta_2) * g * g;
                *w -= rate * *m / (v.sqrt() + 1e-8);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let embeddings = Array2::from_shape_fn((9, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f32 / 4.0 - 1.2);
        let classes = [0, 1, 2, 0, 1, 2, 0, 0, 1];
        let fit = Fit { embeddings: embeddings.view(), classes: &classes, n_classes: 3 };
        let network = Network::new(3, 3, 4);
        let rows: Vec<usize> = (0..9).collect();
        let mut gradient = network.clone();
        let mut pass = Pass::new(9, &network);
        let mut scratch = network.clone();
        network.gradient(&mut pass, fit, &rows, &mut gradient);
        let step = 1e-2;
        for (layer, i, j) in [(0, 0, 5), (0, 3, 17), (1, 9, 2), (1, N_HIDDEN, 1), (0, 1, 99)] {
            let mut loss_at = |by: f32| {
                let mut network = network.clone();
                let layer = if layer == 0 { &mut network.hidden } else { &mut network.output };
                layer[[i, j]] += by;
                network.gradient(&mut pass, fit, &rows, &mut scratch)
            };
            let slope = (loss_at(step) - loss_at(-step)) / f64::from(2.0 * step);
            let exact = if layer == 0 { gradient.hidden[[i, j]] } else { gradient.output[[i, j]] };
            // f32 losses near 1 differ by 1e-7 in rounding alone, which the step of 1e-2 makes 1e-5 of slope; a
            // rectified unit that switches within the step adds more, and none here does.
            assert!(
                (slope - f64::from(exact)).abs() < 2e-4,
                "layer {layer} at {i}, {j}: {slope} and {exact}"
            );
        }
    }
}
