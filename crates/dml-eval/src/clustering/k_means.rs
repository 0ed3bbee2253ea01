use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, parallel::prelude::*, s};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::N_ROWS;
use crate::error::{EvalError, check_enough, check_finite};
use crate::random::generator;

const MAX_ITERATIONS: usize = 300;
const TOLERANCE: f64 = 1e-4;

/// Clusters around their means, found by Lloyd's iterations from greedy k-means++ seeds (Arthur & Vassilvitskii
/// 2007), with the stopping rule and the care for empty clusters of scikit-learn's `KMeans`.
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
    /// Fewer points than clusters; embeddings that are not finite.
    pub fn fit(
        embeddings: ArrayView2<f32>,
        n_clusters: usize,
        n_starts: usize,
        seed: u64,
    ) -> Result<Self, EvalError> {
        assert!(n_clusters > 0 && n_starts > 0, "k-means takes at least one cluster and one start");
        check_enough(embeddings.nrows(), n_clusters, "for as many clusters")?;
        check_finite(embeddings)?;
        let mean = embeddings.mean_axis(Axis(0)).expect("there are points");
        // Rows (x, 1): centred, so that squared norms do not drown distances. // [n, d + 1]
        let mut points = Array2::ones((embeddings.nrows(), embeddings.ncols() + 1));
        points.slice_mut(s![.., ..-1]).assign(&(&embeddings - &mean));
        let mut rng = generator(seed, "k-means");
        let starts = (0..n_starts).map(|_| lloyd(points.view(), n_clusters, &mut rng));
        let mut best = starts.min_by(|a, b| a.inertia.total_cmp(&b.inertia)).expect("at least one start");
        best.centroids += &mean;
        Ok(best)
    }
}

/// Moves centroids to the means of their points until none changes cluster, or they hardly move.
fn lloyd(points: ArrayView2<f32>, n_clusters: usize, rng: &mut ChaCha8Rng) -> KMeans {
    let coordinates = points.slice(s![.., ..-1]);
    let spread = coordinates.var_axis(Axis(0), 0.0).mapv(f64::from).mean().unwrap_or(0.0);
    let mut centroids = seeds(coordinates, n_clusters, rng);
    let mut assigned = assign(points, centroids.view());
    for _ in 0..MAX_ITERATIONS {
        let moved = means(coordinates, centroids.view(), &assigned);
        let shift: f64 =
            moved.rows().into_iter().zip(centroids.rows()).map(|(a, b)| squared_distance(a, b)).sum();
        centroids = moved;
        let next = assign(points, centroids.view());
        let settled = next.clusters == assigned.clusters;
        assigned = next;
        if settled || shift <= TOLERANCE * spread {
            break;
        }
    }
    let distance = |(i, point)| squared_distance(point, centroids.row(assigned.clusters[i] as usize));
    let inertia = coordinates.rows().into_iter().enumerate().map(distance).sum();
    KMeans { centroids, clusters: assigned.clusters, inertia }
}

/// Greedy k-means++: each next seed is the best of 2 + ln k points drawn in proportion to their squared distance from
/// the seeds so far.
fn seeds(points: ArrayView2<f32>, n_clusters: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let n_trials = 2 + (n_clusters as f64).ln() as usize;
    let mut seeds = Array2::zeros((n_clusters, points.ncols()));
    let first = points.row(rng.gen_range(0..points.nrows()));
    seeds.row_mut(0).assign(&first);
    let mut distances = distances_to(points, first, None);
    for mut seed in seeds.rows_mut().into_iter().skip(1) {
        let total = distances.sum();
        let mut trial = || {
            let chosen = draw(&distances, rng.gen_range(0.0..1.0) * total);
            (distances_to(points, points.row(chosen), Some(&distances)), chosen)
        };
        let trials: Vec<_> = (0..n_trials).map(|_| trial()).collect();
        let best =
            trials.into_iter().min_by(|a, b| a.0.sum().total_cmp(&b.0.sum())).expect("two trials or more");
        seed.assign(&points.row(best.1));
        distances = best.0;
    }
    seeds
}

