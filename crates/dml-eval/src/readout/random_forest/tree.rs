use rand09::{SeedableRng, rngs::SmallRng, seq::SliceRandom};

/// What a forest grows its trees from.
#[derive(Debug)]
pub(super) struct Trainset<'a> {
    /// A feature after another. `[d, n]`
    pub(super) columns: Vec<f32>,
    /// `[n]`
    pub(super) classes: &'a [u32],
    pub(super) n_classes: usize,
}

/// A tree of decisions, grown until no leaf can be split. What it takes follows the number of
/// points, not that of classes.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The shares of classes, those of a leaf side by side in ascending order.
    shares: Vec<(u32, f32)>,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    /// Up to the threshold to `left`, else to the node behind that.
    Split {
        feature: u32,
        threshold: f32,
        left: u32,
    },
    Leaf {
        start: u32,
        end: u32,
    },
}

impl Tree {
    /// Grows a tree by the Gini index on points that count `times` (`[n]`) often, trying the square
    /// root of the number of features at a split, and more where none of those splits anything.
    ///
    /// The order in which nodes are split and features are drawn, and by what, is that of the crate
    /// rafor, which grew these trees before: a seed gives the tree that it gave.
    pub(super) fn grow(set: &Trainset, times: &[f32], seed: u64) -> Self {
        let mut grower = Grower::new(set, times, seed);
        let mut tree = Self { nodes: vec![Node::Leaf { start: 0, end: 0 }], shares: Vec::new() };
        let mut waiting = vec![(0, 0, grower.points.len())];
        while let Some((node, start, end)) = waiting.pop() {
            tree.nodes[node] = if let Some(split) = grower.best_split(start, end) {
                grower.part(start, end, &split);
                let left = tree.nodes.len();
                tree.nodes.extend([Node::Leaf { start: 0, end: 0 }; 2]);
                waiting.push((left, start, split.middle));
                waiting.push((left + 1, split.middle, end));
                Node::Split { feature: split.feature as u32, threshold: split.threshold, left: left as u32 }
            } else {
                tree.leaf(&mut grower.points[start..end])
            };
        }
        tree
    }

    /// The shares of classes among the points of a leaf.
    fn leaf(&mut self, points: &mut [Point]) -> Node {
        let total: f64 = points.iter().map(|point| f64::from(point.times)).sum();
        points.sort_unstable_by_key(|point| point.class);
        let start = self.shares.len();
        for points in points.chunk_by(|a, b| a.class == b.class) {
            let times: f64 = points.iter().map(|point| f64::from(point.times)).sum();
            self.shares.push((points[0].class, (times / total) as f32));
        }
        Node::Leaf { start: start as u32, end: self.shares.len() as u32 }
    }

    /// Classes with their shares at the leaf where a query ends.
    pub(super) fn shares(&self, query: &[f32]) -> &[(u32, f32)] {
        let mut node = self.nodes[0];
        loop {
            match node {
                Node::Split { feature, threshold, left } => {
                    let right = u32::from(query[feature as usize] > threshold);
                    node = self.nodes[(left + right) as usize];
                }
                Node::Leaf { start, end } => return &self.shares[start as usize..end as usize],
            }
        }
    }
}

/// A point of the bootstrap sample.
#[derive(Debug, Clone, Copy)]
struct Point {
    id: u32,
    class: u32,
    /// How often it was drawn.
    times: f32,
}

#[derive(Debug)]
struct Split {
    feature: usize,
    threshold: f32,
    /// Where the right side begins.
    middle: usize,
    impurity: f64,
}

/// A tree that is being grown.
#[derive(Debug)]
struct Grower<'a> {
    set: &'a Trainset<'a>,
    /// Those of a node side by side.
    points: Vec<Point>,
    /// In the order in which they are tried.
    features: Vec<usize>,
    n_tried: usize,
    /// None where all features are tried anyway.
    random: Option<SmallRng>,
    /// What is counted of a node and of the two sides of a split. Only the counts of classes that
    /// the node has mean anything, so that nothing has to look at all classes.
    whole: Counts,
    left: Counts,
    right: Counts,
}

impl<'a> Grower<'a> {
    fn new(set: &'a Trainset, times: &[f32], seed: u64) -> Self {
        let d = set.columns.len() / set.classes.len();
        let n_tried = (d as f32).sqrt() as usize;
        let point = |(id, (&class, &times)): (usize, (&u32, &f32))| Point { id: id as u32, class, times };
        let points = set.classes.iter().zip(times).enumerate().map(point);
        let counts = || Counts { of_class: vec![0.0; set.n_classes], total: 0.0, squares: 0.0 };
        Self {
            set,
            points: points.filter(|point| point.times > 0.0).collect(),
            features: (0..d).collect(),
            n_tried,
            random: (n_tried < d).then(|| SmallRng::seed_from_u64(seed)),
            whole: counts(),
            left: counts(),
            right: counts(),
        }
    }

    fn value(&self, feature: usize, point: &Point) -> f32 {
        self.set.columns[feature * self.set.classes.len() + point.id as usize]
    }

