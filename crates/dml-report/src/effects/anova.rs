//! Sums of squares of a balanced factorial in blocks, and their bootstrap.

use dml_data::random::keyed;
use rand::Rng as _;

use super::Share;
use crate::bootstrap::{self, N_DRAWS};

/// Less than this is rounding: the score does not vary.
const ROUNDING: f64 = 1e-18;

/// How a factorial is taken apart. A cell is a combination of levels, the last factor's running
/// fastest.
pub(super) struct Anova {
    /// The factors of each effect, those of one factor first.
    pub(super) effects: Vec<Vec<usize>>,
    n_cells: usize,
    /// The empty set, then the effects: for each cell, which of its means it is in.
    margins: Vec<Margin>,
}

/// Cells that share the levels of some factors.
struct Margin {
    /// One bit a factor.
    factors: u32,
    of_cell: Vec<usize>,
    n_groups: usize,
}

impl Anova {
    /// Of factors with so many levels, all effects of up to `order` of them.
    pub(super) fn new(levels: &[usize], order: usize) -> Self {
        let mut sets: Vec<u32> =
            (0..1 << levels.len()).filter(|set: &u32| set.count_ones() as usize <= order).collect();
        sets.sort_by_key(|set| (set.count_ones(), !set.reverse_bits()));
        let members = |set: u32| (0..levels.len()).filter(|f| set >> f & 1 == 1).collect::<Vec<_>>();
        let margins = sets.iter().map(|&set| Margin::of(set, levels)).collect();
        let effects = sets.iter().skip(1).map(|&set| members(set)).collect();
        Self { effects, n_cells: levels.iter().product(), margins }
    }

    /// The shares of the effects, then that of the blocks, then what is left; `None` where nothing
    /// varies.
    ///
    /// With the grand mean taken off, the squares of the margin of a set of factors are those of
    /// all effects within the set, which Möbius inversion takes apart.
    ///
    /// # Shapes
    /// A block has one value a cell.
    fn shares(&self, blocks: &[&[f64]]) -> Option<Vec<f64>> {
        let n = blocks.len() as f64;
        let grand = blocks.iter().copied().flatten().sum::<f64>() / (n * self.n_cells as f64);
        let cells: Vec<f64> = (0..self.n_cells)
            .map(|cell| blocks.iter().map(|block| block[cell] - grand).sum::<f64>() / n)
            .collect();
        let squares: Vec<f64> = self.margins.iter().map(|margin| margin.squares(&cells)).collect();
        let effect = |of: &Margin| {
            let within = self.margins.iter().zip(&squares).filter(|(m, _)| m.factors & !of.factors == 0);
            let signed = within.map(|(m, square)| {
                let odd = (of.factors.count_ones() - m.factors.count_ones()) % 2 == 1;
                if odd { -square } else { *square }
            });
            n * signed.sum::<f64>()
        };
        let effects: Vec<f64> = self.margins.iter().skip(1).map(effect).collect();
        let mean = |block: &&[f64]| block.iter().map(|x| x - grand).sum::<f64>() / self.n_cells as f64;
        let seed = self.n_cells as f64 * blocks.iter().map(|block| mean(block).powi(2)).sum::<f64>();
        let total = blocks.iter().copied().flatten().map(|x| (x - grand).powi(2)).sum::<f64>();
        let left = total - seed - effects.iter().sum::<f64>();
        let share = |squares: f64| (squares / total).max(0.0);
        (total > ROUNDING).then(|| effects.into_iter().chain([seed, left]).map(share).collect())
    }
}

impl Margin {
    fn of(factors: u32, levels: &[usize]) -> Self {
        let n_cells: usize = levels.iter().product();
        let mut of_cell = vec![0; n_cells];
        let (mut n_groups, mut stride) = (1, n_cells);
        for (factor, &n_levels) in levels.iter().enumerate() {
            stride /= n_levels;
            if factors >> factor & 1 == 1 {
                for (cell, group) in of_cell.iter_mut().enumerate() {
                    *group = *group * n_levels + cell / stride % n_levels;
                }
                n_groups *= n_levels;
            }
        }
        Self { factors, of_cell, n_groups }
    }

    /// The sum over all cells of the square of the mean that the cell is in.
    fn squares(&self, cells: &[f64]) -> f64 {
        let mut sums = vec![0.0; self.n_groups];
        for (group, value) in self.of_cell.iter().zip(cells) {
            sums[*group] += value;
        }
        sums.iter().map(|sum| sum * sum).sum::<f64>() * self.n_groups as f64 / cells.len() as f64
    }
}

/// The shares of all blocks, and of draws of as many of them with replacement.
pub(super) struct Draws {
    n_blocks: usize,
    all: Vec<f64>,
    drawn: Vec<Vec<f64>>,
}

impl Draws {
    /// `None` without a block, and where nothing varies.
    pub(super) fn of(anova: &Anova, blocks: &[Vec<f64>]) -> Option<Self> {
        let every: Vec<&[f64]> = blocks.iter().map(Vec::as_slice).collect();
        let all = if every.is_empty() { None } else { anova.shares(&every) }?;
        let mut random = keyed(0, "effects", 0);
        let mut draw =
            || -> Vec<&[f64]> { every.iter().map(|_| every[random.gen_range(0..every.len())]).collect() };
        let n = if every.len() > 1 { N_DRAWS } else { 0 };
        let n_blocks = every.len();
        Some(Self { n_blocks, all, drawn: (0..n).filter_map(|_| anova.shares(&draw())).collect() })
    }

    /// What `of` makes of the shares, with its 95% interval, which stays between 0 and 1.
    pub(super) fn share(&self, of: impl Fn(&[f64]) -> f64) -> Share {
        let share = of(&self.all);
        let drawn = self.drawn.iter().map(|shares| of(shares)).collect();
        let interval = bootstrap::interval(drawn, share, self.n_blocks);
        Share { share, interval: interval.map(|(low, high)| (low.max(0.0), high.min(1.0))) }
    }
}
