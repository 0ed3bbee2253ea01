use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use rand_chacha::ChaCha8Rng;

use super::points::{Assigned, Points};
use crate::error::{EvalError, check_embeddings, check_enough, check_positive};
use crate::neighbours::squared_distance;
use crate::random::generator;

const MAX_ITERATIONS: usize = 300;
const TOLERANCE: f64 = 1e-4;

/// Clusters around their means, found by Lloyd's iterations from greedy k-means++ seeds (Arthur &
/// Vassilvitskii 2007), with the stopping rule and the care for empty clusters of scikit-learn's
/// `KMeans`.
///
/// Distances are compared in f32, and in f64 where rounding could be a tenth of them: rows that lie
/// near each other and far from the mean of all get the nearest centroid, too.
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

/// The mean of every cluster. An empty cluster takes the point that lies farthest from its
/// centroid.
fn means(points: ArrayView2<f32>, centroids: ArrayView2<f32>, assigned: &Assigned) -> Array2<f32> {
    let (k, d) = centroids.dim();
    let mut sums = assigned.sums.clone();
    let empty: Vec<usize> = (0..k).filter(|&cluster| sums[[cluster, d]] == 0.0).collect();
    if !empty.is_empty() {
        let mut far: Vec<(f64, usize)> = assigned.distances.iter().copied().zip(0..).collect();
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
    use rand::Rng;

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
    fn groups_that_lie_near_each_other_are_found_on_both_sides_of_a_large_gap() {
        let mut rng = generator(5, "sides");
        // Twelve uniform draws have variance 1.
        let mut normal = || (0..12).map(|_| rng.gen_range(-0.5_f32..0.5)).sum::<f32>();
        let labels: Vec<u8> = (0..1000).map(|i| (i % 10) as u8).collect();
        let at = |(i, j): (usize, usize)| {
            let (side, group) = (f32::from(labels[i] % 2), f32::from(labels[i] / 2));
            let centre = if j == 0 { 40_000.0 * side - 20_000.0 } else { 2.0 * group };
            centre + 0.15 * normal()
        };
        let points = Array2::from_shape_fn((1000, 2), at);
        let found = KMeans::fit(points.view(), 10, 10, 1).unwrap();
        assert!((clustering_accuracy(&labels, &found.clusters) - 1.0).abs() < 1e-12, "{}", found.inertia);
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
