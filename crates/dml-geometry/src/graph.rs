//! Shortest paths along neighbours.

use tch::{Kind, Tensor};

use crate::rows::rows;
use crate::{Curves, Decoder};

/// A graph over points of the latent space, of which each is joined with its nearest others by a
/// straight line that weighs its decoded length, and the shortest paths along it.
///
/// Every path is a curve, so its length is at least that of the geodesic (up to the error of
/// chords, see [`Curves`]). Where neighbours leave the points in parts, the nearest points of two
/// parts are joined too.
#[derive(Debug)]
pub struct Graph {
    /// The points, `[..., nodes, d]`.
    pub nodes: Tensor,
    /// Lengths of the shortest paths, `[..., nodes, nodes]`.
    pub distances: Tensor,
    /// The node after i on the way to j, `[..., nodes, nodes]`.
    next: Tensor,
    segments: i64,
}

/// Where points enter a [`Graph`]: by straight lines to the nodes that are nearest to them.
#[derive(Debug)]
pub struct Entries {
    /// Numbers of nodes, `[..., n, entries]`.
    pub nodes: Tensor,
    /// Decoded lengths of the lines, `[..., n, entries]`.
    pub lengths: Tensor,
}

impl Graph {
    /// Joins each of the `nodes` `[..., n, d]` with its `neighbours` nearest others, in Euclidean
    /// distance, by lines of so many segments.
    ///
    /// All shortest paths are computed at once (Floyd 1962), in n steps of n² operations: for some
    /// hundreds of nodes.
    ///
    /// # Panics
    /// Without two nodes.
    pub fn of_neighbours(decoder: &Decoder, nodes: &Tensor, neighbours: i64, segments: i64) -> Self {
        let _guard = tch::no_grad_guard();
        let nodes = nodes.detach();
        let n = nodes.size()[nodes.dim() - 2];
        assert!(n > 1, "a graph has two nodes at least");
        let apart = euclidean(&nodes, &nodes);
        let infinite = apart.full_like(f64::INFINITY);
        // A node itself is no neighbour, however many coincide with it.
        let itself = Tensor::eye_m(n, n, (Kind::Bool, nodes.device()));
        let others = apart.masked_fill(&itself, f64::INFINITY);
        // [..., n, neighbours]
        let found = others.topk(neighbours.clamp(1, n - 1), -1, false, false).1;
        let lengths = lines(decoder, &nodes, &nodes, &found, segments);
        let one_way = infinite.scatter(-1, &found, &lengths);
        let both_ways = one_way.minimum(&one_way.transpose(-2, -1)).masked_fill(&itself, 0.0);
        let next = Tensor::arange(n, (Kind::Int64, nodes.device())).expand_as(&both_ways).contiguous();
        let mut graph = Self { nodes, distances: both_ways, next, segments };
        let leading = graph.nodes.size();
        let leading = [&leading[..leading.len() - 2], &[1]].concat();
        for node in 0..n {
            let node = Tensor::full(&leading, node, (Kind::Int64, graph.nodes.device()));
            graph.go_through(&node);
        }
        graph.join_parts(decoder, &others);
        graph
    }

    /// Paths that go through a node, of each model another, where they are shorter: `[..., 1]`.
    fn go_through(&mut self, node: &Tensor) {
        let n = *self.distances.size().last().expect("two dimensions");
        let size = |last: [i64; 2]| [&node.size()[..node.dim() - 1], &last].concat();
        let column = |of: &Tensor| of.gather(-1, &node.unsqueeze(-1).expand(size([n, 1]), false), false);
        let row = self.distances.gather(-2, &node.unsqueeze(-1).expand(size([1, n]), false), false);
        let through = column(&self.distances) + row;
        let shorter = through.lt_tensor(&self.distances);
        self.next = column(&self.next).expand_as(&shorter).where_self(&shorter, &self.next);
        self.distances = through.minimum(&self.distances);
    }