/// The first point at which the running sum of weights exceeds `at`.
fn draw(weights: &Array1<f64>, at: f64) -> usize {
    let mut sum = 0.0;
    let exceeds = |&weight: &f64| {
        sum += weight;
        sum > at
    };
    weights.iter().position(exceeds).unwrap_or(weights.len() - 1)
}

/// Squared distance of every point to `seed`, or what it had before if that is less.
fn distances_to(points: ArrayView2<f32>, seed: ArrayView1<f32>, before: Option<&Array1<f64>>) -> Array1<f64> {
    let distance = |point: ArrayView1<f32>| -> f64 {
        let squares = point.iter().zip(seed).map(|(&a, &b)| (a - b) * (a - b));
        squares.sum::<f32>().into()
    };
    let part = |points: ArrayView2<f32>| points.rows().into_iter().map(distance).collect::<Vec<_>>();
    let all: Vec<f64> =
        points.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter().flat_map_iter(part).collect();
    let mut distances = Array1::from_vec(all);
    if let Some(before) = before {
        distances.zip_mut_with(before, |new, &old| *new = new.min(old));
    }
    distances
}

/// |a - b|² in f64.
fn squared_distance(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

#[derive(Debug)]
struct Assigned {
    clusters: Vec<u32>,
    /// |x - c|² - |x|² of every point x and its centroid c.
    relative: Vec<f32>,
}

/// The nearest centroid of every point, the first of equally near ones.
fn assign(points: ArrayView2<f32>, centroids: ArrayView2<f32>) -> Assigned {
    // Columns (-2 c, |c|²), so that one product with (x, 1) gives |x - c|² - |x|². // [d + 1, k]
    let mut columns = Array2::zeros((points.ncols(), centroids.nrows()));
    columns.slice_mut(s![..-1, ..]).assign(&(&centroids.t() * -2.0));
    columns.slice_mut(s![-1, ..]).assign(&centroids.map_axis(Axis(1), |c| c.dot(&c)));
    let part = |points: ArrayView2<f32>| {
        let distances = points.dot(&columns);
        let nearest = |row: ArrayView1<f32>| {
            let less =
                |best: (u32, f32), (i, &x): (usize, &f32)| if x < best.1 { (i as u32, x) } else { best };
            row.iter().enumerate().fold((0, f32::INFINITY), less)
        };
        distances.rows().into_iter().map(nearest).collect::<Vec<_>>()
    };
    let nearest = points.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter().flat_map_iter(part);
    let (clusters, relative) = nearest.unzip();
    Assigned { clusters, relative }
}

/// The mean of every cluster. An empty cluster takes the point that lies farthest from its centroid.
fn means(points: ArrayView2<f32>, centroids: ArrayView2<f32>, assigned: &Assigned) -> Array2<f32> {
    let (k, d) = centroids.dim();
    let part = |(points, clusters): (ArrayView2<f32>, ArrayView1<u32>)| {
        let mut sums = Array2::<f64>::zeros((k, d + 1));
        for (point, &cluster) in points.rows().into_iter().zip(clusters) {
            let mut sum = sums.row_mut(cluster as usize);
            sum.iter_mut().zip(point).for_each(|(sum, &x)| *sum += f64::from(x));
            sum[d] += 1.0;
        }
        sums
    };
    let clusters = ArrayView1::from(&assigned.clusters);
    let clusters = clusters.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter();
    let parts = points.axis_chunks_iter(Axis(0), N_ROWS).into_par_iter().zip(clusters);
    let parts: Vec<_> = parts.map(part).collect();
    let mut sums = parts.into_iter().reduce(|a, b| a + b).expect("there are points"); // [k, d + 1]

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
            inertia += squared_distance(point, found.centroids.row(cluster as usize));
        }
        // Centroids are rounded to f32 at 500.
        assert!((inertia / found.inertia - 1.0).abs() < 1e-4, "{inertia} and {}", found.inertia);
    }

    #[test]
    fn an_empty_cluster_takes_the_farthest_point() {
        let points = Array2::from_shape_vec((4, 1), vec![0.0_f32, 0.1, 0.2, 9.0]).unwrap();
        let centroids = Array2::from_shape_vec((2, 1), vec![0.1_f32, -50.0]).unwrap();
        let assigned = Assigned { clusters: vec![0; 4], relative: vec![0.0; 4] };
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
