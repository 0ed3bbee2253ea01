use ndarray::{Array2, ArrayView1, ArrayView2, Axis, parallel::prelude::*, s};
use pulp::Arch;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use super::N_ROWS;
use crate::error::{EvalError, check_embeddings, check_enough, check_positive};
use crate::neighbours::squared_distance;
use crate::random::generator;

/// How many points lie side by side; divides `N_ROWS`.
const N_GROUP: usize = 32;
const MAX_ITERATIONS: usize = 300;
const TOLERANCE: f64 = 1e-4;

/// Clusters around their means, found by Lloyd's iterations from greedy k-means++ seeds (Arthur &
/// Vassilvitskii 2007), with the stopping rule and the care for empty clusters of scikit-learn's
/// `KMeans`.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// `[k, d]`
    pub centroids: Array2<f32>,
    /// The cluster of every point, below k. `[n]`
    pub clusters: Vec<u32>,
    /// Sum of squared distances to the nearest centroid.
    pub inertia: f64,
}

impl KMeans {
    /// The clustering of least inertia out of `n_starts` starts.
    ///
    /// # Shapes
    /// `embeddings`: `[n, d]`
    ///
    /// # Errors
    /// Fewer points than clusters, no clusters or no starts; embeddings that are not finite or too
    /// large.
    pub fn fit(
        embeddings: ArrayView2<f32>,
        n_clusters: usize,
        n_starts: usize,
        seed: u64,
    ) -> Result<Self, EvalError> {
        check_positive(n_clusters, "the number of clusters")?;
        check_positive(n_starts, "the number of starts")?;
        check_enough(embeddings.nrows(), n_clusters, "for as many clusters")?;
        check_embeddings(embeddings, "set")?;
        let embeddings = embeddings.as_standard_layout();
        let mean = embeddings.mean_axis(Axis(0)).expect("there are points");
        let points = Points::new(&embeddings - &mean);
        let mut rng = generator(seed, "k-means");
        let starts = (0..n_starts).map(|_| lloyd(&points, n_clusters, &mut rng));
        let mut best = starts.min_by(|a, b| a.inertia.total_cmp(&b.inertia)).expect("at least one start");
        best.centroids += &mean;
        Ok(best)
    }
}

/// Moves centroids to the means of their points until none changes cluster, or they hardly move.
fn lloyd(points: &Points, n_clusters: usize, rng: &mut ChaCha8Rng) -> KMeans {
    let spread = points.rows.var_axis(Axis(0), 0.0).mapv(f64::from).mean().unwrap_or(0.0);
    let mut centroids = points.seeds(n_clusters, rng);
    let mut assigned = points.assign(centroids.view());
    for _ in 0..MAX_ITERATIONS {
        let moved = means(points.rows.view(), centroids.view(), &assigned);
        let shift: f64 = moved.iter().zip(&centroids).map(|(&a, &b)| f64::from(a - b).powi(2)).sum();
        centroids = moved;
        let next = points.assign(centroids.view());
        let settled = next.clusters == assigned.clusters;
        assigned = next;
        if settled || shift <= TOLERANCE * spread {
            break;
        }
    }
    let distance = |(point, &cluster): (ArrayView1<f32>, &u32)| {
        let centroid = centroids.row(cluster as usize);
        squared_distance(
            point.to_slice().expect("standard layout"),
            centroid.to_slice().expect("standard layout"),
        )
    };
    let inertia = points.rows.rows().into_iter().zip(&assigned.clusters).map(distance).sum();
    KMeans { centroids, clusters: assigned.clusters, inertia }
}

#[derive(Debug)]
struct Assigned {
    clusters: Vec<u32>,
    /// |x - c|² - |x|² of every point x and its centroid c.
    relative: Vec<f32>,
    /// The sum of the points of every cluster, and how many they are. // [k, d + 1]
    sums: Array2<f64>,
}

/// Centred, so that squared norms do not drown distances.
#[derive(Debug)]
struct Points {
    rows: Array2<f32>, // [n, d]
    /// The same in groups, a dimension after another, the last filled up with zeros, so that a
    /// vector instruction, of the widest that `Arch` finds, takes several points at once. `[groups,
    /// d, N_GROUP]`
    groups: Vec<[f32; N_GROUP]>,
}

impl Points {
    fn new(rows: Array2<f32>) -> Self {
        let mut groups = Vec::with_capacity(rows.len().div_ceil(N_GROUP));
        for group in rows.axis_chunks_iter(Axis(0), N_GROUP) {
            for column in group.columns() {
                let mut filled = [0.0; N_GROUP];
                filled.iter_mut().zip(column).for_each(|(slot, &x)| *slot = x);
                groups.push(filled);
            }
        }
        Self { rows, groups }
    }

