//! What a trial left of its latent space: embeddings, labels, prior components.

use std::path::Path;

use dml_data::DataError;
use dml_data::npz::Npz;
use dml_store::names;
use ndarray::{Array2, Axis};

/// The contents of a trial's `latent.npz`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Latent {
    /// `[n, d]`
    pub(crate) embeddings: Array2<f32>,
    /// `[n]`
    pub(crate) labels: Vec<u16>,
    /// Rows of the evaluated split, `[n]`.
    pub(crate) rows: Vec<i64>,
    /// Mean and log variance of the prior's components, both `[k, d]`.
    pub(crate) components: Option<(Array2<f32>, Array2<f32>)>,
}

impl Latent {
    /// Reads `latent.npz` of a trial's directory; `None` where there is none.
    ///
    /// # Errors
    /// When the file is there but is not what it should be.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, DataError> {
        let path = directory.join(names::LATENT);
        if !path.exists() {
            return Ok(None);
        }
        let mut npz = Npz::open(&path)?;
        let wrong = |reason: String| DataError::Format { path: path.clone(), reason };
        let embeddings = npz.read_f32("embeddings")?;
        let (n, d) = embeddings.dim();
        let class =
            |label| u16::try_from(label).map_err(|_| wrong(format!("label {label} is not in 0 to 65535")));
        let labels: Vec<u16> = npz.read_labels("labels")?.into_iter().map(class).collect::<Result<_, _>>()?;
        let rows = npz.read_labels("rows")?;
        if labels.len() != n || rows.len() != n || d == 0 {
            return Err(wrong(format!(
                "embeddings [{n}, {d}], labels [{}] and rows [{}]: all should have the same length, and one dimension or more",
                labels.len(),
                rows.len()
            )));
        }
        if embeddings.iter().any(|x| !x.is_finite()) {
            return Err(wrong("embeddings are not all finite".to_string()));
        }
        let mut components = None;
        if npz.has("components_mean") {
            let (mean, logvar) = (npz.read_f32("components_mean")?, npz.read_f32("components_logvar")?);
            if mean.ncols() != d || mean.dim() != logvar.dim() {
                return Err(wrong(format!("components_mean and components_logvar should both be [k, {d}]")));
            }
            components = Some((mean, logvar));
        }
        Ok(Some(Self { embeddings, labels, rows, components }))
    }

    /// The first `n` points.
    #[must_use]
    pub(crate) fn truncated(mut self, n: usize) -> Self {
        if self.labels.len() > n {
            self.embeddings = self.embeddings.slice(ndarray::s![..n, ..]).to_owned();
            self.labels.truncate(n);
            self.rows.truncate(n);
        }
        self
    }
}

/// Points of at most two dimensions as they are, `[n, 2]`; one-dimensional points lie on a line.
pub(crate) fn plane(points: &Array2<f32>) -> Array2<f64> {
    Array2::from_shape_fn((points.nrows(), 2), |(i, j)| points.get((i, j)).map_or(0.0, |&x| f64::from(x)))
}

/// The two directions of greatest variance, `[n, 2]`; one-dimensional points lie on a line.
///
/// Power iteration on the covariance from a fixed start, so that the same points give the same
/// picture.
pub(crate) fn principal_plane(points: &Array2<f32>) -> Array2<f64> {
    let (n, d) = points.dim();
    let points = points.mapv(f64::from);
    let centred = &points - &points.mean_axis(Axis(0)).unwrap_or_default();
    let mut covariance = centred.t().dot(&centred) / n.max(1) as f64;
    let mut plane = Array2::zeros((n, 2));
    for column in 0..d.min(2) {
        let mut direction = ndarray::Array1::from_shape_fn(d, |i| 1.0 / (1.0 + i as f64));
        for _ in 0..200 {
            let next = covariance.dot(&direction);
            let length = next.dot(&next).sqrt();
            if length < 1e-12 {
                break;
            }
            direction = next / length;
        }
        direction /= direction.dot(&direction).sqrt();
        plane.column_mut(column).assign(&centred.dot(&direction));
        let variance = direction.dot(&covariance.dot(&direction));
        let outer = direction.view().insert_axis(Axis(1)).dot(&direction.view().insert_axis(Axis(0)));
        covariance -= &(outer * variance);
    }
    plane
}

