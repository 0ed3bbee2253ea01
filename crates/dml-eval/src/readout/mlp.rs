use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, s};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Classifier, Fit, argmax};
use crate::error::EvalError;
use crate::label::Label;
use crate::product::{Left, add_product};
use crate::random::generator;

const N_HIDDEN: usize = 100;
const LEARNING_RATE: f32 = 1e-3;
const BETAS: [f32; 2] = [0.9, 0.999];
const L2: f32 = 1e-4;
const MAX_BATCH: usize = 200;
const MAX_EPOCHS: usize = 200;
const TOLERANCE: f64 = 1e-4;
const PATIENCE: usize = 10;
/// Every array here is one of its own or whole rows of one.
const STANDARD: &str = "standard layout";

/// A perceptron with one hidden layer, trained as scikit-learn's `MLPClassifier` is by default: 100
/// rectified units, weights and biases from the Glorot uniform distribution, Adam with learning
/// rate 1e-3, L2 1e-4, batches of min(200, n), at most 200 epochs, an end once the loss has not
/// fallen by 1e-4 for more than 10 epochs in a row.
///
/// Two classes have two softmax outputs here, one logistic output there; everything is in `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mlp {
    /// Draws the initial weights and the batches.
    pub seed: u64,
}

impl<L: Label> Classifier<L> for Mlp {
    fn predict(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<Vec<u32>, EvalError> {
        let mut network = Network::new(fit.embeddings.ncols(), fit.n_classes, self.seed);
        network.train(fit, &mut generator(self.seed, "mlp batches"))?;
        Ok(network.predict(queries))
    }
}

#[derive(Debug, Clone)]
struct Layer {
    weights: Array2<f32>, // [in, out]
    bias: Array1<f32>,    // [out]
}

impl Layer {
    fn new(fan_in: usize, fan_out: usize, rng: &mut ChaCha8Rng) -> Self {
        let bound = (6.0 / (fan_in + fan_out) as f32).sqrt();
        let mut draw = || rng.gen_range(-bound..=bound);
        let weights = Array2::from_shape_simple_fn((fan_in, fan_out), &mut draw);
        Self { weights, bias: Array1::from_shape_simple_fn(fan_out, draw) }
    }

    fn zeros_like(&self) -> Self {
        Self { weights: Array2::zeros(self.weights.dim()), bias: Array1::zeros(self.bias.dim()) }
    }

    /// Weights and bias.
    fn slices(&self) -> [&[f32]; 2] {
        [self.weights.as_slice().expect(STANDARD), self.bias.as_slice().expect(STANDARD)]
    }

    /// Weights and bias.
    fn slices_mut(&mut self) -> [&mut [f32]; 2] {
        [self.weights.as_slice_mut().expect(STANDARD), self.bias.as_slice_mut().expect(STANDARD)]
    }

    fn forward(&self, input: &ArrayView2<f32>, output: &mut ArrayViewMut2<f32>) {
        let [weights, bias] = self.slices();
        for mut output in output.rows_mut() {
            output.as_slice_mut().expect(STANDARD).copy_from_slice(bias);
        }
        let shape = [input.nrows(), input.ncols(), bias.len()];
        let left = Left::Rows(input.as_slice().expect(STANDARD));
        add_product(left, weights, output.as_slice_mut().expect(STANDARD), shape);
    }

    /// Sets this layer to the slope of the loss, given what went in and the slope of what came out.
    fn set_gradient(&mut self, input: &ArrayView2<f32>, error: &ArrayView2<f32>) {
        let shape = [input.ncols(), input.nrows(), error.ncols()];
        let left = Left::Columns(input.as_slice().expect(STANDARD));
        let [weights, bias] = self.slices_mut();
        weights.fill(0.0);
        add_product(left, error.as_slice().expect(STANDARD), weights, shape);
        bias.fill(0.0);
        for error in error.rows() {
            let error = error.to_slice().expect(STANDARD);
            bias.iter_mut().zip(error).for_each(|(bias, error)| *bias += error);
        }
    }
}

#[derive(Debug, Clone)]
struct Network {
    hidden: Layer, // d to N_HIDDEN
    output: Layer, // N_HIDDEN to n_classes
}

impl Network {
    fn new(d: usize, n_classes: usize, seed: u64) -> Self {
        let mut rng = generator(seed, "mlp weights");
        let hidden = Layer::new(d, N_HIDDEN, &mut rng);
        Self { hidden, output: Layer::new(N_HIDDEN, n_classes, &mut rng) }
    }