    /// Greedy k-means++: each next seed is the best of 2 + ln k points drawn in proportion to their
    /// squared distance from the seeds so far.
    fn seeds(&self, n_clusters: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
        let n_trials = 2 + (n_clusters as f64).ln() as usize;
        let (n, d) = self.rows.dim();
        let mut seeds = Array2::zeros((n_clusters, d));
        let first = rng.gen_range(0..n);
        seeds.row_mut(0).assign(&self.rows.row(first));
        let (mut distances, mut total) = self.distances_to(first, &vec![f32::INFINITY; n]);
        for mut seed in seeds.rows_mut().into_iter().skip(1) {
            let running_sum = |sum: &mut f64, &distance: &f32| {
                *sum += f64::from(distance);
                Some(*sum)
            };
            let sums: Vec<f64> = distances.iter().scan(0.0, running_sum).collect();
            let trials = (0..n_trials).map(|_| {
                let at = rng.r#gen::<f64>() * total;
                let trial = sums.partition_point(|&sum| sum <= at).min(n - 1);
                (self.distances_to(trial, &distances), trial)
            });
            let best = trials.min_by(|a, b| a.0.1.total_cmp(&b.0.1)).expect("two trials or more");
            seed.assign(&self.rows.row(best.1));
            (distances, total) = best.0;
        }
        seeds
    }

    /// The squared distance of every point to point `seed`, or what it had before if that is less,
    /// and their sum.
    fn distances_to(&self, seed: usize, before: &[f32]) -> (Vec<f32>, f64) {
        let d = self.rows.ncols();
        let seed = self.rows.row(seed);
        let seed = seed.as_slice().expect("standard layout");
        let mut distances = before.to_vec();
        let part = |(groups, distances): (&[[f32; N_GROUP]], &mut [f32])| {
            let mut sums = [0.0; N_GROUP];
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for (group, distances) in groups.chunks(d).zip(distances.chunks_mut(N_GROUP)) {
                        let mut squares = [0.0_f32; N_GROUP];
                        for (column, &seed) in group.iter().zip(seed) {
                            for (square, &x) in squares.iter_mut().zip(column) {
                                *square += (x - seed) * (x - seed);
                            }
                        }
                        for ((distance, square), sum) in distances.iter_mut().zip(squares).zip(&mut sums) {
                            *distance = distance.min(square);
                            *sum += f64::from(*distance);
                        }
                    }
                },
            );
            sums.iter().sum::<f64>()
        };
        let groups = self.groups.par_chunks(N_ROWS / N_GROUP * d);
        let sums: Vec<f64> = groups.zip(distances.par_chunks_mut(N_ROWS)).map(part).collect();
        (distances, sums.iter().sum())
    }

    /// The nearest centroid of every point, the first of equally near ones.
    fn assign(&self, centroids: ArrayView2<f32>) -> Assigned {
        let (k, d) = centroids.dim();
        let norms: Vec<f32> = centroids.rows().into_iter().map(|c| c.dot(&c)).collect();
        let doubled: Vec<f32> = centroids.iter().map(|c| c * -2.0).collect();
        let part = |(groups, rows): (&[[f32; N_GROUP]], ArrayView2<f32>)| {
            let (mut clusters, mut relative) = (Vec::with_capacity(N_ROWS), Vec::with_capacity(N_ROWS));
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for group in groups.chunks(d) {
                        let (mut nearest, mut least) = ([0_u32; N_GROUP], [f32::INFINITY; N_GROUP]);
                        for (id, (&norm, centroid)) in (0..).zip(norms.iter().zip(doubled.chunks(d))) {
                            // |c|² - 2 c·x, which is |x - c|² - |x|².
                            let mut distances = [norm; N_GROUP];
                            for (column, &c) in group.iter().zip(centroid) {
                                for (distance, &x) in distances.iter_mut().zip(column) {
                                    *distance += c * x;
                                }
                            }
                            for ((nearest, least), &distance) in
                                nearest.iter_mut().zip(&mut least).zip(&distances)
                            {
                                *nearest = if distance < *least { id } else { *nearest };
                                *least = least.min(distance);
                            }
                        }
                        clusters.extend_from_slice(&nearest);
                        relative.extend_from_slice(&least);
                    }
                },
            );
            clusters.truncate(rows.nrows());
            relative.truncate(rows.nrows());
            let mut sums = Array2::<f64>::zeros((k, d + 1));
            let flat = sums.as_slice_mut().expect("standard layout");
            let rows = rows.to_slice().expect("standard layout");
            for (point, &cluster) in rows.chunks_exact(d).zip(&clusters) {
                let sum = &mut flat[cluster as usize * (d + 1)..][..=d];
                sum.iter_mut().zip(point).for_each(|(sum, &x)| *sum += f64::from(x));
                sum[d] += 1.0;
            }
            Assigned { clusters, relative, sums }
        };
        let rows = self.rows.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter();
        let parts: Vec<_> = self.groups.par_chunks(N_ROWS / N_GROUP * d).zip(rows).collect();
        let join = |mut all: Assigned, part: Assigned| {
            all.clusters.extend(part.clusters);
            all.relative.extend(part.relative);
            all.sums += &part.sums;
            all
        };
        // Some at a time: each has sums of all clusters, which may be many.
        let at_once = 2 * rayon::current_num_threads();
        let some = parts.chunks(at_once).flat_map(|some| {
            let some = some.par_iter().map(|&(group, rows)| part((group, rows)));
            some.collect::<Vec<_>>()
        });
        some.reduce(join).expect("there are points")
    }
}

