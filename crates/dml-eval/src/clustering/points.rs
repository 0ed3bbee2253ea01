#![expect(
    clippy::inline_always,
    reason = "vector instructions reach only what is inlined where they are chosen"
)]

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, parallel::prelude::*};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use super::N_ROWS;
use crate::neighbours::{rounding, squared_distance};
use crate::product::with_widest_vectors;

/// How many points lie side by side; divides `N_ROWS`.
const N_GROUP: usize = 32;
/// Of how many seeds or centroids a group's distances are computed at once: sums that do not wait
/// for each other.
const N_AT_ONCE: usize = 2;
/// Where rounding may be more than this share of a squared distance, it is computed by differences
/// in f64. Most data are nowhere near, and products take a fraction of the time.
const DROWNED: f64 = 0.1;

/// Which centroid every point is nearest to.
#[derive(Debug)]
pub(super) struct Assigned {
    /// `[n]`
    pub(super) clusters: Vec<u32>,
    /// Of every point, the squared distance to its centroid. `[n]`
    pub(super) distances: Vec<f64>,
    /// The sum of the points of every cluster, and how many they are. `[k, d + 1]`
    pub(super) sums: Array2<f64>,
}

/// Centred, so that squared norms do not drown distances.
#[derive(Debug)]
pub(super) struct Points {
    pub(super) rows: Array2<f32>, // [n, d]
    squared_norms: Vec<f64>,      // [n]
    /// The rows in groups, a dimension after another, the last filled up with zeros, so that a
    /// vector instruction takes several points at once. `[groups, d, N_GROUP]`
    groups: Vec<[f32; N_GROUP]>,
}

impl Points {
    pub(super) fn new(rows: Array2<f32>) -> Self {
        let mut groups = Vec::with_capacity(rows.len().div_ceil(N_GROUP));
        for group in rows.axis_chunks_iter(Axis(0), N_GROUP) {
            for column in group.columns() {
                let mut filled = [0.0; N_GROUP];
                filled.iter_mut().zip(column).for_each(|(slot, &x)| *slot = x);
                groups.push(filled);
            }
        }
        let squared_norm = |row: ArrayView1<f32>| row.mapv(|x| f64::from(x).powi(2)).sum();
        let squared_norms = rows.rows().into_iter().map(squared_norm).collect();
        Self { rows, squared_norms, groups }
    }