/// t-SNE (van der Maaten & Hinton, 2008; Barnes-Hut with theta 0.5) from the principal plane, `[n,
/// 2]`.
///
/// Learning rate n / 12 (Belkina et al., 2019), perplexity 30 or what few points allow. Fewer than
/// ten points stay in their principal plane. It runs on one thread, where sums have one order, so
/// that the same points give the same picture.
pub(crate) fn t_sne(points: &Array2<f32>) -> Array2<f64> {
    let n = points.nrows();
    let plane = principal_plane(points);
    if n < 10 {
        return plane;
    }
    let spread = plane.column(0).std(0.0).max(1e-12);
    let start: Vec<f64> = plane.iter().map(|x| x / spread * 1e-4).collect();
    let perplexity = ((n - 1) as f64 / 3.0 - 1.0).min(30.0);
    let neighbours = neighbours(points, (3.0 * perplexity) as usize);
    let rows = vec![(); n];
    let fit = || {
        let mut t_sne: bhtsne::tSNE<f64, ()> = bhtsne::tSNE::new(&rows);
        t_sne.perplexity(perplexity).learning_rate((n as f64 / 12.0).max(50.0)).initial_embedding(start);
        t_sne.barnes_hut_with_neighbors(0.5, &neighbours).embedding()
    };
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    Array2::from_shape_vec((n, 2), one_thread.install(fit)).expect("two numbers a point")
}

/// The `k` nearest other points of each, nearest first.
fn neighbours(points: &Array2<f32>, k: usize) -> Vec<Vec<bhtsne::Neighbor<f64>>> {
    let of = |i: usize| {
        let distance = |j: usize| {
            points.row(i).iter().zip(points.row(j)).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
        };
        let others = (0..points.nrows()).filter(|&j| j != i);
        let mut all: Vec<_> =
            others.map(|index| bhtsne::Neighbor { index, distance: distance(index) }).collect();
        all.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        all.truncate(k);
        all
    };
    (0..points.nrows()).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{blobs, write_latent};

    #[test]
    fn a_latent_space_is_read_as_numpy_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Latent::read(folder.path()).unwrap().is_none());
        let latent = blobs(30, 3, 0);
        write_latent(folder.path(), &latent);
        assert_eq!(Latent::read(folder.path()).unwrap().unwrap(), latent);
        // As of a folder of many classes.
        let latent = Latent { labels: (0..30).map(|i| i * 2000).collect(), ..latent };
        write_latent(folder.path(), &latent);
        assert_eq!(Latent::read(folder.path()).unwrap().unwrap(), latent);
    }

    #[test]
    fn a_broken_latent_space_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("latent.npz"), b"PK nothing").unwrap();
        assert!(
            Latent::read(folder.path())
                .unwrap_err()
                .to_string()
                .contains("latent.npz: is a damaged or incomplete npz file")
        );
        let mut latent = blobs(30, 3, 0);
        latent.labels.pop();
        write_latent(folder.path(), &latent);
        assert!(Latent::read(folder.path()).unwrap_err().to_string().contains("labels [29]"));
    }

    #[test]
    fn the_principal_plane_has_the_two_greatest_variances() {
        let points =
            Array2::from_shape_fn((50, 3), |(i, j)| [10.0, 1.0, 3.0][j] * ((i * (j + 3)) as f32).sin());
        let plane = principal_plane(&points);
        let variance = |column: usize| plane.column(column).std(0.0);
        assert!(
            variance(0) > 5.0 && variance(1) > 1.5 && variance(1) < 3.0,
            "{} {}",
            variance(0),
            variance(1)
        );
        let line = principal_plane(&points.slice(ndarray::s![.., ..1]).to_owned());
        assert!(line.column(1).iter().all(|y| y.abs() < 1e-12));
    }

    #[test]
    fn t_sne_keeps_blobs_apart_and_gives_the_same_twice() {
        let latent = blobs(200, 5, 1);
        let map = t_sne(&latent.embeddings);
        assert_eq!(map, t_sne(&latent.embeddings));
        let distance = |i: usize, j: usize| (&map.row(i) - &map.row(j)).mapv(|x| x * x).sum().sqrt();
        let nearest_agrees = (0..200).filter(|&i| {
            let nearest = (0..200)
                .filter(|&j| j != i)
                .min_by(|&a, &b| distance(i, a).total_cmp(&distance(i, b)))
                .unwrap();
            latent.labels[nearest] == latent.labels[i]
        });
        assert!(nearest_agrees.count() > 190);
        assert!(t_sne(&blobs(3, 5, 1).embeddings).iter().all(|x| x.is_finite()));
    }
}
