//! Pictures: of a data set (once a store), and of what a decoder makes.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use dml_data::{Dataset, Split, picture, sample_sheet};
use dml_store::names;
use ndarray::{Array2, s};

use crate::train::data_config::ImageChoice;
use crate::train::session::{Job, Member};
use crate::train::trial::EvaluatedSplit;
use crate::write_file;

/// Tiles in a row of the sprite sheet.
const SPRITE_COLUMNS: usize = 50;
/// Images a class on the sample sheet.
const SAMPLES: usize = 10;
/// Points a side of the decoded grid.
const GRID: usize = 20;
/// Images in a row of the reconstructions, and pairs of rows.
const RECONSTRUCTIONS: (usize, usize) = (10, 3);

/// `thumbnails.png` (the images of `rows`, 50 a row, no gaps) and `samples.png`: made once a store,
/// linked by each trial.
pub(super) fn of_dataset(
    store: &Path,
    job: &Job,
    data: &Dataset,
    split: &Split,
    rows: &[usize],
) -> Result<()> {
    // Two data sets may have one name after this, one may be drawn in two ways, and a file may be
    // replaced: the checksum tells them apart.
    let ImageChoice { name, validation, fold, binarize } = job.trial.data.images();
    let config = serde_json::to_vec(&(name, validation, fold, binarize, &data.sha256))?;
    let name: String = data.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let name = format!("{name}-{:08x}", crc32c::crc32c(&config));
    let which = match job.trial.evaluation.split {
        EvaluatedSplit::Test => "test",
        EvaluatedSplit::Validation => "validation",
        EvaluatedSplit::None => "none",
    };
    let folder = store.join(names::IMAGES);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    link(&folder, &format!("{name}-{which}.png"), job, names::THUMBNAILS, || {
        let images: Vec<_> = rows.iter().map(|&row| Some(split.images.row(row))).collect();
        Ok(picture(&images, data.shape, SPRITE_COLUMNS, 0)?)
    })?;
    link(&folder, &format!("{name}-samples.png"), job, names::SAMPLES, || {
        Ok(sample_sheet(&data.train, data.shape, data.n_classes(), SAMPLES, 0)?)
    })
}

fn link(
    folder: &Path,
    name: &str,
    job: &Job,
    as_name: &str,
    make: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<()> {
    if !folder.join(name).exists() {
        write_file(&folder.join(name), &make()?)?;
    }
    let path = job.directory.join(as_name);
    match std::os::unix::fs::symlink(Path::new("../..").join(names::IMAGES).join(name), &path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e).with_context(|| path.display().to_string()),
        _ => Ok(()),
    }
}

/// `reconstructions.png` of a model with a decoder, and `decoded.png` over the plane for one with a
/// latent space of 2 dimensions.
pub(super) fn of_decoder(
    job: &Job,
    data: &Dataset,
    split: &Split,
    embeddings: &Array2<f32>,
    member: Member,
) -> Result<()> {
    let (columns, pairs) = RECONSTRUCTIONS;
    let n = (columns * pairs).min(split.labels.len());
    let inputs = split.images.slice(s![..n, ..]);
    let Some(outputs) = member.stack.reconstruct(member.index, inputs) else { return Ok(()) };
    let outputs = outputs.mapv(to_pixel);
    let mut images = Vec::new();
    for start in (0..n).step_by(columns) {
        let row = start..start + columns;
        images.extend(row.clone().map(|i| (i < n).then(|| split.images.row(i))));
        images.extend(row.map(|i| (i < n).then(|| outputs.row(i))));
    }
    write_file(&job.directory.join(names::RECONSTRUCTIONS), &picture(&images, data.shape, columns, 1)?)?;
    if embeddings.ncols() == 2 {
        let points = grid(embeddings);
        let decoded =
            member.stack.decode(member.index, points.view()).context("the decoder just reconstructed")?;
        let decoded = decoded.mapv(to_pixel);
        let images: Vec<_> = decoded.rows().into_iter().map(Some).collect();
        write_file(&job.directory.join(names::DECODED), &picture(&images, data.shape, GRID, 0)?)?;
    }
    Ok(())
}

pub(super) fn to_pixel(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// A regular grid over the middle 98% of the embeddings in each dimension; the first row is the
/// largest second coordinate, as in a plot.
fn grid(embeddings: &Array2<f32>) -> Array2<f32> {
    let (x, y) = (middle(embeddings, 0), middle(embeddings, 1));
    let place = |(low, high): (f32, f32), i: usize| low + (high - low) * i as f32 / (GRID - 1) as f32;
    Array2::from_shape_fn((GRID * GRID, 2), |(i, d)| {
        if d == 0 { place(x, i % GRID) } else { place(y, GRID - 1 - i / GRID) }
    })
}

/// From where to where the middle 98% of the embeddings lie in a dimension.
pub(super) fn middle(embeddings: &Array2<f32>, dimension: usize) -> (f32, f32) {
    let mut values = embeddings.column(dimension).to_vec();
    values.sort_by(f32::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    (at(0.01), at(0.99))
}