    /// Greedy k-means++: each next seed is the best of 2 + ln k points drawn in proportion to their
    /// squared distance from the seeds so far.
    pub(super) fn seeds(&self, n_clusters: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
        let n_trials = 2 + (n_clusters as f64).ln() as usize;
        let (n, d) = self.rows.dim();
        let mut seeds = Array2::zeros((n_clusters, d));
        let (mut distances, mut total) = (vec![f32::INFINITY; n], f64::INFINITY);
        let mut sums = vec![0.0; n];
        for (i, mut seed) in seeds.rows_mut().into_iter().enumerate() {
            let trials: Vec<usize> = if i == 0 {
                vec![rng.gen_range(0..n)]
            } else {
                let mut sum = 0.0;
                for (slot, &distance) in sums.iter_mut().zip(&distances) {
                    sum += f64::from(distance);
                    *slot = sum;
                }
                let at = (0..n_trials).map(|_| rng.r#gen::<f64>() * total);
                at.map(|at| sums.partition_point(|&sum| sum <= at).min(n - 1)).collect()
            };
            let totals = self.totals_with(&trials, &distances).into_iter().zip(trials);
            let best = totals.min_by(|a, b| a.0.total_cmp(&b.0)).expect("one trial or more");
            total = best.0;
            self.take_seed(best.1, &mut distances);
            seed.assign(&self.rows.row(best.1));
        }
        seeds
    }

    /// For each trial as one more seed, the sum of the squared distances of all points to their
    /// nearest seed; without it they are `distances`.
    fn totals_with(&self, trials: &[usize], distances: &[f32]) -> Vec<f64> {
        let part = |(groups, distances): (&[[f32; N_GROUP]], &[f32])| {
            let mut sums = vec![[0.0; N_GROUP]; trials.len()];
            with_widest_vectors(
                #[inline(always)]
                || {
                    let groups = groups.chunks(self.rows.ncols());
                    for (group, distances) in groups.zip(distances.chunks(N_GROUP)) {
                        // All trials while the group is at hand.
                        for (trials, sums) in trials.chunks(N_AT_ONCE).zip(sums.chunks_mut(N_AT_ONCE)) {
                            let squares = self.squared_distances(group, trials);
                            for (squares, sums) in squares.iter().zip(sums) {
                                for ((distance, &square), sum) in distances.iter().zip(squares).zip(sums) {
                                    *sum += f64::from(distance.min(square));
                                }
                            }
                        }
                    }
                },
            );
            sums.iter().map(|sums| sums.iter().sum()).collect::<Vec<f64>>()
        };
        let groups = self.groups.par_chunks(N_ROWS / N_GROUP * self.rows.ncols());
        let parts: Vec<_> = groups.zip(distances.par_chunks(N_ROWS)).map(part).collect();
        (0..trials.len()).map(|trial| parts.iter().map(|part| part[trial]).sum()).collect()
    }

    /// Sets the squared distances of all points to their nearest seed to what they are with one
    /// more.
    fn take_seed(&self, seed: usize, distances: &mut [f32]) {
        let part = |(groups, distances): (&[[f32; N_GROUP]], &mut [f32])| {
            with_widest_vectors(
                #[inline(always)]
                || {
                    let groups = groups.chunks(self.rows.ncols());
                    for (group, distances) in groups.zip(distances.chunks_mut(N_GROUP)) {
                        let [squares, _] = self.squared_distances(group, &[seed]);
                        distances.iter_mut().zip(squares).for_each(|(d, square)| *d = d.min(square));
                    }
                },
            );
        };
        let groups = self.groups.par_chunks(N_ROWS / N_GROUP * self.rows.ncols());
        groups.zip(distances.par_chunks_mut(N_ROWS)).for_each(part);
    }

    /// From the points of a group to the first of `seeds`, and to the second or to it once more.
    #[inline(always)]
    fn squared_distances(&self, group: &[[f32; N_GROUP]], seeds: &[usize]) -> [[f32; N_GROUP]; N_AT_ONCE] {
        let row =
            |i: usize| self.rows.row(seeds[i.min(seeds.len() - 1)]).to_slice().expect("standard layout");
        let mut squares = [[0.0_f32; N_GROUP]; N_AT_ONCE];
        for ((column, a), b) in group.iter().zip(row(0)).zip(row(1)) {
            for (squares, seed) in squares.iter_mut().zip([a, b]) {
                for (square, &x) in squares.iter_mut().zip(column) {
                    *square += (x - seed) * (x - seed);
                }
            }
        }
        squares
    }

    /// The nearest centroid of every point, the first of equally near ones.
    pub(super) fn assign(&self, centroids: ArrayView2<f32>) -> Assigned {
        let centroids = Centroids::new(centroids);
        let groups = self.groups.par_chunks(N_ROWS / N_GROUP * self.rows.ncols());
        let rows = self.rows.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter();
        let norms = self.squared_norms.par_chunks(N_ROWS);
        let parts: Vec<_> = groups.zip(rows).zip(norms).collect();
        let join = |mut all: Assigned, part: Assigned| {
            all.clusters.extend(part.clusters);
            all.distances.extend(part.distances);
            all.sums += &part.sums;
            all
        };
        // Some at a time: each has sums of all clusters, which may be many.
        let at_once = 2 * rayon::current_num_threads();
        let some = parts.chunks(at_once).flat_map(|some| {
            let some = some.par_iter().map(|&((groups, rows), norms)| centroids.assign(groups, rows, norms));
            some.collect::<Vec<_>>()
        });
        some.reduce(join).expect("there are points")
    }
}

/// Centroids, and what products with points take.
#[derive(Debug)]
struct Centroids<'a> {
    rows: ArrayView2<'a, f32>, // [k, d]
    squared_norms: Vec<f32>,   // [k]
    /// Of every coordinate c, -2 c. `[k * d]`
    doubled: Vec<f32>,
}

impl<'a> Centroids<'a> {
    fn new(rows: ArrayView2<'a, f32>) -> Self {
        let squared_norms = rows.rows().into_iter().map(|c| c.dot(&c)).collect();
        let doubled = rows.iter().map(|c| c * -2.0).collect();
        Self { rows, squared_norms, doubled }
    }

    /// Of the points in `groups`, which are `rows`.
    fn assign(&self, groups: &[[f32; N_GROUP]], rows: ArrayView2<f32>, squared_norms: &[f64]) -> Assigned {
        let (k, d) = self.rows.dim();
        let (mut clusters, relative) = self.by_products(groups);
        clusters.truncate(rows.nrows());
        let mut distances: Vec<f64> =
            squared_norms.iter().zip(relative).map(|(norm, relative)| f64::from(relative) + norm).collect();
        let mut sums = Array2::<f64>::zeros((k, d + 1));
        let flat = sums.as_slice_mut().expect("standard layout");
        let rows = rows.to_slice().expect("standard layout");
        let found = clusters.iter_mut().zip(&mut distances);
        for ((point, &norm), (cluster, distance)) in rows.chunks_exact(d).zip(squared_norms).zip(found) {
            // What rounding could take for the nearest lies about as far from 0 as the point.
            if DROWNED * *distance < rounding(d + 1, 2.0 * norm.sqrt()) {
                (*cluster, *distance) = self.by_differences(point, *cluster);
            }
            let sum = &mut flat[*cluster as usize * (d + 1)..][..=d];
            sum.iter_mut().zip(point).for_each(|(sum, &x)| *sum += f64::from(x));
            sum[d] += 1.0;
        }
        Assigned { clusters, distances, sums }
    }

