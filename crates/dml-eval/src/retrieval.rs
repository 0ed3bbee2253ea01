//! Retrieval: every embedding asks for its nearest others, and they should be of its class.

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::error::{EvalError, check_labelled, check_positive};
use crate::label::{Classes, Label};
use crate::neighbours::{Products, squared_distance};
use crate::readout::Ways;

/// How many queries one thread takes at a time, each with a row of distances to all points in
/// `f32`.
const N_QUERIES: usize = 128;

/// Mean scores of retrieval, each in [0, 1], over the embeddings that have another of their class.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieval {
    /// R@k for each k asked for: the share of queries with one of their class among their k
    /// nearest.
    pub recall_at: Vec<f64>,
    /// With R others of the query's class, the share of its class among its R nearest.
    pub r_precision: f64,
    /// MAP@R = 1/R sum over i ≤ R of (precision at i, where the i-th nearest is of the class).
    pub map_at_r: f64,
    /// How many embeddings have another of their class.
    pub n_queries: usize,
}

/// Leave-one-out retrieval of a set from itself, as in "A Metric Learning Reality Check" (Musgrave,
/// Belongie & Lim 2020, section 3.2), in Euclidean distance, the smallest row first of equally
/// distant ones.
///
/// Works in blocks of queries and never holds an n x n matrix: 60,000 x 128 takes well below 1 GiB.
/// Embeddings alone in their class are found by others, but ask for nothing.
///
/// # Shapes
/// `embeddings`: `[n, d]`, `labels`: `[n]`, `recall_at`: the k of R@k, each at least 1.
///
/// # Errors
/// Embeddings that are not finite or too large; labels that are negative or not one an embedding; a
/// k of 0; no two of one class.
pub fn retrieval<L: Label>(
    embeddings: ArrayView2<f32>,
    labels: &[L],
    recall_at: &[usize],
) -> Result<Retrieval, EvalError> {
    check_labelled(embeddings, labels, 0..labels.len(), "set")?;
    recall_at.iter().try_for_each(|&k| check_positive(k, "k of R@k"))?;
    if labels.is_empty() {
        return Err(EvalError::NoPair { n: 0 });
    }
    let embeddings = embeddings.as_standard_layout();
    let products = Products::new(embeddings.view());
    let ranked = |queries: &[Query]| {
        let rows: Vec<usize> = queries.iter().map(|query| query.row).collect();
        let asked = embeddings.select(Axis(0), &rows);
        let mut halves = Array2::zeros((queries.len(), labels.len()));
        let left = products.queries(asked.view());
        for (columns, block) in products.halves(&left) {
            halves.slice_mut(s![.., columns]).assign(&block);
        }
        let of_query = |(i, &Query { row, depth }): (usize, &Query)| {
            let halves = halves.row(i);
            let halves = halves.as_slice().expect("standard layout");
            ranked(embeddings.view(), row, halves, products.slack(left.row(i)), depth)
        };
        queries.iter().enumerate().map(of_query).collect()
    };
    of_rankings(labels, recall_at, &ranked)
}

/// The same with others in the order of the shortest ways to them, and behind those that no way
/// leads to in that of Euclidean distance.
pub(crate) fn retrieval_along<L: Label>(
    ways: &Ways,
    embeddings: ArrayView2<f32>,
    labels: &[L],
    recall_at: &[usize],
) -> Result<Retrieval, EvalError> {
    let embeddings = embeddings.as_standard_layout();
    let of_query = |&Query { row, depth }: &Query| {
        let mut found = ways.nearest_others(row, depth);
        if found.len() < depth.min(labels.len() - 1) {
            let mut is_left = vec![true; labels.len()];
            for &id in &found {
                is_left[id as usize] = false;
            }
            is_left[row] = false;
            // All of them are asked for, so sorting is faster than a search.
            let rows = embeddings.view();
            let distance = |id: usize| {
                let slices = rows.row(row).to_slice().zip(rows.row(id).to_slice());
                slices.map(|(a, b)| squared_distance(a, b)).expect("standard layout")
            };
            let mut left: Vec<(f64, u32)> =
                (0..labels.len()).filter(|&id| is_left[id]).map(|id| (distance(id), id as u32)).collect();
            left.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            found.extend(left.into_iter().take(depth - found.len()).map(|(_, id)| id));
        }
        found
    };
    of_rankings(labels, recall_at, &|queries| queries.iter().map(of_query).collect())
}

/// A row that asks for its nearest others, so many of them.
struct Query {
    row: usize,
    depth: usize,
}

