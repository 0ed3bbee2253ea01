//! Labels of unlabelled embeddings, guessed from those of a few: along a graph of neighbours, or by
//! the classes' centres.

mod conjugate_gradients;
mod graph;
mod soft_centres;

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::error::{EvalError, check_embeddings, check_enough, check_memory, check_positive};
use crate::neighbours::nearest;
use conjugate_gradients::solve;
use graph::Operator;

pub use graph::Graph;
pub use soft_centres::SoftCentres;

/// Rows with the ids of their classes. Rows and ids are not negative, and ids count from 0 without
/// gaps.
pub type Labelled<'a> = &'a [(usize, u32)];

/// A class for each row.
#[derive(Debug, Clone)]
pub struct Guesses {
    /// The class of each row. `[n]`
    pub classes: Vec<u32>,
    /// The larger, the surer; comparable within a class only. `[n]`
    pub confidence: Vec<f64>,
}

/// Poisson learning: each labelled row is a source of its class, and what flows from it along a
/// symmetric graph of neighbours says how near it is.
///
/// The scores u of a class solve L u = (mean over its labelled rows j of delta(j)) - D / sum of D,
/// with the graph's Laplacian L and degrees D, and the class of a row is that of the largest score.
/// Up to a term that all classes share this is Poisson learning for classes of equal size (Calder,
/// Cook, Thorpe, Slepčev 2020, "Poisson learning", equations 2.4 and 2.6, where sources are (y(j) -
/// mean y) delta(j) and scores are divided by the share of a class among the labels). Connected
/// parts of the graph are problems of their own.
///
/// Confidence is the lead over the second best class; where a part has labels of one class alone,
/// exp(u). A row in a part without any label gets the class of the nearest labelled row, and
/// confidence 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poisson {
    /// Neighbours of a row in the graph, at least 1; 10 is usual.
    pub neighbours: usize,
}

/// Propagated affinities: the class of a row is the one to whose labelled rows a random walk over
/// the graph leads it most often, with restarts.
///
/// The scores are (1 - gamma) (I - gamma P)^-1 Y, with the walk's transitions P = D^-1 W, and each
/// class's column divided by its number of labels (Dutta, Harandi, Sekhar 2021, "Semi-supervised
/// metric learning: a deep resurrection", whose propagated affinity of two rows is the product of
/// these). Confidence is the lead over the second best as a part of their sum; a row that no walk
/// reaches gets the class of the nearest labelled row, and 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affinity {
    /// Neighbours of a row in the graph, at least 1; 10 is usual.
    pub neighbours: usize,
    /// Chance that the walk goes on, in [0, 1); 0.99 is usual.
    pub gamma: f64,
}

impl Poisson {
    /// The class of each of the embeddings, of which some are `labelled`; these keep theirs.
    ///
    /// # Errors
    /// Embeddings that are not finite or too large, fewer than two, no label, one of a row that is
    /// not there, and more memory than a score may take.
    pub fn guess(&self, embeddings: ArrayView2<f32>, labelled: Labelled) -> Result<Guesses, EvalError> {
        let graph = checked_graph(embeddings, labelled, self.neighbours)?;
        let lead = |best: f64, second: f64| if second.is_finite() { best - second } else { best.exp() };
        Ok(Guesses::of_scores(&self.scores(&graph, labelled), lead).with_nearest(embeddings, labelled))
    }

    /// The scores of each class at each node, `[n, classes]`: minus infinity in parts of the graph
    /// without a label of the class.
    ///
    /// # Panics
    /// When a labelled row is no node of the graph.
    pub fn scores(&self, graph: &Graph, labelled: Labelled) -> Array2<f64> {
        assert_nodes(graph, labelled);
        let column = |rows: Vec<usize>| {
            let mut sources = vec![0.0; graph.n()];
            for &row in &rows {
                sources[row] = 1.0;
            }
            let has_source = graph.balance(&mut sources);
            let mut scores = solve(graph, Operator::Laplacian, &sources);
            graph.centre(&mut scores);
            for (score, has_source) in scores.iter_mut().zip(has_source) {
                if !has_source {
                    *score = f64::NEG_INFINITY;
                }
            }
            scores
        };
        columns(graph.n(), labelled, column)
    }
}

impl Affinity {
    /// The class of each of the embeddings, of which some are `labelled`; these keep theirs.
    ///
    /// # Errors
    /// Embeddings that are not finite or too large, fewer than two, no label, one of a row that is
    /// not there, a gamma out of range, and more memory than a score may take.
    pub fn guess(&self, embeddings: ArrayView2<f32>, labelled: Labelled) -> Result<Guesses, EvalError> {
        if !(0.0..1.0).contains(&self.gamma) {
            let (what, right) = ("gamma", "at least 0 and below 1");
            return Err(EvalError::OutOfRange { what, value: self.gamma.to_string(), right });
        }
        let graph = checked_graph(embeddings, labelled, self.neighbours)?;
        let scores =
            self.scores(&graph, labelled).mapv(|score| if score > 0.0 { score } else { f64::NEG_INFINITY });
        let lead =
            |best: f64, second: f64| if second.is_finite() { (best - second) / (best + second) } else { 1.0 };
        Ok(Guesses::of_scores(&scores, lead).with_nearest(embeddings, labelled))
    }

    /// The scores of each class at each node, `[n, classes]`.
    ///
    /// # Panics
    /// When a labelled row is no node of the graph, and when gamma is out of its range.
    pub fn scores(&self, graph: &Graph, labelled: Labelled) -> Array2<f64> {
        assert_nodes(graph, labelled);
        assert!((0.0..1.0).contains(&self.gamma), "gamma is at least 0 and below 1, not {}", self.gamma);
        let column = |rows: Vec<usize>| {
            // (I - gamma D^-1 W)^-1 y is (D - gamma W)^-1 D y, whose matrix is symmetric.
            let mut sources = vec![0.0; graph.n()];
            for &row in &rows {
                sources[row] = graph.degrees()[row];
            }
            let scores = solve(graph, Operator::Walk { gamma: self.gamma }, &sources);
            let share = (1.0 - self.gamma) / rows.len() as f64;
            scores.into_iter().map(|score| score * share).collect()
        };
        columns(graph.n(), labelled, column)
    }
}

