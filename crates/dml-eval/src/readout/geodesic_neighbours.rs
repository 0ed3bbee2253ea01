use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ndarray::{ArrayView2, Axis, concatenate};

use super::nearest_neighbours::majority;
use super::{Classifier, Fit};
use crate::error::{EvalError, check_positive};
use crate::label::Label;
use crate::neighbours::{nearest, squared_distance};

/// Lengths of the ways from rows `[n, d]` to other rows `[n, d]`, one by one: `[n]`. Each is 0 or
/// more, and the same there and back; one that is not finite is no way.
pub type Lengths<'a> = dyn Fn(ArrayView2<f32>, ArrayView2<f32>) -> Vec<f64> + 'a;

/// Rows that are joined with their nearest others, by ways whose lengths someone else knows: those
/// of decoded lines, say, where distances in the space of embeddings mean little.
#[derive(Debug)]
pub struct Ways {
    /// The other end and the length of each way from a row.
    ways: Vec<Vec<(u32, f64)>>,
}

impl Ways {
    /// Joins each row of `embeddings` `[n, d]` with its `neighbours` nearest others, in Euclidean
    /// distance. `lengths` is asked once, with each way once.
    ///
    /// # Panics
    /// With another number of lengths than of ways, and with a negative one; when a coordinate is
    /// not finite or beyond [`LARGEST_COORDINATE`](crate::LARGEST_COORDINATE).
    pub fn between(embeddings: ArrayView2<f32>, neighbours: usize, lengths: &Lengths) -> Self {
        let n = embeddings.nrows();
        let found = nearest(embeddings, embeddings, neighbours.saturating_add(1));
        let of_row = |i: usize| {
            let others = found.row(i).into_iter().map(|&j| j as usize).filter(move |&j| j != i);
            others.take(neighbours).map(move |j| (i.min(j), i.max(j))).collect::<Vec<_>>()
        };
        let mut joined: Vec<(usize, usize)> = (0..n).flat_map(of_row).collect();
        joined.sort_unstable();
        joined.dedup();
        let (from, to): (Vec<usize>, Vec<usize>) = joined.into_iter().unzip();
        let rows = |rows: &[usize]| embeddings.select(Axis(0), rows);
        let lengths = lengths(rows(&from).view(), rows(&to).view());
        assert_eq!(lengths.len(), from.len(), "one length for each way");
        let mut ways = vec![Vec::new(); n];
        for ((i, j), length) in from.into_iter().zip(to).zip(lengths) {
            assert!(length.is_nan() || length >= 0.0, "a length is 0 or more, and not {length}");
            if length.is_finite() {
                ways[i].push((j as u32, length));
                ways[j].push((i as u32, length));
            }
        }
        Self { ways }
    }

    /// For each row those of the `sources`, at most `k`, that the shortest ways lead to, as their
    /// numbers among the sources, nearest first; none where no way leads to one.
    ///
    /// One search from all sources at once, in which a row is passed by the first `k` of them
    /// (Dijkstra 1959, with `k` lengths a row).
    pub fn nearest_sources(&self, sources: &[usize], k: usize) -> Vec<Vec<u32>> {
        let mut found: Vec<Vec<u32>> = vec![Vec::new(); self.ways.len()];
        // Lengths are not negative, so that their bits are in their order.
        let starts = sources.iter().enumerate().map(|(i, &row)| Reverse((0_u64, i as u32, row as u32)));
        let mut open: BinaryHeap<_> = starts.collect();
        while let Some(Reverse((bits, source, row))) = open.pop() {
            let known = &mut found[row as usize];
            if known.len() == k || known.contains(&source) {
                continue;
            }
            known.push(source);
            for &(other, length) in &self.ways[row as usize] {
                if found[other as usize].len() < k {
                    let through = f64::from_bits(bits) + length;
                    open.push(Reverse((through.to_bits(), source, other)));
                }
            }
        }
        found
    }