/// The mean of every cluster. An empty cluster takes the point that lies farthest from its
/// centroid.
fn means(points: ArrayView2<f32>, centroids: ArrayView2<f32>, assigned: &Assigned) -> Array2<f32> {
    let (k, d) = centroids.dim();
    let mut sums = assigned.sums.clone();
    let empty: Vec<usize> = (0..k).filter(|&cluster| sums[[cluster, d]] == 0.0).collect();
    if !empty.is_empty() {
        let distance =
            |i: usize| f64::from(assigned.relative[i]) + points.row(i).mapv(|x| f64::from(x).powi(2)).sum();
        let mut far: Vec<(f64, usize)> = (0..points.nrows()).map(|i| (distance(i), i)).collect();
        far.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (cluster, (_, i)) in empty.into_iter().zip(far) {
            let point = points.row(i).mapv(f64::from);
            let mut old = sums.row_mut(assigned.clusters[i] as usize);
            old.slice_mut(s![..d]).scaled_add(-1.0, &point);
            old[d] -= 1.0;
            sums.slice_mut(s![cluster, ..d]).assign(&point);
            sums[[cluster, d]] = 1.0;
        }
    }
    Array2::from_shape_fn((k, d), |(cluster, j)| {
        // A cluster that gave its only point away stays where it was.
        let n = sums[[cluster, d]];
        if n > 0.0 { (sums[[cluster, j]] / n) as f32 } else { centroids[[cluster, j]] }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::clustering_accuracy;

    /// Four tight groups at the corners of a square, 25 points each, far from the origin.
    fn corners() -> (Array2<f32>, Vec<u8>) {
        let mut rng = generator(3, "corners");
        let labels: Vec<u8> = (0..100).map(|i| i % 4).collect();
        let at =
            |(i, j): (usize, usize)| 500.0 + f32::from(labels[i] >> j & 1) * 10.0 + rng.gen_range(-1.0..1.0);
        (Array2::from_shape_fn((100, 2), at), labels)
    }

    #[test]
    fn separate_groups_are_found_and_inertia_is_that_of_a_for_loop() {
        let (points, labels) = corners();
        let found = KMeans::fit(points.view(), 4, 3, 1).unwrap();
        assert!((clustering_accuracy(&labels, &found.clusters) - 1.0).abs() < 1e-12);
        let mut inertia = 0.0;
        for (point, &cluster) in points.rows().into_iter().zip(&found.clusters) {
            let off = &point - &found.centroids.row(cluster as usize);
            inertia += f64::from(off.dot(&off));
        }
        // Centroids are rounded to f32 at 500.
        assert!((inertia / found.inertia - 1.0).abs() < 1e-4, "{inertia} and {}", found.inertia);
    }

    #[test]
    fn an_empty_cluster_takes_the_farthest_point() {
        let points = Array2::from_shape_vec((4, 1), vec![0.0_f32, 0.1, 0.2, 9.0]).unwrap();
        let centroids = Array2::from_shape_vec((2, 1), vec![0.1_f32, -50.0]).unwrap();
        // The three points near 0 are at 0.1, the fourth at 8.9 from the first centroid.
        let assigned = Points::new(points.clone()).assign(centroids.view());
        assert_eq!(assigned.clusters, [0; 4]);
        let moved = means(points.view(), centroids.view(), &assigned);
        assert!((moved[[0, 0]] - 0.1).abs() < 1e-6 && (moved[[1, 0]] - 9.0).abs() < 1e-6, "{moved}");
    }

    #[test]
    fn as_many_clusters_as_points_and_copies_of_one_point_are_no_trouble() {
        let (points, _) = corners();
        let each = KMeans::fit(points.slice(s![..5, ..]), 5, 1, 1).unwrap();
        assert!(each.inertia < 1e-9, "{}", each.inertia);
        let copies = KMeans::fit(Array2::from_elem((6, 2), 3.0).view(), 3, 2, 1).unwrap();
        assert!(copies.inertia < 1e-9, "{}", copies.inertia);
        let error = KMeans::fit(points.slice(s![..2, ..]), 3, 1, 1).unwrap_err();
        assert_eq!(error.to_string(), "2 points are too few for as many clusters, which needs at least 3");
    }
}