    /// Joins the nearest nodes without a path, until there are none.
    fn join_parts(&mut self, decoder: &Decoder, others: &Tensor) {
        let n = *self.distances.size().last().expect("two dimensions");
        // So many joints at most, also where a distance is not finite.
        for _ in 1..n {
            let apart = self.distances.isinf();
            if apart.any().int64_value(&[]) == 0 {
                return;
            }
            // In a model without parts it is the first node with itself, which changes nothing.
            let candidates = others.masked_fill(&apart.logical_not(), f64::INFINITY).flatten(-2, -1);
            let nearest = candidates.argmin(-1, true); // [..., 1]
            let ends = [nearest.divide_scalar_mode(n, "floor"), nearest.remainder(n)];
            let [from, to] = ends.each_ref().map(|end| rows(&self.nodes, end));
            let length = Curves::straight(&from, &to, self.segments).length(decoder); // [..., 1]
            for [one, other] in [[&ends[0], &ends[1]], [&ends[1], &ends[0]]] {
                let place = one * n + other;
                let set = |matrix: &Tensor, value: &Tensor| {
                    let flat = matrix.flatten(-2, -1).scatter(-1, &place, value);
                    flat.reshape(matrix.size())
                };
                self.distances = set(&self.distances, &length);
                self.next = set(&self.next, other);
            }
            for end in &ends {
                self.go_through(end);
            }
        }
    }

    /// Joins points `[..., n, d]` with their nearest nodes, with gradients to the points.
    pub fn enter(&self, decoder: &Decoder, points: &Tensor, entries: i64) -> Entries {
        let n_nodes = self.nodes.size()[self.nodes.dim() - 2];
        let apart = euclidean(&points.detach(), &self.nodes);
        let nodes = apart.topk(entries.clamp(1, n_nodes), -1, false, false).1; // [..., n, entries]
        let lengths = lines(decoder, points, &self.nodes, &nodes, self.segments);
        Entries { nodes, lengths }
    }

    /// Lengths of the shortest paths from all points to all others, through at least one node each:
    /// `[..., from, to]`. Gradients go to the points through the lines at both ends.
    pub fn lengths(&self, from: &Entries, to: &Entries) -> Tensor {
        let to_nodes = self.by_entries(from).amin(-2, false); // [..., from, nodes]
        let m = to.nodes.size()[to.nodes.dim() - 2];
        let size = |last: i64| [&to_nodes.size()[..to_nodes.dim() - 1], &[last]].concat();
        let all = to.nodes.flatten(-2, -1).unsqueeze(-2);
        let all = all.expand(size(*all.size().last().expect("one dimension")), false);
        // [..., from, to, entries]
        let between = to_nodes.gather(-1, &all, false).unflatten(-1, [m, -1]);
        (between + to.lengths.unsqueeze(-3)).amin(-1, false)
    }

    /// Lengths of the shortest ways between points `[..., n, d]`, `[..., n, n]`, with gradients to
    /// the points: along the graph, or by a straight line where one is among the `entries` nearest
    /// points of the other, to which the way through a node may be a detour.
    ///
    /// Only points that are `counted`, `[..., n]`, are near ones: those that fill up a batch are
    /// not, so that they change no other's distance.
    pub fn lengths_between(
        &self,
        decoder: &Decoder,
        points: &Tensor,
        counted: &Tensor,
        entries: i64,
    ) -> Tensor {
        let n = points.size()[points.dim() - 2];
        let enter = self.enter(decoder, points, entries);
        let itself = Tensor::eye_m(n, n, (Kind::Bool, points.device()));
        let along = self.lengths(&enter, &enter);
        if n < 2 {
            return along.masked_fill(&itself, 0.0);
        }
        let fixed = points.detach();
        let no_other = itself.logical_or(&counted.logical_not().unsqueeze(-2));
        let others = euclidean(&fixed, &fixed).masked_fill(&no_other, f64::INFINITY);
        let found = others.topk(entries.clamp(1, n - 1), -1, false, false).1;
        let lines = lines(decoder, points, points, &found, self.segments);
        let direct = along.detach().full_like(f64::INFINITY).scatter(-1, &found, &lines);
        let shorter = along.minimum(&direct).minimum(&direct.transpose(-2, -1));
        shorter.masked_fill(&itself, 0.0)
    }

    /// From each point by each of its entries to all nodes, `[..., n, entries, nodes]`.
    fn by_entries(&self, from: &Entries) -> Tensor {
        let distances = rows(&self.distances, &from.nodes.flatten(-2, -1));
        let size = from.nodes.size();
        let entries = *size.last().expect("[..., n, entries]");
        distances.unflatten(-2, [-1, entries]) + from.lengths.unsqueeze(-1)
    }