    /// The `k` other rows that the shortest ways from a row lead to, nearest first; fewer where no
    /// way leads to so many (Dijkstra 1959). The same rows come in the same order.
    pub fn nearest_others(&self, row: usize, k: usize) -> Vec<u32> {
        let mut shortest = vec![f64::INFINITY; self.ways.len()];
        shortest[row] = 0.0;
        let (mut open, mut found) = (BinaryHeap::from([Reverse((0_u64, row as u32))]), Vec::new());
        while let Some(Reverse((bits, here))) = open.pop() {
            let length = f64::from_bits(bits);
            if length > shortest[here as usize] {
                continue;
            }
            if here as usize != row {
                found.push(here);
            }
            if found.len() == k {
                break;
            }
            for &(other, further) in &self.ways[here as usize] {
                let through = length + further;
                if through < shortest[other as usize] {
                    shortest[other as usize] = through;
                    open.push(Reverse((through.to_bits(), other)));
                }
            }
        }
        found
    }

    /// The class of each of the rows `asked`, by the vote of the `k` nearest sources, each of which
    /// has its class; of the nearest in Euclidean distance where no way leads to one.
    pub(crate) fn vote(
        &self,
        embeddings: ArrayView2<f32>,
        (sources, classes): (&[usize], &[u32]),
        asked: &[usize],
        k: usize,
    ) -> Vec<u32> {
        let found = self.nearest_sources(sources, k);
        let alone: Vec<usize> = asked.iter().copied().filter(|&row| found[row].is_empty()).collect();
        let rows = |rows: &[usize]| embeddings.select(Axis(0), rows);
        let beside = nearest(rows(sources).view(), rows(&alone).view(), k);
        let mut beside = beside.rows().into_iter();
        let of_row = |&row: &usize| {
            let voters: Vec<u32> = if found[row].is_empty() {
                beside.next().map(|row| row.to_vec()).unwrap_or_default()
            } else {
                found[row].clone()
            };
            majority(&mut voters.into_iter().map(|source| classes[source as usize]).collect::<Vec<_>>())
        };
        asked.iter().map(of_row).collect()
    }
}

/// [`Lengths`] of straight lines in the space of embeddings.
///
/// # Panics
/// With rows of different numbers or dimensions.
pub fn euclidean(from: ArrayView2<f32>, to: ArrayView2<f32>) -> Vec<f64> {
    assert_eq!(from.dim(), to.dim(), "ways go from as many rows as they go to, of one dimension");
    let (from, to) = (from.as_standard_layout(), to.as_standard_layout());
    let row = |rows: &ndarray::CowArray<f32, ndarray::Ix2>, i: usize| rows.row(i).to_vec();
    (0..from.nrows()).map(|i| squared_distance(&row(&from, i), &row(&to, i)).sqrt()).collect()
}

/// Majority vote of the `k` nearest embeddings along a graph of neighbours of all that is fitted
/// and asked, by the lengths of shortest paths (Tenenbaum, de Silva and Langford 2000, "A global
/// geometric framework for nonlinear dimensionality reduction"); ties go to the smallest class.
///
/// Here the graph's edges are as long as in the space of embeddings;
/// [`Evaluation::geodesic_knn`](crate::Evaluation::geodesic_knn) takes other lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeodesicNeighbours {
    /// How many vote, at least 1.
    pub k: usize,
    /// Neighbours of a row in the graph, at least 1.
    pub neighbours: usize,
}

impl Default for GeodesicNeighbours {
    /// Those of [`Readout::GeodesicKnn`](super::Readout::GeodesicKnn).
    fn default() -> Self {
        Self { k: 5, neighbours: 10 }
    }
}

