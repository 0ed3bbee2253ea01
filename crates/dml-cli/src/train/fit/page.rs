//! The page of a model, `index.html`: a map of its images, and those to label next.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use dml_data::picture;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::Serialize;
use tch::Tensor;

use crate::train::calibration::{Estimate, temperature};
use crate::train::model::Model;
use crate::write_file;

const HTML: &str = include_str!("../../../assets/model.html");

/// The widest sheet of pictures, in pixels: browsers draw larger ones slowly or not at all.
const WIDEST: usize = 4096;

/// How much the spread within classes counts beside that between them, when the plane of the map is
/// chosen.
const WITHIN: f64 = 0.05;

/// What the page shows; `assets/model.html` reads it.
#[derive(Serialize)]
struct Page {
    name: String,
    images: usize,
    classes: Vec<String>,
    tile: Tile,
    sheets: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    given: Vec<i32>,
    guess: Vec<u32>,
    confidence: Vec<f64>,
    margin: Vec<f64>,
    files: Option<Vec<String>>,
    estimate: Option<Estimate>,
}

/// The places of images in a sheet, and their size in pixels.
#[derive(Serialize)]
struct Tile {
    width: usize,
    height: usize,
    columns: usize,
    rows: usize,
}

/// Writes the page of the model in this directory, over all its training images.
pub(super) fn write(directory: &Path, model: &Model) -> Result<()> {
    let images = &model.data.train.images;
    let (labelled, embeddings) = (model.embed_labelled(), model.embed(images.view()));
    let estimate = Estimate::of(directory, &model.id, model.data.sha256.as_deref())?;
    let temperature = temperature(model, estimate.as_ref(), labelled.view())?;
    let (mut guess, mut confidence, mut margin) = (Vec::new(), Vec::new(), Vec::new());
    for block in embeddings.axis_chunks_iter(Axis(0), model.at_once()) {
        let found = model.nearest(labelled.view(), block)?;
        let probabilities = found.probabilities(temperature);
        for (class, of_row) in found.classes().into_iter().zip(probabilities.rows()) {
            let own = of_row[class as usize];
            let others = of_row.iter().enumerate().filter(|(other, _)| *other != class as usize);
            let second = others.map(|(_, &p)| p).fold(0.0, f64::max);
            guess.push(class);
            confidence.push(rounded(own));
            margin.push(rounded(own - second));
        }
    }
    let mut given = vec![-1; images.nrows()];
    model.labelled.iter().for_each(|&row| given[row] = model.data.train.labels[row]);
    let [x, y] = map(embeddings.view(), &guess, model.data.n_classes());
    let folder = directory.join("page");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let (tile, sheets) = write_sheets(&folder, model)?;
    let canonical = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let name = canonical.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let classes = model.class_names();
    let (images, files) = (images.nrows(), model.training_files().cloned());
    let page =
        Page { name, images, classes, tile, sheets, x, y, given, guess, confidence, margin, files, estimate };
    let data = format!("window.model = {};\n", serde_json::to_string(&page)?);
    for (path, text) in [(folder.join("data.js"), data.as_str()), (directory.join("index.html"), HTML)] {
        write_file(&path, text.as_bytes())?;
    }
    Ok(())
}

/// Writes all images, sheet by sheet; how many sheets there are.
fn write_sheets(folder: &Path, model: &Model) -> Result<(Tile, usize)> {
    let (shape, images) = (model.data.shape, &model.data.train.images);
    let columns = (WIDEST / shape.width.max(shape.height)).clamp(1, 100);
    let of_sheet = columns * columns;
    let mut sheets = 0;
    for chunk in images.axis_chunks_iter(Axis(0), of_sheet) {
        let rows: Vec<_> = chunk.rows().into_iter().map(Some).collect();
        let png = picture(&rows, shape, columns, 0)?;
        write_file(&folder.join(format!("images-{sheets}.png")), &png)?;
        sheets += 1;
    }
    Ok((Tile { width: shape.width, height: shape.height, columns, rows: columns }, sheets))
}

/// Places of embeddings on a map, in [0, 1]: on the plane in which the means of classes lie
/// furthest apart, the first two eigenvectors of the scatter between classes (Fisher 1936) with a
/// little of that of all.
fn map(embeddings: ArrayView2<f32>, classes: &[u32], n_classes: usize) -> [Vec<f64>; 2] {
    let points = embeddings.mapv(f64::from);
    let (n, d) = points.dim();
    let mean = points.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(d));
    let centred = &points - &mean;
    let mut sums = Array2::<f64>::zeros((n_classes, d));
    let mut counts = vec![0.0; n_classes];
    for (row, &class) in centred.rows().into_iter().zip(classes) {
        let mut sum = sums.row_mut(class as usize);
        sum += &row;
        counts[class as usize] += 1.0;
    }
    let mut scatter = centred.t().dot(&centred) * WITHIN;
    for (sum, &count) in sums.rows().into_iter().zip(&counts).filter(|(_, count)| **count > 0.0) {
        let column = sum.insert_axis(Axis(1));
        scatter = scatter + column.dot(&column.t()) / count;
    }
    let scatter = Tensor::from_slice(scatter.as_standard_layout().as_slice().expect("standard layout"));
    let (_, vectors) = scatter.view([d as i64, d as i64]).linalg_eigh("U");
    // Ascending; of one dimension there is one direction.
    let axis = |from_last: i64| -> Vec<f64> {
        let column = d as i64 - 1 - from_last;
        if column < 0 {
            return vec![0.5; n];
        }
        let vector = Vec::<f64>::try_from(vectors.select(1, column).contiguous()).expect("a vector of f64");
        let along = centred.dot(&Array1::from(vector));
        let (low, high) =
            along.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
        let width = if high > low { high - low } else { 1.0 };
        along.iter().map(|x| rounded((x - low) / width)).collect()
    };
    [axis(0), axis(1)]
}

/// Four digits are all that a page can show.
fn rounded(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn the_map_shows_the_plane_in_which_classes_differ() {
        // Two classes differ in the third dimension, a third one in the first; the second is noise.
        let embeddings = Array2::from_shape_fn((60, 4), |(row, dimension)| match (row % 3, dimension) {
            (1, 2) => 5.0,
            (2, 0) => 3.0,
            (_, 1) => (row % 7) as f32,
            _ => 0.0,
        });
        let classes: Vec<u32> = (0..60).map(|row| row % 3).collect();
        let [x, y] = map(embeddings.view(), &classes, 3);
        let far = |a: usize, b: usize| (x[a] - x[b]).hypot(y[a] - y[b]);
        for row in 3..57 {
            let own = far(row, row % 3);
            let other = far(row, (row + 1) % 3);
            assert!(own < 0.5 * other, "{row}: {own} from its own class, {other} from another");
        }
        let flat = map(Array2::<f32>::ones((4, 1)).view(), &[0, 1, 0, 1], 2);
        assert_eq!(flat, [vec![0.0; 4], vec![0.5; 4]]);
    }
}
