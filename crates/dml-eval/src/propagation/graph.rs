use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::neighbours::{nearest, squared_distance};

/// A symmetric, weighted graph of nearest neighbours.
#[derive(Debug)]
pub struct Graph {
    /// Where the edges of each node begin, and where the last one's end. `[n + 1]`
    starts: Vec<usize>,
    /// The other end and the weight of each edge, sorted by end.
    edges: Vec<(u32, f64)>,
    /// Sum of each node's weights. `[n]`
    degrees: Vec<f64>,
    /// The number of each node's connected part. `[n]`
    parts: Vec<u32>,
}

/// A symmetric matrix made of the graph's weights W and degrees D.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    /// D - W
    Laplacian,
    /// D - gamma W
    Walk { gamma: f64 },
}

impl Graph {
    /// Joins each of at least two points with its `k` nearest others. The weight of j among the
    /// neighbours of i is exp(-4 |x(i) - x(j)|² / d(i)²), with the distance d(i) of the last of
    /// them, and an edge's is the mean of both directions (Calder et al. 2020, section 4).
    ///
    /// # Shapes
    /// `embeddings`: `[n, d]`
    ///
    /// # Panics
    /// With fewer than two points, and when a coordinate is not finite or beyond
    /// [`LARGEST_COORDINATE`](crate::LARGEST_COORDINATE).
    pub fn of_neighbours(embeddings: ArrayView2<f32>, k: usize) -> Self {
        let n = embeddings.nrows();
        assert!(n >= 2, "a graph joins two points or more, and there are {n}");
        let k = k.min(n - 1);
        let standard = embeddings.as_standard_layout();
        let row = |i: usize| standard.row(i).to_slice().expect("rows are contiguous");
        let found = nearest(embeddings, embeddings, k + 1);
        let of_node = |i: usize| {
            // Itself is among the nearest, but where many points coincide.
            let others = found.row(i).into_iter().copied().filter(move |&j| j as usize != i).take(k);
            let distances: Vec<(u32, f64)> =
                others.map(|j| (j, squared_distance(row(i), row(j as usize)))).collect();
            let farthest = distances.iter().map(|&(_, d)| d).fold(0.0, f64::max);
            let weight = move |d: f64| if farthest > 0.0 { (-4.0 * d / farthest).exp() } else { 1.0 };
            distances.into_iter().map(move |(j, d)| (i as u32, j, weight(d) / 2.0)).collect::<Vec<_>>()
        };
        let one_way: Vec<(u32, u32, f64)> = (0..n).into_par_iter().flat_map_iter(of_node).collect();
        let both = one_way.iter().flat_map(|&(i, j, w)| [(i, j, w), (j, i, w)]);
        Self::of_edges(n, both.collect())
    }

    /// From edges in both directions, of which equal ones are added.
    fn of_edges(n: usize, mut edges: Vec<(u32, u32, f64)>) -> Self {
        edges.par_sort_unstable_by_key(|&(i, j, _)| (i, j));
        edges.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
        let starts: Vec<usize> =
            (0..=n).map(|i| edges.partition_point(|&(from, ..)| (from as usize) < i)).collect();
        let edges: Vec<(u32, f64)> = edges.into_iter().map(|(_, to, weight)| (to, weight)).collect();
        let degrees = starts.windows(2).map(|s| edges[s[0]..s[1]].iter().map(|&(_, w)| w).sum()).collect();
        let mut graph = Self { starts, edges, degrees, parts: vec![] };
        graph.parts = graph.connected_parts();
        graph
    }

    /// Number of nodes.
    pub fn n(&self) -> usize {
        self.degrees.len()
    }

    /// The sum of each node's weights, `[n]`.
    pub fn degrees(&self) -> &[f64] {
        &self.degrees
    }

    /// The nodes that a node is joined with, and the weights.
    pub fn edges(&self, node: usize) -> &[(u32, f64)] {
        &self.edges[self.starts[node]..self.starts[node + 1]]
    }

    fn connected_parts(&self) -> Vec<u32> {
        let mut parts = vec![u32::MAX; self.n()];
        let (mut next, mut open) = (0, vec![]);
        for first in 0..self.n() {
            if parts[first] != u32::MAX {
                continue;
            }
            open.push(first);
            parts[first] = next;
            while let Some(node) = open.pop() {
                for &(other, _) in self.edges(node) {
                    if parts[other as usize] == u32::MAX {
                        parts[other as usize] = next;
                        open.push(other as usize);
                    }
                }
            }
            next += 1;
        }
        parts
    }

    /// Of `values` in each connected part: the sum, and the sum of degrees.
    fn sums(&self, values: &[f64], weight: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
        let n_parts = self.parts.iter().max().map_or(0, |&part| part as usize + 1);
        let mut sums = vec![(0.0, 0.0); n_parts];
        for (i, value) in values.iter().enumerate() {
            let (sum, degrees) = &mut sums[self.parts[i] as usize];
            *sum += value * weight(i);
            *degrees += self.degrees[i];
        }
        sums
    }

    /// Makes the sources in each connected part sum to 1, and lets them flow out again, at each
    /// node by its degree: only then has the Laplacian a solution. Whether each node's part has a
    /// source.
    pub(super) fn balance(&self, sources: &mut [f64]) -> Vec<bool> {
        let sums = self.sums(sources, |_| 1.0);
        let of_node = |(i, source): (usize, &mut f64)| {
            let (sum, degrees) = sums[self.parts[i] as usize];
            let has_source = sum > 0.0;
            if has_source {
                *source = *source / sum - self.degrees[i] / degrees;
            }
            has_source
        };
        sources.iter_mut().enumerate().map(of_node).collect()
    }

    /// Moves the mean in each connected part, weighted by degrees, to 0: the Laplacian leaves it
    /// open.
    pub(super) fn centre(&self, values: &mut [f64]) {
        let sums = self.sums(values, |i| self.degrees[i]);
        for (i, value) in values.iter_mut().enumerate() {
            let (sum, degrees) = sums[self.parts[i] as usize];
            *value -= sum / degrees;
        }
    }

    /// The operator times `x`.
    pub(super) fn times(&self, operator: Operator, x: &[f64], out: &mut [f64]) {
        let gamma = match operator {
            Operator::Laplacian => 1.0,
            Operator::Walk { gamma } => gamma,
        };
        for (i, out) in out.iter_mut().enumerate() {
            let neighbours: f64 = self.edges(i).iter().map(|&(j, weight)| weight * x[j as usize]).sum();
            *out = self.degrees[i] * x[i] - gamma * neighbours;
        }
    }
}