    /// The nearest centroid c of every point x, and |c|² - 2 c·x, which is |x - c|² - |x|²; in f32,
    /// so off by what rounding leaves of |x|².
    fn by_products(&self, groups: &[[f32; N_GROUP]]) -> (Vec<u32>, Vec<f32>) {
        let d = self.rows.ncols();
        let (mut clusters, mut relative) = (Vec::with_capacity(N_ROWS), Vec::with_capacity(N_ROWS));
        with_widest_vectors(
            #[inline(always)]
            || {
                for group in groups.chunks(d) {
                    let (mut nearest, mut least) = ([0_u32; N_GROUP], [f32::INFINITY; N_GROUP]);
                    for first in (0..self.squared_norms.len()).step_by(N_AT_ONCE) {
                        for (id, distances) in (first..).zip(self.relative_distances(group, first)) {
                            for ((nearest, least), &distance) in
                                nearest.iter_mut().zip(&mut least).zip(&distances)
                            {
                                *nearest = if distance < *least { id as u32 } else { *nearest };
                                *least = least.min(distance);
                            }
                        }
                    }
                    clusters.extend_from_slice(&nearest);
                    relative.extend_from_slice(&least);
                }
            },
        );
        (clusters, relative)
    }

    /// |c|² - 2 c·x of the points x of a group and of centroid `first` and the next; infinity where
    /// there is none.
    #[inline(always)]
    fn relative_distances(&self, group: &[[f32; N_GROUP]], first: usize) -> [[f32; N_GROUP]; N_AT_ONCE] {
        let (d, last) = (self.rows.ncols(), self.squared_norms.len() - 1);
        let norm = |id: usize| self.squared_norms.get(id).copied().unwrap_or(f32::INFINITY);
        let centroid = |id: usize| &self.doubled[id.min(last) * d..][..d];
        let mut distances = [norm(first), norm(first + 1)].map(|norm| [norm; N_GROUP]);
        for ((column, a), b) in group.iter().zip(centroid(first)).zip(centroid(first + 1)) {
            for (distances, c) in distances.iter_mut().zip([a, b]) {
                for (distance, &x) in distances.iter_mut().zip(column) {
                    *distance += c * x;
                }
            }
        }
        distances
    }

    /// The nearest centroid of a point, and its squared distance, where products chose `chosen`.
    fn by_differences(&self, point: &[f32], chosen: u32) -> (u32, f64) {
        let distance = |id: u32| {
            let centroid = self.rows.row(id as usize);
            squared_distance(point, centroid.to_slice().expect("standard layout"))
        };
        // A seed, or the only point of a cluster. None is nearer, and of copies of a centroid
        // products, which are equal, chose the first.
        if distance(chosen) == 0.0 {
            return (chosen, 0.0);
        }
        let all = (0..self.rows.nrows() as u32).map(|id| (id, distance(id)));
        all.min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are centroids")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::generator;

    #[test]
    fn points_far_from_0_and_near_each_other_go_to_the_centroid_of_a_for_loop() {
        let mut rng = generator(11, "far points");
        // Eight centroids each around 20,000 and around the other side of 0, points around both,
        // and a few at 0 whose products rounding does not touch.
        let mut around = |n: usize, far: f32| {
            let side = move |i: usize| if i.is_multiple_of(2) { far } else { -far };
            Array2::from_shape_fn((n, 3), |(i, _)| side(i) + rng.gen_range(-2.0..2.0))
        };
        let centroids = around(16, 20_000.0);
        let mut rows = around(1500, 20_000.0);
        rows.slice_mut(ndarray::s![..100, ..]).assign(&around(100, 0.0));
        // A centroid itself.
        rows.row_mut(700).assign(&centroids.row(6));
        let assigned = Points::new(rows.clone()).assign(centroids.view());
        let mut sums = Array2::<f64>::zeros((16, 4));
        for (i, point) in rows.rows().into_iter().enumerate() {
            let distance = |c: ArrayView1<f32>| -> f64 {
                point.iter().zip(c).map(|(&x, &c)| (f64::from(x) - f64::from(c)).powi(2)).sum()
            };
            let distances: Vec<f64> = centroids.rows().into_iter().map(distance).collect();
            let nearest = (0..16).min_by(|&a, &b| distances[a].total_cmp(&distances[b])).unwrap();
            let (found, expected) = (assigned.clusters[i] as usize, distances[nearest]);
            // Those at 0 are 35,000 from all centroids, which products in f32 tell to six digits.
            assert!(distances[found] <= expected * (1.0 + 1e-5), "row {i}: {found}, not {nearest}");
            assert!((assigned.distances[i] - expected).abs() <= 1e-5 * expected, "row {i}");
            for (j, &x) in point.iter().enumerate() {
                sums[[found, j]] += f64::from(x);
            }
            sums[[found, 3]] += 1.0;
        }
        assert!((&assigned.sums - &sums).iter().all(|off| off.abs() < 1e-6), "{sums}");
        assert_eq!((assigned.clusters[700], assigned.distances[700]), (6, 0.0));
    }
}