    fn train(&mut self, fit: Fit, rng: &mut ChaCha8Rng) -> Result<(), EvalError> {
        let n = fit.classes.len();
        let mut adam = Adam::new(self);
        let mut order: Vec<usize> = (0..n).collect();
        let mut pass = Pass::new(MAX_BATCH.min(n), self);
        let (mut best, mut n_stale) = (f64::INFINITY, 0);
        for _ in 0..MAX_EPOCHS {
            order.shuffle(rng);
            let mut loss = 0.0;
            for rows in order.chunks(MAX_BATCH) {
                let entropy = pass.run(self, fit, rows);
                loss += (entropy + f64::from(L2) / 2.0 * self.squares()) / n as f64;
                adam.step(self, &pass.gradient, rows.len());
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

    /// The sum of squared weights, without biases.
    fn squares(&self) -> f64 {
        let squares = |layer: &Layer| f64::from(layer.weights.iter().map(|w| w * w).sum::<f32>());
        squares(&self.hidden) + squares(&self.output)
    }

    fn predict(&self, queries: ArrayView2<f32>) -> Vec<u32> {
        let ask = |queries: ArrayView2<f32>| {
            let mut pass = Pass::new(queries.nrows(), self);
            pass.input.assign(&queries);
            pass.forward(self, queries.nrows());
            let winner = |scores: ArrayView1<f32>| argmax(scores.as_slice().expect(STANDARD));
            pass.scores.rows().into_iter().map(winner).collect::<Vec<u32>>()
        };
        queries.axis_chunks_iter(Axis(0), MAX_BATCH).into_par_iter().flat_map_iter(ask).collect()
    }
}

/// What up to b rows leave on their way through the network and back.
#[derive(Debug)]
struct Pass {
    input: Array2<f32>,  // [b, d]
    hidden: Array2<f32>, // [b, N_HIDDEN]
    scores: Array2<f32>, // [b, n_classes]
    back: Array2<f32>,   // [b, N_HIDDEN]
    /// Slope of the rows' summed loss.
    gradient: Network,
}

impl Pass {
    fn new(b: usize, network: &Network) -> Self {
        let d = network.hidden.weights.nrows();
        Self {
            input: Array2::zeros((b, d)),
            hidden: Array2::zeros((b, N_HIDDEN)),
            scores: Array2::zeros((b, network.output.bias.len())),
            back: Array2::zeros((b, N_HIDDEN)),
            gradient: network.clone(),
        }
    }

    fn forward(&mut self, network: &Network, b: usize) {
        let mut hidden = self.hidden.slice_mut(s![..b, ..]);
        network.hidden.forward(&self.input.slice(s![..b, ..]), &mut hidden);
        hidden.mapv_inplace(|x| x.max(0.0));
        network.output.forward(&hidden.view(), &mut self.scores.slice_mut(s![..b, ..]));
    }

    /// The summed cross-entropy of these rows; their gradient is left in `self`.
    fn run(&mut self, network: &Network, fit: Fit, rows: &[usize]) -> f64 {
        let b = rows.len();
        for (mut input, &row) in self.input.rows_mut().into_iter().zip(rows) {
            input.assign(&fit.embeddings.row(row));
        }
        self.forward(network, b);
        let mut scores = self.scores.slice_mut(s![..b, ..]);
        let mut loss = 0.0;
        for (mut scores, &row) in scores.rows_mut().into_iter().zip(rows) {
            let scores = scores.as_slice_mut().expect(STANDARD);
            softmax(scores);
            let truth = &mut scores[fit.classes[row] as usize];
            loss -= f64::from(truth.max(f32::MIN_POSITIVE).ln());
            *truth -= 1.0;
        }
        let (scores, hidden) = (scores.view(), self.hidden.slice(s![..b, ..]));
        let mut back = self.back.slice_mut(s![..b, ..]);
        back.fill(0.0);
        let turned = network.output.weights.t().as_standard_layout().into_owned();
        let right = turned.as_slice().expect(STANDARD);
        let left = Left::Rows(scores.as_slice().expect(STANDARD));
        add_product(left, right, back.as_slice_mut().expect(STANDARD), [b, scores.ncols(), N_HIDDEN]);
        back.zip_mut_with(&hidden, |back, &unit| *back = if unit > 0.0 { *back } else { 0.0 });
        self.gradient.hidden.set_gradient(&self.input.slice(s![..b, ..]), &back.view());
        self.gradient.output.set_gradient(&hidden, &scores);
        loss
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

/// Adam (Kingma & Ba 2015, with the bias corrections in the step size, as in the paper's section
/// 2).
#[derive(Debug)]
struct Adam {
    mean: Network,
    square: Network,
    n_steps: i32,
}

impl Adam {
    fn new(network: &Network) -> Self {
        let zeros = Network { hidden: network.hidden.zeros_like(), output: network.output.zeros_like() };
        Self { mean: zeros.clone(), square: zeros, n_steps: 0 }
    }

    /// One step along the mean of a summed gradient over the `b` rows it is of, plus that of the
    /// penalty.
    fn step(&mut self, network: &mut Network, gradient: &Network, b: usize) {
        self.n_steps += 1;
        let [beta_1, beta_2] = BETAS;
        let rate =
            LEARNING_RATE * (1.0 - beta_2.powi(self.n_steps)).sqrt() / (1.0 - beta_1.powi(self.n_steps));
        let share = 1.0 / b as f32;
        // Slices, other than arrays, are worked through with vector instructions.
        let update = |l2: f32, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]| {
            for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                let g = share * (g + l2 * *w);
                *m = beta_1 * *m + (1.0 - beta_1) * g;
                *v = beta_2 * *v + (1.0 - beta_2) * g * g;
                *w -= rate * *m / (v.sqrt() + 1e-8);
            }
        };
        let (mean, square) = (&mut self.mean, &mut self.square);
        for (layer, gradient, mean, square) in [
            (&mut network.hidden, &gradient.hidden, &mut mean.hidden, &mut square.hidden),
            (&mut network.output, &gradient.output, &mut mean.output, &mut square.output),
        ] {
            let ([w, b], [gw, gb]) = (layer.slices_mut(), gradient.slices());
            let ([mw, mb], [vw, vb]) = (mean.slices_mut(), square.slices_mut());
            update(L2, w, gw, mw, vw);
            update(0.0, b, gb, mb, vb);
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
        let mut pass = Pass::new(9, &network);
        pass.run(&network, fit, &rows);
        let exact = pass.gradient.clone();
        let step = 3e-3;
        let places: [fn(&mut Network) -> &mut f32; 5] = [
            |network| &mut network.hidden.weights[[0, 5]],
            |network| &mut network.hidden.bias[17],
            |network| &mut network.output.weights[[9, 2]],
            |network| &mut network.output.bias[1],
            |network| &mut network.hidden.weights[[1, 99]],
        ];
        for (i, place) in places.into_iter().enumerate() {
            let mut loss_at = |by: f32| {
                let mut network = network.clone();
                *place(&mut network) += by;
                pass.run(&network, fit, &rows)
            };
            let slope = (loss_at(step) - loss_at(-step)) / f64::from(2.0 * step);
            let exact = f64::from(*place(&mut exact.clone()));
            // Losses sum to about 10, where f32 rounds to 1e-6: 2e-4 of slope after the step of
            // 3e-3.
            assert!((slope - exact).abs() < 1e-3, "place {i}: {slope} and {exact}");
        }
    }
}
