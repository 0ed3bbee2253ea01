//! SVG by hand, for figures with pictures in them, which plotters does not draw.
//!
//! Each element is a line of its own, which [`raster`](super::raster) counts on.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::chart::WIDTH;
use super::theme::{Rgb, hex};
use crate::table::escape_html;

/// How a picture is made larger.
#[derive(Clone, Copy)]
pub(super) enum Enlarged {
    /// Each pixel a square.
    Squares,
    /// With even changes from pixel to pixel.
    Smoothly,
}

/// A whole figure of these elements on a ground.
pub(super) fn document(height: u32, ground: Rgb, elements: &[String]) -> String {
    let head = format!(
        "<svg width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" xmlns=\"http://www.w3.org/2000/svg\">"
    );
    let paper = format!("<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{}\"/>", hex(ground));
    format!("{head}\n{paper}\n{}\n</svg>\n", elements.join("\n"))
}

/// Words of a size, which `anchor`, `start`, `middle` or `end`, at a place on their base line.
pub(super) fn text([x, y]: [f64; 2], anchor: &str, size: u32, ink: Rgb, words: &str) -> String {
    format!(
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-family=\"sans-serif\" font-size=\"{size}\" fill=\"{}\">{}</text>",
        hex(ink),
        escape_html(words)
    )
}

/// A PNG from a corner on, so wide and high.
pub(super) fn picture([x, y]: [f64; 2], [width, height]: [f64; 2], how: Enlarged, png: &[u8]) -> String {
    let rendering = match how {
        Enlarged::Squares => "pixelated",
        Enlarged::Smoothly => "auto",
    };
    format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" style=\"image-rendering:{rendering}\" href=\"data:image/png;base64,{}\"/>",
        BASE64_STANDARD.encode(png)
    )
}
