//! `geodesics.npz` and `geodesics.png`: ways over a latent plane, and what a decoder makes along
//! them.

use anyhow::{Context, Result};
use dml_data::npz::NpzWriter;
use dml_data::{Dataset, Split, picture};
use dml_models::Ways;
use dml_store::names;
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};
use rand::seq::index::sample;

use super::pictures::{middle, to_pixel};
use crate::train::evaluate::evaluated_split;
use crate::train::session::{Job, Member, Session};
use crate::write_file;

/// Pairs of examples, of two classes each.
const PAIRS: usize = 5;
/// Places a side at which the volume is computed.
const GRID: usize = 100;
/// Images along a way.
const IMAGES: usize = 9;
/// A volume of 0 has no logarithm.
const LEAST: f64 = 1e-9;

/// Writes both, where the trial asks for geodesics and its latent space is a plane; `rows` of the
/// evaluated split are those of `latent.npz`.
pub(super) fn write(
    session: &Session,
    job: &Job,
    embeddings: &Array2<f32>,
    rows: &[usize],
    member: Member,
) -> Result<()> {
    let data = &session.loaded().dataset;
    let split = evaluated_split(&job.trial, data)?;
    let pairs = pairs(split, rows);
    if job.trial.evaluation.geodesic_pairs == 0 || embeddings.ncols() != 2 || pairs.is_empty() {
        return Ok(());
    }
    let geometry = member.stack.latent_geometry(member.index, &session.loaded().training);
    let Some(geometry) = geometry else { return Ok(()) };
    let [from, to] = [0, 1].map(|end| {
        let rows: Vec<usize> = pairs.iter().map(|pair| pair[end]).collect();
        embeddings.select(Axis(0), &rows)
    });
    let geodesics = geometry.geodesics(from.view(), to.view());
    let lines = geometry.lines(from.view(), to.view());
    let curves = flat(&geodesics);
    let window = window(&embeddings.select(Axis(0), rows), curves.view());
    let volume = geometry.volume(places(&window).view());
    let log10_volume = volume.iter().map(|&volume| volume.max(LEAST).log10() as f32);
    let log10_volume = Array1::from_iter(log10_volume).into_shape_with_order([GRID, GRID])?;
    let lengths = Array2::from_shape_fn((pairs.len(), 2), |(i, k)| [&geodesics, &lines][k].lengths[i] as f32);

    let mut file = NpzWriter::create(&job.directory.join(names::GEODESICS))?;
    file.add_f32("window", window.view())?;
    file.add_f32("log10_volume", log10_volume.view())?;
    file.add_f32("geodesics", curves.view())?;
    file.add_f32("lengths", lengths.view())?;
    let ends: Vec<usize> = pairs.concat();
    let classes: Vec<i64> = ends.iter().map(|&row| data.class_number(split.labels[row])).collect();
    file.add_i64("classes", &classes)?;
    file.add_i64("rows", &ends.iter().map(|&row| row as i64).collect::<Vec<_>>())?;
    file.finish()?;
    let png = along(data, member, [&geodesics, &lines])?;
    write_file(&job.directory.join(names::ALONG_GEODESICS), &png)
}

/// Pairs of examples, the same for every trial of a data set: of each class one, by chance.
fn pairs(split: &Split, rows: &[usize]) -> Vec<[usize; 2]> {
    let mut random = dml_data::random::keyed(0, "geodesics", 0);
    let mut examples: Vec<usize> = Vec::new();
    for place in sample(&mut random, rows.len(), rows.len()) {
        if examples.iter().all(|&row| split.labels[row] != split.labels[rows[place]]) {
            examples.push(rows[place]);
        }
    }
    examples.chunks_exact(2).take(PAIRS).map(|pair| [pair[0], pair[1]]).collect()
}

/// The points of all ways, one after the other.
fn flat(ways: &Ways) -> Array2<f32> {
    let (n, points, d) = ways.points.dim();
    ways.points.clone().into_shape_with_order((n * points, d)).expect("as many values")
}

/// A square around the middle of the embeddings and all curves: from where to where, for each
/// dimension, `[2, 2]`.
fn window(embeddings: &Array2<f32>, curves: ArrayView2<f32>) -> Array2<f32> {
    let range = |d: usize| {
        let (low, high) = middle(embeddings, d);
        curves.column(d).iter().fold((low, high), |(low, high), &x| (low.min(x), high.max(x)))
    };
    let ranges = [range(0), range(1)];
    // Where all embeddings are one point, wide enough to have two ends in f32.
    let least =
        ranges.map(|(low, high)| f32::midpoint(low, high).abs() * 1e-3).into_iter().fold(1e-3, f32::max);
    let side = ranges.map(|(low, high)| high - low).into_iter().fold(least, f32::max);
    Array2::from_shape_fn((2, 2), |(d, end)| {
        let (low, high) = ranges[d];
        f32::midpoint(low, high) + (end as f32 - 0.5) * side * 1.1
    })
}

/// The middles of the cells of a grid over the window; the first row is the largest second
/// coordinate, as in a plot.
fn places(window: &Array2<f32>) -> Array2<f32> {
    let place = |d: usize, i: usize| {
        let [low, high] = [window[(d, 0)], window[(d, 1)]];
        low + (high - low) * (i as f32 + 0.5) / GRID as f32
    };
    Array2::from_shape_fn((GRID * GRID, 2), |(i, d)| {
        if d == 0 { place(0, i % GRID) } else { place(1, GRID - 1 - i / GRID) }
    })
}

/// A row of images along each geodesic, and beneath it one along its line, in even steps.
fn along(data: &Dataset, member: Member, ways: [&Ways; 2]) -> Result<Vec<u8>> {
    let (n, points, _) = ways[0].points.dim();
    let step = (points - 1) / (IMAGES - 1);
    let rows = (0..n).flat_map(|i| ways.map(|ways| ways.points.slice(s![i, ..;step as isize, ..])));
    let rows: Vec<ArrayView2<f32>> = rows.collect();
    let points = concatenate(Axis(0), &rows)?;
    let images = member.stack.decode(member.index, points.view()).context("there is a decoder")?;
    let images = images.mapv(to_pixel);
    let images: Vec<_> = images.rows().into_iter().map(Some).collect();
    Ok(picture(&images, data.shape, IMAGES, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_around_a_single_point_has_two_ends() {
        for x in [0.0, 3.0, -1e6] {
            let one = Array2::from_elem((4, 2), x);
            let window = window(&one, one.view());
            for ends in window.rows() {
                assert!(ends[0] < x && x < ends[1], "{window}");
            }
        }
    }
}