/// Scores of what `ranked` says about some of the rows at a time: for each its nearest others,
/// nearest first.
fn of_rankings<L: Label>(
    labels: &[L],
    recall_at: &[usize],
    ranked: &(dyn Fn(&[Query]) -> Vec<Vec<u32>> + Sync),
) -> Result<Retrieval, EvalError> {
    let Classes { ids: classes, distinct } = Classes::of(labels);
    let mut sizes = vec![0_usize; distinct.len()];
    for &class in &classes {
        sizes[class as usize] += 1;
    }
    let n_mates = |row: usize| sizes[classes[row] as usize] - 1;
    let least = recall_at.iter().copied().max().unwrap_or(1);
    let queries: Vec<Query> = (0..labels.len())
        .filter(|&row| n_mates(row) > 0)
        .map(|row| Query { row, depth: n_mates(row).max(least) })
        .collect();
    if queries.is_empty() {
        return Err(EvalError::NoPair { n: labels.len() });
    }
    let block = |queries: &[Query]| {
        let score = |(query, found): (&Query, Vec<u32>)| {
            let class = classes[query.row];
            Scored::of(found.iter().map(|&id| classes[id as usize] == class), n_mates(query.row))
        };
        queries.iter().zip(ranked(queries)).map(score).collect::<Vec<_>>()
    };
    let scored: Vec<Scored> = queries.par_chunks(N_QUERIES).flat_map_iter(block).collect();
    let mean = |score: &dyn Fn(&Scored) -> f64| scored.iter().map(score).sum::<f64>() / scored.len() as f64;
    Ok(Retrieval {
        recall_at: recall_at
            .iter()
            .map(|&k| mean(&|query| f64::from(u8::from(query.first_hit <= k))))
            .collect(),
        r_precision: mean(&|query| query.r_precision),
        map_at_r: mean(&|query| query.map_at_r),
        n_queries: queries.len(),
    })
}

/// The `depth` nearest others of row `query` (all of them where there are fewer), nearest first,
/// given what [`Products::halves`] says of it and how far off that may be.
fn ranked(embeddings: ArrayView2<f32>, query: usize, halves: &[f32], slack: f64, depth: usize) -> Vec<u32> {
    let depth = depth.min(halves.len() - 1);
    let mut others = halves.to_vec();
    others.swap_remove(query);
    let (_, &mut farthest, _) = others.select_nth_unstable_by(depth - 1, f32::total_cmp);
    // The depth-th value is off by slack / 2 at most, and so is that of each point before it.
    let bound = ((f64::from(farthest) + slack) as f32).next_up();
    let asked = row(&embeddings, query);
    let candidates = (0..halves.len()).filter(|&id| halves[id] <= bound && id != query);
    // Floats that are not negative are ordered as their bits are.
    let measure = |id| (squared_distance(asked, row(&embeddings, id)).to_bits(), id as u32);
    let mut found: Vec<(u64, u32)> = candidates.map(measure).collect();
    found.sort_unstable();
    found.truncate(depth);
    found.into_iter().map(|(_, id)| id).collect()
}

fn row<'a>(embeddings: &'a ArrayView2<f32>, i: usize) -> &'a [f32] {
    let d = embeddings.ncols();
    &embeddings.as_slice().expect("standard layout")[i * d..(i + 1) * d]
}

/// The scores of one query.
#[derive(Debug)]
struct Scored {
    /// Rank of the nearest of its class, from 1.
    first_hit: usize,
    r_precision: f64,
    map_at_r: f64,
}

