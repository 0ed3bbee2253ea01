//! Pictures that trials left behind, side by side.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use dml_store::RunStore;

use super::chart::{TEXT, WIDTH};
use super::theme::{Rgb, hex};
use super::{Drawn, Group, left_out_words};
use crate::error::ReportError;
use crate::table::escape_html;

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

struct Picture {
    width: u32,
    height: u32,
    png: Vec<u8>,
}

/// A PNG with its size from the header.
fn read(store: &RunStore, id: &str, file: &str) -> Result<Option<Picture>, ReportError> {
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
    let mut lines = vec![
        format!(
            "<svg width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" xmlns=\"http://www.w3.org/2000/svg\">"
        ),
        format!("<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{}\"/>", hex(ground)),
    ];
    let left = u32::midpoint(WIDTH - columns * (cell + GAP), GAP);
    for (index, (label, picture)) in pictures.iter().enumerate() {
        let (column, row) = (index as u32 % columns, index / columns as usize);
        let x = left + column * (cell + GAP);
        let y = rows[..row].iter().map(|row| row + head).sum::<u32>() + head;
        lines.push(format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-family=\"sans-serif\" font-size=\"{}\" fill=\"{}\">{}</text>",
            x + cell / 2,
            y - 16,
            TEXT * 8 / 10,
            hex(ink),
            escape_html(label)
        ));
        lines.push(format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{cell}\" height=\"{}\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
            heights[index],
            BASE64_STANDARD.encode(&picture.png)
        ));
    }
    lines.push("</svg>".to_string());
    lines.join("\n") + "\n"
}
