//! Pictures that trials left behind, side by side.

use dml_store::RunStore;

use super::chart::{TEXT, WIDTH};
use super::svg::{self, Enlarged};
use super::theme::Rgb;
use super::{Drawn, Group, left_out_words};
use crate::error::ReportError;

const MOST_PANELS: usize = 12;
const GAP: u32 = 30;

pub(super) fn draw(groups: &[Group], file: &str, store: &RunStore) -> Result<Drawn, ReportError> {
    let mut pictures = Vec::new();
    for group in groups {
        for trial in &group.trials {
            if let Some(picture) = read(store, &trial.id, file)? {
                pictures.push((group.label.clone(), picture));
                break;
            }
        }
    }
    if pictures.is_empty() {
        return Ok(Drawn::nothing(format!("No trial of this figure has left a {file} yet.")));
    }
    let missing = groups.len() - pictures.len();
    let left_out = pictures.len().saturating_sub(MOST_PANELS);
    pictures.truncate(MOST_PANELS);
    let missing = (missing > 0).then(|| format!("{missing} more have left no {file}."));
    let caption: Vec<String> = missing.into_iter().chain(left_out_words(left_out, "panels")).collect();
    Ok(Drawn::with(caption.join(" "), |theme| sheet(&pictures, theme.ground, theme.ink)))
}

/// A PNG with its size.
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) png: Vec<u8>,
}

/// A picture of a trial; `None` where there is none.
pub(super) fn read(store: &RunStore, id: &str, file: &str) -> Result<Option<Picture>, ReportError> {
    let path = store.trial_directory(id).join(file);
    let png = match std::fs::read(&path) {
        Ok(png) => png,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(ReportError::io(&path)(e)),
    };
    let number = |at: usize| png.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    match (png.starts_with(b"\x89PNG\r\n\x1a\n"), number(16), number(20)) {
        (true, Some(width @ 1..=16384), Some(height @ 1..=16384)) => Ok(Some(Picture { width, height, png })),
        _ => Err(ReportError::file(&path, &"should be a PNG of at most 16384 x 16384 pixels")),
    }
}

fn sheet(pictures: &[(String, Picture)], ground: Rgb, ink: Rgb) -> String {
    let columns = pictures.len().min(3) as u32;
    let cell = (WIDTH - GAP) / columns.max(2) - GAP;
    let heights: Vec<u32> = pictures.iter().map(|(_, p)| cell * p.height / p.width).collect();
    let rows: Vec<u32> =
        heights.chunks(columns as usize).map(|row| row.iter().copied().max().unwrap_or(0)).collect();
    let head = TEXT + 30;
    let height: u32 = rows.iter().map(|row| row + head).sum::<u32>() + GAP;
    let mut elements = Vec::new();
    let left = u32::midpoint(WIDTH - columns * (cell + GAP), GAP);
    for (index, (label, picture)) in pictures.iter().enumerate() {
        let (column, row) = (index as u32 % columns, index / columns as usize);
        let x = left + column * (cell + GAP);
        let y = rows[..row].iter().map(|row| row + head).sum::<u32>() + head;
        let above = [x + cell / 2, y - 16].map(f64::from);
        elements.push(svg::text(above, "middle", TEXT * 8 / 10, ink, label));
        let size = [cell, heights[index]].map(f64::from);
        elements.push(svg::picture([x, y].map(f64::from), size, Enlarged::Squares, &picture.png));
    }
    svg::document(height, ground, &elements)
}