impl Scored {
    /// `hits` tells of each neighbour, nearest first, whether it is of the query's class.
    fn of(hits: impl Iterator<Item = bool>, n_mates: usize) -> Self {
        let (mut first_hit, mut n_hits, mut precisions) = (usize::MAX, 0, 0.0);
        for (rank, _) in (1..).zip(hits).filter(|&(_, hit)| hit) {
            first_hit = first_hit.min(rank);
            if rank > n_mates {
                break;
            }
            n_hits += 1;
            precisions += f64::from(n_hits) / rank as f64;
        }
        let r = n_mates as f64;
        Self { first_hit, r_precision: f64::from(n_hits) / r, map_at_r: precisions / r }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::Rng;

    use super::*;
    use crate::random::generator;
    use crate::readout::euclidean;

    /// The definitions as they stand in the paper, one query after another.
    fn for_loop(embeddings: &Array2<f32>, labels: &[u16], ks: &[usize]) -> (Vec<f64>, f64, f64) {
        let (mut recall, mut r_precision, mut map) = (vec![0.0; ks.len()], 0.0, 0.0);
        let mut n_queries = 0.0;
        for i in 0..labels.len() {
            let mut others: Vec<(f64, usize)> = Vec::new();
            for j in (0..labels.len()).filter(|&j| j != i) {
                let mut sum = 0.0;
                for c in 0..embeddings.ncols() {
                    sum += (f64::from(embeddings[[i, c]]) - f64::from(embeddings[[j, c]])).powi(2);
                }
                others.push((sum, j));
            }
            others.sort_by(|a, b| a.partial_cmp(b).unwrap());
            let hits: Vec<bool> = others.iter().map(|&(_, j)| labels[j] == labels[i]).collect();
            let r = hits.iter().filter(|&&hit| hit).count();
            if r == 0 {
                continue;
            }
            n_queries += 1.0;
            for (recall, &k) in recall.iter_mut().zip(ks) {
                *recall += f64::from(u8::from(hits.iter().take(k).any(|&hit| hit)));
            }
            let precision = |n: usize| hits[..n].iter().filter(|&&hit| hit).count() as f64 / n as f64;
            r_precision += precision(r);
            map += (1..=r).filter(|&n| hits[n - 1]).map(precision).sum::<f64>() / r as f64;
        }
        (recall.iter().map(|r| r / n_queries).collect(), r_precision / n_queries, map / n_queries)
    }

    #[test]
    fn scores_are_those_of_a_for_loop_with_ties_lonely_points_and_few_mates() {
        for (n, d, n_classes, steps) in
            [(200, 3, 4, 3), (150, 20, 60, 1 << 20), (40, 2, 39, 1 << 20), (90, 5, 2, 2)]
        {
            let mut rng = generator(n as u64, "retrieval");
            let embeddings =
                Array2::from_shape_simple_fn((n, d), || rng.gen_range(0..steps) as f32 / 64.0 + 7.0);
            let labels: Vec<u16> = (0..n).map(|_| rng.gen_range(0..n_classes)).collect();
            let ks = [1, 4, 500];
            let found = retrieval(embeddings.view(), &labels, &ks).unwrap();
            let (recall_at, r_precision, map_at_r) = for_loop(&embeddings, &labels, &ks);
            for (found, expected) in found.recall_at.iter().zip(recall_at) {
                assert!((found - expected).abs() < 1e-12, "n = {n}");
            }
            assert!((found.r_precision - r_precision).abs() < 1e-12, "n = {n}");
            assert!((found.map_at_r - map_at_r).abs() < 1e-12, "n = {n}");
        }
    }

    #[test]
    fn along_ways_scores_are_those_of_all_shortest_lengths() {
        let (n, mut rng) = (80, generator(5, "along"));
        let embeddings = Array2::from_shape_simple_fn((n, 2), || rng.gen_range(0..1 << 20) as f32 / 64.0);
        let labels: Vec<u16> = (0..n).map(|_| rng.gen_range(0..4)).collect();
        // In two dimensions ways are as long as straight lines, once every row is joined with all.
        let all = Ways::between(embeddings.view(), n - 1, &euclidean);
        let along = retrieval_along(&all, embeddings.view(), &labels, &[1, 4]).unwrap();
        assert_eq!(along, retrieval(embeddings.view(), &labels, &[1, 4]).unwrap());
        // Where there are ways to the two nearest alone, others come by way of them.
        let few = Ways::between(embeddings.view(), 2, &euclidean);
        let along = retrieval_along(&few, embeddings.view(), &labels, &[1]).unwrap();
        assert_ne!(along, retrieval(embeddings.view(), &labels, &[1]).unwrap());
        // And without any way it is as if there were no graph.
        let none = Ways::between(embeddings.view(), 2, &|from, _| vec![f64::INFINITY; from.nrows()]);
        let along = retrieval_along(&none, embeddings.view(), &labels, &[1, 4]).unwrap();
        assert_eq!(along, retrieval(embeddings.view(), &labels, &[1, 4]).unwrap());
    }

    #[test]
    fn scores_are_those_worked_out_by_hand() {
        let embeddings = array![[0.0_f32], [-1.0], [2.0], [2.5]];
        let scored = retrieval(embeddings.view(), &[0_u8, 1, 0, 0], &[1, 2]).unwrap();
        // The first asks and finds a stranger, then a mate; the third and fourth find both mates;
        // the second is alone.
        assert_eq!(scored.n_queries, 3);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        near(scored.recall_at[0], 2.0 / 3.0);
        near(scored.recall_at[1], 1.0);
        near(scored.r_precision, (0.5 + 1.0 + 1.0) / 3.0);
        near(scored.map_at_r, (0.25 + 1.0 + 1.0) / 3.0);
    }

    #[test]
    fn a_set_without_a_pair_is_refused() {
        let error = retrieval(array![[0.0_f32], [1.0]].view(), &[0_u8, 1], &[1]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "none of 2 points shares its class with another, which retrieval needs"
        );
    }
}
