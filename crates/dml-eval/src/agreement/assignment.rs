//! The best one-to-one assignment of the classes of one labeling to those of another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::contingency::{Cell, Contingency};

/// How many points agree at most when every class `a` is matched with one class `b` or none, and
/// the other way round.
///
/// This is the linear assignment problem on the cells that are not empty: an empty one gains
/// nothing, so a class may as well stay alone. Where it can be, a class is matched along its
/// largest cell; the others are added one after another by shortest augmenting paths (Tomizawa
/// 1971; Edmonds & Karp 1972), in whole numbers, so exactly. A search looks only at what is
/// connected with its class and ends where it has the best.
pub(super) fn most_agreeing(table: &Contingency) -> u64 {
    let mut matching = Matching::new(table);
    matching.begin();
    for class in 0..table.a.len() {
        if matching.of_a[class].is_none() {
            matching.add(class);
        }
    }
    // Prices bound every matching from above and this one from below.
    matching.price_a.iter().chain(&matching.price_b).sum::<i64>() as u64
}

/// A matching of some classes that is the best of those classes, as its prices show: none is
/// negative, those of both sides of a cell are its points at least, and exactly where the cell is
/// matched, and what is not matched costs nothing.
#[derive(Debug)]
struct Matching<'a> {
    cells: &'a [Cell],
    /// Where the cells of every class `a` begin, and where the last ones end.
    starts: Vec<usize>,
    price_a: Vec<i64>,
    price_b: Vec<i64>,
    of_a: Vec<Option<usize>>,
    of_b: Vec<Option<usize>>,
    /// How dear each class `b` is to reach, and from which `a`; of the search at hand, `i64::MAX`
    /// before it.
    costs: Vec<i64>,
    from: Vec<usize>,
}

/// Where a path of a search ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// A class `a` that is then alone.
    Alone(usize),
    /// A class `b` that was alone before.
    Free(usize),
}

impl<'a> Matching<'a> {
    fn new(table: &'a Contingency) -> Self {
        let (n_a, n_b) = (table.a.len(), table.b.len());
        let mut starts: Vec<usize> =
            (0..n_a).map(|a| table.cells.partition_point(|cell| cell.a < a)).collect();
        starts.push(table.cells.len());
        Self {
            cells: &table.cells,
            starts,
            price_a: vec![0; n_a],
            price_b: vec![0; n_b],
            of_a: vec![None; n_a],
            of_b: vec![None; n_b],
            costs: vec![i64::MAX; n_b],
            from: vec![0; n_b],
        }
    }

    fn of(&self, a: usize) -> &'a [Cell] {
        &self.cells[self.starts[a]..self.starts[a + 1]]
    }

    /// Matches as many classes as can be along cells that are their class's largest, by depth-first
    /// searches that see every class `b` once a round (Pothen & Fan 1990). Without it, the searches
    /// of [`add`](Self::add) would meet many equally good ways and try them all.
    fn begin(&mut self) {
        for a in 0..self.price_a.len() {
            self.price_a[a] = self.of(a).iter().map(|cell| i64::from(cell.n)).max().unwrap_or(0);
        }
        loop {
            let mut seen = vec![false; self.of_b.len()];
            let mut is_done = true;
            for a in 0..self.of_a.len() {
                if self.of_a[a].is_none() && self.begin_with(a, &mut seen) {
                    is_done = false;
                }
            }
            if is_done {
                return;
            }
        }
    }

    /// Looks for a path from a class `a` along largest cells to a class `b` that is alone, and
    /// matches anew along it.
    fn begin_with(&mut self, added: usize, seen: &mut [bool]) -> bool {
        // Every class `a` of the path with those of its cells that have not been looked at.
        let mut path = vec![(added, self.of(added).iter())];
        while let Some((a, cells)) = path.last_mut() {
            let most = self.price_a[*a];
            let is_largest = |cell: &&Cell| i64::from(cell.n) == most;
            let is_free = |cell: &&Cell| is_largest(cell) && self.of_b[cell.b].is_none();
            if let Some(cell) = cells.clone().find(is_free) {
                let mut b = cell.b;
                for (a, _) in path.into_iter().rev() {
                    self.of_b[b] = Some(a);
                    b = self.of_a[a].replace(b).unwrap_or(b);
                }
                return true;
            }
            match cells.find(|cell| is_largest(cell) && !seen[cell.b]) {
                Some(cell) => {
                    seen[cell.b] = true;
                    let next = self.of_b[cell.b].expect("none is free");
                    path.push((next, self.of(next).iter()));
                }
                None => {
                    path.pop();
                }
            }
        }
        false
    }

    /// Makes the matching the best with one class `a` more.
    fn add(&mut self, added: usize) {
        let gains = self.of(added).iter().map(|cell| i64::from(cell.n) - self.price_b[cell.b]);
        self.price_a[added] = gains.max().unwrap_or(0).max(0);
        // What has been reached, with its cost: classes `b` that are matched, each with its `a`.
        let mut reached: Vec<(usize, i64)> = Vec::new();
        let mut touched = Vec::new();
        let mut waiting = BinaryHeap::new();
        let (mut a, mut cost) = (added, 0);
        let (mut best, mut end) = (self.price_a[added], End::Alone(added));
        loop {
            for cell in self.of(a) {
                let further = cost + self.price_a[a] + self.price_b[cell.b] - i64::from(cell.n);
                if further >= best || further >= self.costs[cell.b] {
                    continue;
                }
                self.costs[cell.b] = further;
                self.from[cell.b] = a;
                touched.push(cell.b);
                if self.of_b[cell.b].is_some() {
                    waiting.push(Reverse((further, cell.b)));
                } else {
                    (best, end) = (further, End::Free(cell.b));
                }
            }
            let Some((next, b)) = self.nearest(&mut waiting, best) else { break };
            (a, cost) = (self.of_b[b].expect("only matched ones wait"), next);
            reached.push((b, cost));
            if cost + self.price_a[a] < best {
                (best, end) = (cost + self.price_a[a], End::Alone(a));
            }
        }
        self.price_a[added] -= best;
        for (b, cost) in reached {
            self.price_a[self.of_b[b].expect("reached ones are matched")] -= best - cost;
            self.price_b[b] += best - cost;
        }
        self.turn(added, end);
        for b in touched {
            self.costs[b] = i64::MAX;
        }
    }

    /// The cheapest class `b` that waits, below `best`.
    fn nearest(&self, waiting: &mut BinaryHeap<Reverse<(i64, usize)>>, best: i64) -> Option<(i64, usize)> {
        while let Some(Reverse((cost, b))) = waiting.pop() {
            if cost >= best {
                return None;
            }
            if cost == self.costs[b] {
                return Some((cost, b));
            }
        }
        None
    }

    /// Matches anew along the path from `added` to `end`.
    fn turn(&mut self, added: usize, end: End) {
        let mut b = match end {
            End::Alone(a) if a == added => return,
            End::Alone(a) => self.of_a[a].take().expect("reached over what it is matched with"),
            End::Free(b) => b,
        };
        loop {
            let a = self.from[b];
            self.of_b[b] = Some(a);
            let before = self.of_a[a].replace(b);
            if a == added {
                return;
            }
            b = before.expect("reached over what it is matched with");
        }
    }
}