    /// The shortest paths from points `[..., n, d]` to others, one by one, as curves of so many
    /// segments, as long as each other where they are decoded; without a graph.
    pub fn paths(&self, decoder: &Decoder, [from, to]: [&Tensor; 2], entries: i64, segments: i64) -> Curves {
        let _guard = tch::no_grad_guard();
        let [first, last] = [from, to].map(|points| self.enter(decoder, points, entries));
        // [..., n, entries, entries]
        let onward = rows_of_pairs(&self.by_entries(&first), &last.nodes);
        let total = (onward + last.lengths.unsqueeze(-2)).flatten(-2, -1);
        let best = total.argmin(-1, true); // [..., n, 1]
        let entries = *last.nodes.size().last().expect("[..., n, entries]");
        let mut node = first.nodes.gather(-1, &best.divide_scalar_mode(entries, "floor"), false);
        let end = last.nodes.gather(-1, &best.remainder(entries), false);
        let mut stops = vec![from.unsqueeze(-2), rows(&self.nodes, &node.squeeze_dim(-1)).unsqueeze(-2)];
        let n_nodes = self.nodes.size()[self.nodes.dim() - 2];
        for _ in 1..n_nodes {
            if node.eq_tensor(&end).all().int64_value(&[]) == 1 {
                break;
            }
            let onward = rows(&self.next, &node.squeeze_dim(-1)); // [..., n, nodes]
            node = onward.gather(-1, &end, false);
            stops.push(rows(&self.nodes, &node.squeeze_dim(-1)).unsqueeze(-2));
        }
        stops.push(to.unsqueeze(-2));
        at_even_lengths(decoder, &Curves { points: Tensor::cat(&stops, -2) }, segments)
    }
}

/// Decoded lengths of the lines from points `[..., n, d]` to nodes, some of each: `[..., n, k]`.
fn lines(decoder: &Decoder, points: &Tensor, nodes: &Tensor, of_each: &Tensor, segments: i64) -> Tensor {
    let k = *of_each.size().last().expect("[..., n, k]");
    let to = rows(nodes, &of_each.flatten(-2, -1)); // [..., n k, d]
    let from = points.repeat_interleave_self_int(k, -2, None);
    Curves::straight(&from, &to, segments).length(decoder).unflatten(-1, [-1, k])
}

/// Columns of each row's own matrix `[..., n, a, nodes]`, by their numbers `[..., n, b]`: `[..., n,
/// a, b]`.
fn rows_of_pairs(matrices: &Tensor, columns: &Tensor) -> Tensor {
    let mut size = matrices.size();
    let last = size.len() - 1;
    size[last] = *columns.size().last().expect("[..., n, b]");
    matrices.gather(-1, &columns.unsqueeze(-2).expand(size, false), false)
}

/// The same curves with points at even decoded lengths.
fn at_even_lengths(decoder: &Decoder, curves: &Curves, segments: i64) -> Curves {
    let reached = curves.chords(decoder).cumsum(-1, None); // [..., n, hops]
    let reached = Tensor::cat(&[reached.narrow(-1, 0, 1).zeros_like(), reached], -1);
    let hops = curves.segments();
    let part = Tensor::linspace(0.0, 1.0, segments + 1, (reached.kind(), reached.device()));
    let wanted = reached.narrow(-1, hops, 1) * part; // [..., n, segments + 1]
    let before =
        (wanted.searchsorted(&reached, false, true, "right", None::<&Tensor>) - 1).clamp(0, hops - 1);
    let [start, end] = [0, 1].map(|next| reached.gather(-1, &(&before + next), false));
    let share = ((wanted - &start) / (end - start)).nan_to_num(0.0, 0.0, 0.0).clamp(0.0, 1.0).unsqueeze(-1);
    let [here, there] = [0, 1].map(|next| rows(&curves.points, &(&before + next)));
    let (from, to) = curves.ends();
    let points: Tensor = here * (1.0 - &share) + there * share;
    let points = points.narrow(-2, 1, segments - 1);
    Curves { points: Tensor::cat(&[from.unsqueeze(-2), points, to.unsqueeze(-2)], -2) }
}

/// By differences: equal points are at a distance of exactly zero.
fn euclidean(points: &Tensor, nodes: &Tensor) -> Tensor {
    Tensor::cdist(points, nodes, 2.0, 2)
}
