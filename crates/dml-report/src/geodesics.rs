//! What a trial left of its latent plane's geometry: volumes, geodesics, and images along them.

use std::path::Path;

use dml_data::DataError;
use dml_data::npz::Npz;
use dml_store::names;
use ndarray::{Array2, Axis, s};

/// The contents of a trial's `geodesics.npz`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Geodesics {
    /// From where to where the plane is shown, for each dimension.
    pub(crate) window: [[f64; 2]; 2],
    /// The logarithm to the base 10 of the volume in the cells of a grid over it, the largest
    /// second coordinate first.
    pub(crate) log10_volume: Array2<f32>,
    /// The pairs of examples.
    pub(crate) pairs: Vec<Pair>,
}

/// Two examples and the ways between them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    /// The points of the geodesic, from one to the other.
    pub(crate) geodesic: Vec<[f64; 2]>,
    /// Decoded lengths of the geodesic and of the straight line.
    pub(crate) lengths: [f64; 2],
    /// Classes of both.
    pub(crate) classes: [i64; 2],
}

impl Geodesics {
    /// Reads `geodesics.npz` of a trial's directory; `None` where there is none.
    ///
    /// # Errors
    /// When the file is there but is not what it should be.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, DataError> {
        let path = directory.join(names::GEODESICS);
        if !path.exists() {
            return Ok(None);
        }
        let mut npz = Npz::open(&path)?;
        let wrong = |reason: String| Err(DataError::Format { path: path.clone(), reason });
        let arrays = ["window", "log10_volume", "geodesics", "lengths"].map(|name| npz.read_f32(name));
        let [window, log10_volume, curves, lengths] = arrays;
        let (window, log10_volume, curves, lengths) = (window?, log10_volume?, curves?, lengths?);
        let classes = npz.read_labels("classes")?;
        let n = lengths.nrows();
        let points = curves.nrows().checked_div(n).unwrap_or(0);
        let fits = window.dim() == (2, 2)
            && !log10_volume.is_empty()
            && lengths.ncols() == 2
            && classes.len() == 2 * n
            && curves.dim() == (n * points, 2)
            && points > 1;
        if !fits {
            let sizes = [&window, &log10_volume, &curves, &lengths].map(|array| array.shape().to_vec());
            return wrong(format!(
                "window {:?}, log10_volume {:?}, geodesics {:?}, lengths {:?} and classes [{}]: [2, 2], a grid, and for n pairs [n points, 2], [n, 2] and [2 n] would be right",
                sizes[0],
                sizes[1],
                sizes[2],
                sizes[3],
                classes.len()
            ));
        }
        let all = [&window, &log10_volume, &curves, &lengths];
        if all.into_iter().flatten().any(|x| !x.is_finite()) {
            return wrong("its numbers are not all finite".to_string());
        }
        let window = [0, 1].map(|d| [0, 1].map(|end| f64::from(window[(d, end)])));
        if window.iter().any(|[low, high]| low >= high) {
            return wrong(format!("window {window:?}: lower and upper end of each dimension would be right"));
        }
        let pair = |i: usize| Pair {
            geodesic: curves
                .slice(s![i * points..(i + 1) * points, ..])
                .axis_iter(Axis(0))
                .map(|point| [f64::from(point[0]), f64::from(point[1])])
                .collect(),
            lengths: [0, 1].map(|k| f64::from(lengths[(i, k)])),
            classes: [classes[2 * i], classes[2 * i + 1]],
        };
        Ok(Some(Self { window, log10_volume, pairs: (0..n).map(pair).collect() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{bowl, write_geodesics};

    #[test]
    fn geodesics_are_read_as_a_trial_writes_them() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Geodesics::read(folder.path()).unwrap().is_none());
        write_geodesics(folder.path(), &bowl());
        assert_eq!(Geodesics::read(folder.path()).unwrap().unwrap(), bowl());
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let complaint = |change: fn(&mut Geodesics)| {
            let mut geodesics = bowl();
            change(&mut geodesics);
            write_geodesics(folder.path(), &geodesics);
            let complaint = Geodesics::read(folder.path()).unwrap_err().to_string();
            complaint.split_once("geodesics.npz: ").unwrap().1.to_string()
        };
        let nowhere = complaint(|g| g.window[1] = [2.0, 2.0]);
        insta::assert_snapshot!(nowhere, @"window [[-2.0, 2.0], [2.0, 2.0]]: lower and upper end of each dimension would be right");
        let infinite = complaint(|g| g.log10_volume[(0, 0)] = f32::INFINITY);
        insta::assert_snapshot!(infinite, @"its numbers are not all finite");
        let uneven = complaint(|g| g.pairs[0].geodesic.truncate(8));
        insta::assert_snapshot!(uneven, @"window [2, 2], log10_volume [20, 20], geodesics [17, 2], lengths [2, 2] and classes [4]: [2, 2], a grid, and for n pairs [n points, 2], [n, 2] and [2 n] would be right");
    }
}