impl<L: Label> Classifier<L> for GeodesicNeighbours {
    fn predict(&self, fit: Fit, queries: ArrayView2<f32>) -> Result<Vec<u32>, EvalError> {
        check_positive(self.k, "k")?;
        check_positive(self.neighbours, "neighbours")?;
        let all = concatenate(Axis(0), &[fit.embeddings.view(), queries.view()]).expect("the same dimension");
        let rows: Vec<usize> = (0..all.nrows()).collect();
        let (sources, asked) = rows.split_at(fit.classes.len());
        let ways = Ways::between(all.view(), self.neighbours, &euclidean);
        Ok(ways.vote(all.view(), (sources, fit.classes), asked, self.k))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn the_nearest_sources_are_those_of_a_search_from_each_of_them() {
        let rows = Array2::from_shape_fn((60, 2), |(i, k)| ((i * 37 + k * 11) % 61) as f32 / 7.0);
        let uneven = |from: ArrayView2<f32>, to: ArrayView2<f32>| -> Vec<f64> {
            euclidean(from, to).into_iter().enumerate().map(|(i, d)| d * (1.0 + (i % 5) as f64)).collect()
        };
        let ways = Ways::between(rows.view(), 4, &uneven);
        let sources = [3, 17, 20, 41, 59];
        // Floyd's loop over all rows.
        let mut lengths = vec![vec![f64::INFINITY; 60]; 60];
        for (i, (row, ways)) in lengths.iter_mut().zip(&ways.ways).enumerate() {
            row[i] = 0.0;
            for &(j, length) in ways {
                row[j as usize] = length;
            }
        }
        for k in 0..60 {
            for i in 0..60 {
                for j in 0..60 {
                    lengths[i][j] = lengths[i][j].min(lengths[i][k] + lengths[k][j]);
                }
            }
        }
        for (row, of_row) in lengths.iter().enumerate() {
            let mut expected: Vec<u32> = (0..60).filter(|&j| j as usize != row).collect();
            expected.retain(|&j| of_row[j as usize].is_finite());
            expected.sort_by(|&a, &b| of_row[a as usize].total_cmp(&of_row[b as usize]));
            let found = ways.nearest_others(row, 60);
            assert_eq!(found.len(), expected.len());
            for (&j, &expected) in found.iter().zip(&expected) {
                let [got, expected] = [j, expected].map(|j| of_row[j as usize]);
                assert!((got - expected).abs() < 1e-9, "row {row}: {got} is not {expected}");
            }
            assert_eq!(ways.nearest_others(row, 7), found[..7]);
        }
        for (row, found) in ways.nearest_sources(&sources, 3).iter().enumerate() {
            let mut expected: Vec<f64> = sources.iter().map(|&source| lengths[row][source]).collect();
            expected.sort_by(f64::total_cmp);
            assert_eq!(found.len(), expected.iter().take(3).filter(|length| length.is_finite()).count());
            for (&source, expected) in found.iter().zip(expected) {
                let got = lengths[row][sources[source as usize]];
                assert!((got - expected).abs() < 1e-9, "row {row}: {got} is not {expected}");
            }
        }
    }

    #[test]
    fn lines_between_rows_of_different_numbers_or_dimensions_are_refused() {
        let rows = Array2::<f32>::zeros((3, 2));
        for other in [(4, 2), (2, 2), (3, 3), (3, 1)].map(Array2::<f32>::zeros) {
            let lengths = catch_unwind(AssertUnwindSafe(|| euclidean(rows.view(), other.view())));
            assert!(lengths.is_err(), "{:?}", other.dim());
        }
    }

    #[test]
    fn along_a_spiral_the_nearest_is_another_than_straight_across() {
        let spiral = Array2::from_shape_fn((200, 2), |(i, k)| {
            let along = 3.0 + i as f32 / 12.0;
            along * if k == 0 { along.cos() } else { along.sin() }
        });
        // One label at each end; this row is nearer to the outer end along the spiral, and lies
        // across from it.
        let fit = spiral.select(Axis(0), &[0, 199]);
        let half = spiral.select(Axis(0), &[161]);
        let all_between = spiral.slice(ndarray::s![1..199, ..]);
        let along =
            GeodesicNeighbours { k: 1, neighbours: 2 }.fit_predict(fit.view(), &[0_u8, 1], all_between);
        assert_eq!(along.unwrap()[160], 1);
        let lengths: Vec<f32> = [0, 1].map(|i| (&half.row(0) - &fit.row(i)).mapv(|x| x * x).sum()).into();
        assert!(lengths[0] < lengths[1], "straight across it is the inner end: {lengths:?}");
    }

    #[test]
    fn a_row_that_no_way_leads_to_is_told_by_its_nearest_embeddings() {
        let rows = array![[0.0_f32], [1.0], [10.0], [11.0]];
        let ways = Ways::between(rows.view(), 1, &|from, _| vec![f64::INFINITY; from.nrows()]);
        assert_eq!(ways.vote(rows.view(), (&[0, 2], &[5, 7]), &[1, 3, 0], 1), [5, 7, 5]);
    }
}
