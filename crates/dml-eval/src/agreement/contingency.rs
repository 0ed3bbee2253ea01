use super::{Classes, Label};

/// How many points are in class `a` of one labeling and class `b` of the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) n: u32,
}

/// The non-empty cells of a contingency table, ordered by `a`, then `b`, and its margins.
#[derive(Debug)]
pub(super) struct Contingency {
    pub(super) cells: Vec<Cell>,
    pub(super) a: Vec<u32>,
    pub(super) b: Vec<u32>,
}

impl Contingency {
    pub(super) fn of<A: Label, B: Label>(a: &[A], b: &[B]) -> Self {
        assert_eq!(a.len(), b.len(), "both labelings must cover the same points");
        let (a, b) = (Classes::of(a), Classes::of(b));
        let mut pairs: Vec<(u32, u32)> = a.ids.iter().copied().zip(b.ids.iter().copied()).collect();
        pairs.sort_unstable();
        let mut table = Self { cells: Vec::new(), a: vec![0; a.n()], b: vec![0; b.n()] };
        for run in pairs.chunk_by(|x, y| x == y) {
            let cell = Cell { a: run[0].0 as usize, b: run[0].1 as usize, n: run.len() as u32 };
            table.a[cell.a] += cell.n;
            table.b[cell.b] += cell.n;
            table.cells.push(cell);
        }
        table
    }

    /// Whether the labelings are the same but for the names of classes.
    pub(super) fn is_one_to_one(&self) -> bool {
        self.cells.len() == self.a.len() && self.cells.len() == self.b.len()
    }

    /// Mutual information in nats, at least 0.
    pub(super) fn mutual_information(&self) -> f64 {
        let n: f64 = self.a.iter().copied().map(f64::from).sum();
        let term = |cell: &Cell| {
            let (joint, a, b) = (f64::from(cell.n), f64::from(self.a[cell.a]), f64::from(self.b[cell.b]));
            joint / n * (joint * n / (a * b)).ln()
        };
        self.cells.iter().map(term).sum::<f64>().max(0.0)
    }

    /// Entropy of the first labeling in nats.
    pub(super) fn entropy_a(&self) -> f64 {
        entropy(&self.a)
    }

    /// Entropy of the second labeling in nats.
    pub(super) fn entropy_b(&self) -> f64 {
        entropy(&self.b)
    }
}

fn entropy(counts: &[u32]) -> f64 {
    let n: f64 = counts.iter().copied().map(f64::from).sum();
    let term = |&count: &u32| f64::from(count) / n * (n / f64::from(count)).ln();
    if counts.len() <= 1 { 0.0 } else { counts.iter().map(term).sum() }
}