impl Guesses {
    /// The best of each row's scores; `lead` makes a confidence of the best and the second.
    fn of_scores(scores: &Array2<f64>, lead: impl Fn(f64, f64) -> f64) -> Self {
        let of_row = |row: ArrayView1<f64>| {
            let (mut best, mut second, mut class) = (f64::NEG_INFINITY, f64::NEG_INFINITY, 0);
            for (i, &score) in row.iter().enumerate() {
                if score > best {
                    (second, best, class) = (best, score, i as u32);
                } else if score > second {
                    second = score;
                }
            }
            (class, if best.is_finite() { lead(best, second) } else { 0.0 })
        };
        let (classes, confidence) = scores.rows().into_iter().map(of_row).unzip();
        Self { classes, confidence }
    }

    /// With the class of the nearest labelled row where there was no score at all.
    fn with_nearest(mut self, embeddings: ArrayView2<f32>, labelled: Labelled) -> Self {
        let open: Vec<usize> = (0..self.classes.len()).filter(|&row| self.confidence[row] == 0.0).collect();
        let given: Vec<usize> = labelled.iter().map(|&(row, _)| row).collect();
        let select = |rows: &[usize]| embeddings.select(Axis(0), rows);
        let found = nearest(select(&given).view(), select(&open).view(), 1);
        for (row, found) in open.into_iter().zip(found) {
            self.classes[row] = labelled[found as usize].1;
        }
        self.with_truth(labelled)
    }

    fn with_truth(mut self, labelled: Labelled) -> Self {
        for &(row, class) in labelled {
            self.classes[row] = class;
            self.confidence[row] = f64::INFINITY;
        }
        self
    }

    /// Of the surest rows, at most `n` and of each class at most `of_class`, those that are not
    /// `labelled`: rows with their classes, sorted. Rows without any confidence are left out.
    ///
    /// Labelled rows are the surest of all and count towards both numbers before they are taken
    /// away: of a class with `of_class` labels or more there is no other row, and with `n` labels
    /// or more there may be none at all.
    pub fn surest(&self, n: usize, of_class: usize, labelled: Labelled) -> Vec<(usize, u32)> {
        let mut rows: Vec<usize> =
            (0..self.classes.len()).filter(|&row| self.confidence[row] > 0.0).collect();
        rows.sort_by(|&a, &b| self.confidence[b].total_cmp(&self.confidence[a]));
        let mut left: BTreeMap<u32, usize> = BTreeMap::new();
        rows.retain(|&row| {
            let left = left.entry(self.classes[row]).or_insert(of_class);
            let takes = *left > 0;
            *left -= usize::from(takes);
            takes
        });
        rows.truncate(n);
        let given: BTreeSet<usize> = labelled.iter().map(|&(row, _)| row).collect();
        rows.retain(|row| !given.contains(row));
        rows.sort_unstable();
        rows.into_iter().map(|row| (row, self.classes[row])).collect()
    }
}

fn checked_graph(embeddings: ArrayView2<f32>, labelled: Labelled, k: usize) -> Result<Graph, EvalError> {
    check_embeddings(embeddings, "rows to label")?;
    check_enough(embeddings.nrows(), 2, "for a graph")?;
    check_positive(k, "neighbours")?;
    let (n, n_classes) = (embeddings.nrows(), n_classes(labelled));
    check_given(n, labelled)?;
    // The scores of all classes, which are collected and then joined.
    check_memory(n.saturating_mul(n_classes).saturating_mul(2), "propagation", n, n_classes)?;
    Ok(Graph::of_neighbours(embeddings, k))
}

/// Refuses no label, and labels of rows that are not there.
fn check_given(n: usize, labelled: Labelled) -> Result<(), EvalError> {
    check_enough(labelled.len(), 1, "with a label to guess others from")?;
    match labelled.iter().find(|&&(row, _)| row >= n) {
        Some(&(row, _)) => Err(EvalError::NoSuchRow { row, n }),
        None => Ok(()),
    }
}

/// Panics on a label of a row that is no node.
fn assert_nodes(graph: &Graph, labelled: Labelled) {
    let n = graph.n();
    if let Some((row, _)) = labelled.iter().find(|&&(row, _)| row >= n) {
        panic!("labelled row {row} is no node of a graph of {n}");
    }
}

/// Classes up to the last that has a label.
fn n_classes(labelled: Labelled) -> usize {
    labelled.iter().map(|&(_, class)| class as usize + 1).max().unwrap_or(0)
}

/// Scores of each class from its labelled rows; those of a class without any are minus infinity.
fn columns(n: usize, labelled: Labelled, column: impl Fn(Vec<usize>) -> Vec<f64> + Sync) -> Array2<f64> {
    let n_classes = n_classes(labelled);
    let of_class = |class: usize| {
        let own = labelled.iter().filter(|&&(_, of)| of as usize == class);
        let rows: Vec<usize> = own.map(|&(row, _)| row).collect();
        if rows.is_empty() { vec![f64::NEG_INFINITY; n] } else { column(rows) }
    };
    let columns: Vec<f64> = (0..n_classes).into_par_iter().flat_map_iter(of_class).collect();
    Array2::from_shape_vec((n_classes, n), columns).expect("a column for each class").reversed_axes()
}

#[cfg(test)]
mod tests;
