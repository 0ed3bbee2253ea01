use ndarray::{Array1, Array2, ArrayView2, Axis, parallel::prelude::*, s};
use rayon::slice::ParallelSlice;

use super::{Classifier, Fit, argmax};
use crate::error::{EvalError, check_memory};
use crate::label::Label;
use crate::minimize::{MEMORY, minimize};

/// How many embeddings one thread takes at a time; fixed, so that sums do not depend on threads.
const N_ROWS: usize = 1024;
const MAX_STEPS: usize = 100;

/// Multinomial logistic regression with an L2 penalty on the weights but not the intercepts, C = 1,
/// as scikit-learn's `LogisticRegression` fits it by default: L-BFGS, at most 100 iterations, until
/// no slope is above 1e-4. [`fit_and_tell`](Classifier::fit_and_tell) says whether it got there.
///
/// The mean of each column over what is fitted on is subtracted first, there and of the queries.
/// Intercepts that are not penalized make up for it, so the minimum is the same; but a common
/// offset is a valley that L-BFGS would have to crawl along, and often does not leave in 100 steps.
///
/// This is the "linear" read-out of the paper's table 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogisticRegression {}

impl<L: Label> Classifier<L> for LogisticRegression {
    fn predict(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<Vec<u32>, EvalError> {
        Ok(Classifier::<L>::predict_and_tell(self, fit, queries)?.0)
    }

    fn predict_and_tell(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<(Vec<u32>, bool), EvalError> {
        let shape = (fit.embeddings.ncols() + 1, fit.n_classes);
        let n = fit.classes.len();
        // A gradient for each part of the rows, and those that curvature is told from.
        let n_gradients = n / N_ROWS + 2 * MEMORY + 4;
        let n_numbers = (shape.0 * shape.1).saturating_mul(n_gradients);
        check_memory(n_numbers, "logistic regression", n, fit.n_classes)?;
        let mean = column_means(fit.embeddings);
        let (flat, is_converged) = minimize(Array1::zeros(shape.0 * shape.1), MAX_STEPS, 1e-4, |flat| {
            let weights = flat.view().into_shape_with_order(shape).expect("one weight a slot");
            let (loss, gradient) = loss(fit, &mean, weights);
            (loss, gradient.into_flat())
        });
        if !flat.iter().all(|w| w.is_finite()) {
            return Err(EvalError::Diverged { readout: "linear" });
        }
        let weights = flat.into_shape_with_order(shape).expect("one weight a slot");
        let ask = |queries: ArrayView2<f32>| {
            let scores = with_ones(queries, &mean).dot(&weights).mapv(|score| score as f32);
            let winner =
                |scores: ndarray::ArrayView1<f32>| argmax(scores.as_slice().expect("standard layout"));
            scores.rows().into_iter().map(winner).collect::<Vec<u32>>()
        };
        let queries = queries.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter();
        Ok((queries.flat_map_iter(ask).collect(), is_converged))
    }
}

/// Mean cross-entropy plus the penalty over n, and its gradient; the last row of the weights are
/// the intercepts.
fn loss(fit: Fit, mean: &Array1<f64>, weights: ArrayView2<f64>) -> (f64, Array2<f64>) {
    let n = fit.classes.len() as f64;
    let part = |(embeddings, classes): (ArrayView2<f32>, &[u32])| {
        let inputs = with_ones(embeddings, mean);
        let mut scores = inputs.dot(&weights); // [rows, n_classes]
        let mut loss = 0.0;
        for (mut scores, &class) in scores.rows_mut().into_iter().zip(classes) {
            let largest = scores.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            loss -= scores[class as usize] - largest;
            scores.mapv_inplace(|score| (score - largest).exp());
            let sum = scores.sum();
            loss += sum.ln();
            scores /= sum;
            scores[class as usize] -= 1.0;
        }
        (loss, inputs.t().dot(&scores))
    };
    let embeddings = fit.embeddings.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter();
    let parts: Vec<_> = embeddings.zip(fit.classes.par_chunks(N_ROWS)).map(part).collect();
    let mut total = 0.0;
    let mut gradient = Array2::zeros(weights.dim());
    for (loss, part) in parts {
        total += loss / n;
        gradient.scaled_add(1.0 / n, &part);
    }
    // Two classes have one weight vector in scikit-learn, the difference of the two here, whose
    // halves weigh half.
    let penalty = if fit.n_classes == 2 { 2.0 / n } else { 1.0 / n };
    let penalized = weights.slice(s![..-1, ..]);
    gradient.slice_mut(s![..-1, ..]).scaled_add(penalty, &penalized);
    total += penalty / 2.0 * penalized.iter().map(|w| w * w).sum::<f64>();
    (total, gradient)
}

/// The mean of each column. `[n, d]` to `[d]`, with n above 0
fn column_means(embeddings: ArrayView2<f32>) -> Array1<f64> {
    let zeros = Array1::zeros(embeddings.ncols());
    let add = |mut sums: Array1<f64>, row: ndarray::ArrayView1<f32>| {
        sums.zip_mut_with(&row, |sum, &x| *sum += f64::from(x));
        sums
    };
    embeddings.rows().into_iter().fold(zeros, add) / embeddings.nrows() as f64
}

/// What the rows are off `mean`, in f64, with a last column of ones. // [n, d + 1]
fn with_ones(embeddings: ArrayView2<f32>, mean: &Array1<f64>) -> Array2<f64> {
    let mut inputs = Array2::ones((embeddings.nrows(), embeddings.ncols() + 1));
    let mut columns = inputs.slice_mut(s![.., ..-1]);
    columns.zip_mut_with(&embeddings, |input, &x| *input = x.into());
    columns -= mean;
    inputs
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::random::generator;

    /// Three classes that overlap, around 0. `[600, 8]`
    fn overlapping() -> (Array2<f32>, Vec<u8>) {
        let mut rng = generator(9, "overlapping");
        let labels: Vec<u8> = (0..600).map(|i| (i % 3) as u8).collect();
        let at = |(i, j): (usize, usize)| {
            // A sixteenth, which f32 holds beside 1000 too.
            let noise = (rng.gen_range(-2.0_f32..2.0) * 16.0).round() / 16.0;
            noise + if j % 3 == usize::from(labels[i]) { 1.0 } else { 0.0 }
        };
        (Array2::from_shape_fn((600, 8), at), labels)
    }

    #[test]
    fn an_offset_of_all_rows_changes_no_answer() {
        let (rows, labels) = overlapping();
        let answers = |offset: f32| {
            let rows = &rows + offset;
            let (fit, ask) = rows.view().split_at(Axis(0), 400);
            let told = LogisticRegression {}.fit_and_tell(fit, &labels[..400], ask).unwrap();
            assert!(told.1, "{offset}: has not converged");
            told.0
        };
        let expected = answers(0.0);
        let n_right = expected.iter().zip(&labels[400..]).filter(|(a, b)| a == b).count();
        assert!((100..195).contains(&n_right), "{n_right} of 200 are right, where classes overlap");
        for offset in [10.0, 100.0, 1000.0] {
            assert_eq!(answers(offset), expected, "{offset}");
        }
    }

    #[test]
    fn a_fit_that_needs_more_steps_says_so() {
        let (mut rows, labels) = overlapping();
        for (j, mut column) in rows.columns_mut().into_iter().enumerate() {
            column *= 10.0_f32.powi(j as i32);
        }
        let (_, is_converged) =
            LogisticRegression {}.fit_and_tell(rows.view(), &labels, rows.view()).unwrap();
        assert!(!is_converged);
    }
}
