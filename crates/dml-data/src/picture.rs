//! Images as one PNG file.

use ndarray::ArrayView1;

use crate::{DataError, ImageShape};

/// A PNG file of images side by side, `columns` in a row, with white gaps of `gap` pixels around
/// each.
///
/// An image is a row of [`Split::images`](crate::Split): channel-first, `shape.pixels()` values. A
/// place of `None` stays white. Grey for one channel, colour for three.
///
/// # Errors
/// When there is nothing to draw, the number of channels is neither 1 nor 3, or an image is not of
/// `shape`.
pub fn picture(
    images: &[Option<ArrayView1<u8>>],
    shape: ImageShape,
    columns: usize,
    gap: usize,
) -> Result<Vec<u8>, DataError> {
    let color = match shape.channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        other => return Err(DataError::Value(format!("{other} channels cannot be drawn: 1 or 3 can"))),
    };
    if columns == 0 || images.is_empty() {
        return Err(DataError::Value(format!(
            "{} images in {columns} columns make no picture: ask for one of each",
            images.len()
        )));
    }
    if let Some(odd) = images.iter().flatten().find(|image| image.len() != shape.pixels()) {
        return Err(DataError::Value(format!("images of {} values are not {shape:?}", odd.len())));
    }
    let (across, down) = (shape.width + gap, shape.height + gap);
    let width = columns * across + gap;
    let height = images.len().div_ceil(columns) * down + gap;
    let mut canvas = vec![255; width * height * shape.channels];
    for (place, image) in images.iter().enumerate() {
        let (top, left) = (place / columns * down + gap, place % columns * across + gap);
        for (i, &value) in image.iter().flatten().enumerate() {
            let (channel, pixel) = (i / (shape.height * shape.width), i % (shape.height * shape.width));
            let (y, x) = (top + pixel / shape.width, left + pixel % shape.width);
            canvas[(y * width + x) * shape.channels + channel] = value;
        }
    }
    encode(&canvas, width, height, color)
        .map_err(|error| DataError::Value(format!("no picture of {width} x {height}: {error}")))
}

fn encode(
    canvas: &[u8],
    width: usize,
    height: usize,
    color: png::ColorType,
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(canvas)?;
    writer.finish()?;
    Ok(file)
}
