use rayon::prelude::*;

use super::{NearestK, squared_distance};

/// How many references a leaf holds at most.
const N_LEAF: usize = 32;

/// A k-d tree (Bentley 1975) whose nodes know their bounding box, for few dimensions.
#[derive(Debug)]
struct Tree<'a> {
    references: &'a [f32],
    d: usize,
    /// Row ids, those of a leaf side by side.
    ids: Vec<u32>,
    /// The coordinates of a leaf's rows, one dimension after another, short leaves filled up with
    /// infinity, so that a vector instruction takes several rows at once. `[leaves, d, N_LEAF]`
    columns: Vec<f32>,
    nodes: Vec<Node>,
    /// Lower and upper corner of each node's box. `[nodes, 2, d]`
    boxes: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    Leaf {
        index: usize,
        start: usize,
        end: usize,
    },
    /// The left child follows its parent.
    Split {
        right: usize,
    },
}

/// Nearest neighbours by a k-d tree. `references` and `queries` are rows of `d` coordinates.
pub(super) fn nearest(references: &[f32], queries: &[f32], d: usize, k: usize) -> Vec<u32> {
    let tree = Tree::new(references, d);
    let ask = |query: &[f32]| {
        let mut search = Search { tree: &tree, query, found: NearestK::new(k) };
        search.visit(0);
        search.found.ids().collect::<Vec<u32>>()
    };
    queries.par_chunks(d).with_min_len(64).flat_map_iter(ask).collect()
}

impl<'a> Tree<'a> {
    fn new(references: &'a [f32], d: usize) -> Self {
        let ids: Vec<u32> = (0..(references.len() / d) as u32).collect();
        let mut tree = Self { references, d, ids, columns: Vec::new(), nodes: Vec::new(), boxes: Vec::new() };
        tree.grow(0, tree.ids.len());
        tree
    }

    /// Adds the node of the ids from `start` to `end` and all below it.
    fn grow(&mut self, start: usize, end: usize) {
        let (references, d) = (self.references, self.d);
        let row = |id: u32| &references[id as usize * d..][..d];
        let mut low = vec![f32::INFINITY; d];
        let mut high = vec![f32::NEG_INFINITY; d];
        for &id in &self.ids[start..end] {
            for ((low, high), &x) in low.iter_mut().zip(&mut high).zip(row(id)) {
                (*low, *high) = (low.min(x), high.max(x));
            }
        }
        let widest = (0..d).max_by(|&a, &b| (high[a] - low[a]).total_cmp(&(high[b] - low[b]))).unwrap_or(0);
        let place = self.nodes.len();
        self.boxes.extend(low);
        self.boxes.extend(high);
        if end - start <= N_LEAF {
            self.nodes.push(Node::Leaf { index: self.columns.len() / (N_LEAF * d), start, end });
            for j in 0..d {
                self.columns.extend(self.ids[start..end].iter().map(|&id| row(id)[j]));
                self.columns.extend(std::iter::repeat_n(f32::INFINITY, N_LEAF - (end - start)));
            }
            return;
        }
        // Left halves of whole leaves leave none half empty.
        let middle = start + ((end - start).div_ceil(N_LEAF) / 2) * N_LEAF;
        let by_coordinate = |a: &u32, b: &u32| row(*a)[widest].total_cmp(&row(*b)[widest]);
        self.ids[start..end].select_nth_unstable_by(middle - start, by_coordinate);
        self.nodes.push(Node::Split { right: 0 });
        self.grow(start, middle);
        self.nodes[place] = Node::Split { right: self.nodes.len() };
        self.grow(middle, end);
    }
}

#[derive(Debug)]
struct Search<'a> {
    tree: &'a Tree<'a>,
    query: &'a [f32],
    found: NearestK,
}

impl Search<'_> {
    fn visit(&mut self, node: usize) {
        match self.tree.nodes[node] {
            Node::Leaf { index, start, end } => self.measure(index, start, end),
            Node::Split { right } => {
                let (left, right) = ((self.distance(node + 1), node + 1), (self.distance(right), right));
                let (near, far) = if left.0 <= right.0 { (left, right) } else { (right, left) };
                for (distance, child) in [near, far] {
                    if distance <= self.bound() {
                        self.visit(child);
                    }
                }
            }
        }
    }

    /// The squared distance of the query to a node's box, in f32.
    fn distance(&self, node: usize) -> f32 {
        let d = self.tree.d;
        let (low, high) = self.tree.boxes[2 * d * node..][..2 * d].split_at(d);
        let outside = |((&q, &low), &high): ((&f32, &f32), &f32)| (low - q).max(q - high).max(0.0).powi(2);
        self.query.iter().zip(low).zip(high).map(outside).sum()
    }

    /// What f32 may say of a squared distance that is within the limit: d + 3 roundings, and room
    /// to spare.
    fn bound(&self) -> f32 {
        (self.found.limit() * (1.0 + (self.tree.d + 8) as f64 * f64::from(f32::EPSILON))) as f32
            + f32::MIN_POSITIVE
    }

    /// Offers the rows of a leaf: f32 says which, f64 how far.
    fn measure(&mut self, leaf: usize, start: usize, end: usize) {
        let d = self.tree.d;
        let mut distances = [0.0_f32; N_LEAF];
        let columns = self.tree.columns[leaf * d * N_LEAF..][..d * N_LEAF].as_chunks::<N_LEAF>().0;
        for (column, &q) in columns.iter().zip(self.query) {
            for (distance, &x) in distances.iter_mut().zip(column) {
                *distance += (x - q) * (x - q);
            }
        }
        for (at, &id) in self.tree.ids[start..end].iter().enumerate() {
            if distances[at] <= self.bound() {
                let reference = &self.tree.references[id as usize * d..][..d];
                self.found.offer(squared_distance(self.query, reference), id);
            }
        }
    }
}