    /// The split of the points from `start` to `end` that leaves the least impurity; none where
    /// they are of one class or all alike.
    fn best_split(&mut self, start: usize, end: usize) -> Option<Split> {
        let points = &self.points[start..end];
        if points.iter().all(|point| point.class == points[0].class) {
            return None;
        }
        self.whole.clear(points);
        for point in points {
            self.whole.add(point.class, point.times.into());
        }
        if let Some(random) = &mut self.random {
            self.features.shuffle(random);
        }
        let mut best: Option<Split> = None;
        for i in 0..self.features.len() {
            let feature = self.features[i];
            let point = |point: &Point| (self.value(feature, point), point.class, point.times);
            let mut ordered: Vec<(f32, u32, f32)> = self.points[start..end].iter().map(point).collect();
            radsort::sort_by_key(&mut ordered, |&(value, ..)| value);
            let least = best.as_ref().map_or(f64::INFINITY, |best| best.impurity);
            if let Some((at, impurity)) = self.split_at(start, end, &ordered, least) {
                // Of neighbouring numbers the middle may round up to the larger, which lies right.
                let (low, high) = (ordered[at - 1].0, ordered[at].0);
                let middle = f32::midpoint(low, high);
                let threshold = if middle < high { middle } else { low };
                best = Some(Split { feature, threshold, middle: start + at, impurity });
            }
            if best.as_ref().is_some_and(|best| best.impurity == 0.0 || i + 1 >= self.n_tried) {
                break;
            }
        }
        best
    }

    /// Where to split points in the order of a feature, and the impurity that is left, if that is
    /// below `least`.
    fn split_at(
        &mut self,
        start: usize,
        end: usize,
        ordered: &[(f32, u32, f32)],
        least: f64,
    ) -> Option<(usize, f64)> {
        let points = &self.points[start..end];
        self.left.clear(points);
        self.right.copy(points, &self.whole);
        let (mut best, mut least) = (None, least);
        for (i, pair) in ordered.windows(2).enumerate() {
            let (value, class, times) = pair[0];
            self.left.add(class, times.into());
            self.right.add(class, -f64::from(times));
            if value < pair[1].0 {
                let impurity = self.left.impurity_beside(&self.right);
                if impurity < least {
                    (best, least) = (Some((i + 1, impurity)), impurity);
                    if impurity == 0.0 {
                        break;
                    }
                }
            }
        }
        best
    }

    /// Brings the points of the left side before those of the right.
    fn part(&mut self, start: usize, end: usize, split: &Split) {
        let (mut i, mut j) = (start, end);
        while i < j {
            if self.value(split.feature, &self.points[i]) <= split.threshold {
                i += 1;
            } else {
                j -= 1;
                self.points.swap(i, j);
            }
        }
    }
}

/// How many points of each class there are. All are whole numbers, and so exact.
#[derive(Debug)]
struct Counts {
    of_class: Vec<f64>,
    total: f64,
    /// The sum of their squares.
    squares: f64,
}

impl Counts {
    fn clear(&mut self, points: &[Point]) {
        for point in points {
            self.of_class[point.class as usize] = 0.0;
        }
        (self.total, self.squares) = (0.0, 0.0);
    }

    fn copy(&mut self, points: &[Point], other: &Counts) {
        for point in points {
            let class = point.class as usize;
            self.of_class[class] = other.of_class[class];
        }
        (self.total, self.squares) = (other.total, other.squares);
    }

    /// Adds points of a class, or takes them away.
    fn add(&mut self, class: u32, times: f64) {
        let count = &mut self.of_class[class as usize];
        self.squares += times * (2.0 * *count + times);
        *count += times;
        self.total += times;
    }

    /// The Gini impurity of these and others, each weighted by its points.
    fn impurity_beside(&self, other: &Counts) -> f64 {
        1.0 - (self.squares * other.total + other.squares * self.total)
            / (self.total * other.total * (self.total + other.total))
    }
}

#[cfg(test)]
mod tests {
    use rafor::dt;
    use rafor::prelude::*;
    use rand::Rng;

    use super::*;
    use crate::random::generator;

    #[test]
    fn a_tree_gives_the_shares_that_rafors_tree_of_that_seed_gives() {
        // Features on a grid make equal values, leaves of several classes and queries at
        // thresholds.
        for (n, d, n_classes, steps) in
            [(300, 2, 3, 5), (500, 10, 10, 1 << 20), (200, 1, 4, 50), (400, 17, 150, 9), (60, 4, 60, 1 << 20)]
        {
            let mut rng = generator(n as u64, "tree");
            let rows: Vec<f32> = (0..n * d).map(|_| rng.gen_range(-steps..steps) as f32 / 8.0).collect();
            // Every class is there, as a fit has it.
            let classes: Vec<u32> =
                (0..n).map(|i| if i < n_classes { i } else { rng.gen_range(0..n_classes) } as u32).collect();
            let times: Vec<f32> = (0..n).map(|_| f32::from(rng.gen_range(0..4_u8))).collect();
            let columns = (0..d).flat_map(|j| rows.iter().skip(j).step_by(d).copied()).collect();
            let tree = Tree::grow(&Trainset { columns, classes: &classes, n_classes }, &times, 7);
            assert!(tree.shares.len() <= n && tree.nodes.len() < 2 * n, "memory for points, not for classes");
            let labels: Vec<i64> = classes.iter().map(|&class| class.into()).collect();
            let mut trainer = <dt::Classifier>::trainer();
            trainer.with_max_features(MaxFeaturesPolicy::SQRT).with_seed(7).with_weights(&times);
            let expected = trainer.train(&rows, &labels).proba(&rows);
            for (query, expected) in rows.chunks(d).zip(expected.chunks(n_classes)) {
                let mut found = vec![0.0; n_classes];
                tree.shares(query).iter().for_each(|&(class, share)| found[class as usize] = share);
                assert_eq!(found, expected, "n = {n}, d = {d}");
            }
        }
    }
}
