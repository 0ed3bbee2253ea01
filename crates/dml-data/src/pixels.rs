//! One picture as pixels, and many as rows.

use std::fs;
use std::path::Path;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, ImageResult, Rgba};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rayon::prelude::*;

use crate::ImageShape;

/// The memory that one picture may take before it is resized: 512 MiB are 178 million pixels in
/// colour.
const MOST_BYTES: u64 = 512 << 20;

/// A picture at `size`, three channels a pixel: `[height, width, 3]`; or why not.
pub(crate) fn pixels(file: &Path, size: u32, to_grey: bool) -> Result<Vec<u8>, String> {
    if fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return Err("is no file".into());
    }
    let told = |error: ImageError| format!("cannot be read as a picture: {error}");
    let open = || -> ImageResult<_> { Ok(ImageReader::open(file)?.with_guessed_format()?) };
    let reader = open().map_err(told)?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let mut decoder = reader.into_decoder().map_err(told)?;
    // What a header asks for is looked at before it is given.
    if decoder.total_bytes() > MOST_BYTES {
        let ((width, height), most) = (decoder.dimensions(), MOST_BYTES >> 20);
        return Err(format!(
            "has {width} x {height} pixels, which take more than {most} MiB: shrink it first"
        ));
    }
    // The decoder would make grey of what is missing.
    if is_jpeg && !is_whole_jpeg(&fs::read(file).map_err(|error| told(error.into()))?) {
        return Err("is a JPEG without its end, cut off or badly written; a whole copy, or one saved again, would be right".into());
    }
    let read = || -> ImageResult<DynamicImage> {
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(if picture.color().has_alpha() { on_white(picture) } else { picture })
    };
    // Averages where it shrinks, as thumbnails do.
    let small = read().map_err(told)?.resize_exact(size, size, FilterType::Triangle);
    let small = if to_grey { small.grayscale() } else { small };
    Ok(small.into_rgb8().into_raw())
}

/// Whether the marker is there that ends a JPEG, FF D9 (ITU-T T.81, annex B). Segments are stepped
/// over, as a thumbnail in one has such a marker of its own; what follows the end does not count.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&[first, second]) = bytes.get(at..at + 2) {
        at += match (first, second) {
            (0xff, 0xd9) => return true,
            // Between two scans' bytes: FF itself, a restart; and the start of the image.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => 2,
            (0xff, 0x02..=0xfe) => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return false,
            },
            _ => 1,
        };
    }
    false
}

/// A picture with transparent parts as it looks on white paper.
fn on_white(picture: DynamicImage) -> DynamicImage {
    let mut pixels = picture.into_rgba8();
    for Rgba([colours @ .., alpha]) in pixels.pixels_mut() {
        let share = u32::from(std::mem::replace(alpha, 255));
        for value in colours {
            *value = ((u32::from(*value) * share + 255 * (255 - share) + 127) / 255) as u8;
        }
    }
    DynamicImage::ImageRgba8(pixels)
}

/// Pictures of `[height, width, 3]` as rows, channel first; of one channel where all are grey,
/// unless the channels are given.
pub(crate) fn stacked(
    pictures: Vec<Vec<u8>>,
    size: usize,
    channels: Option<usize>,
) -> (Array2<u8>, ImageShape) {
    let is_grey = |picture: &Vec<u8>| picture.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b);
    let channels = channels.unwrap_or_else(|| if pictures.par_iter().all(is_grey) { 1 } else { 3 });
    let shape = ImageShape { channels, height: size, width: size };
    let mut images = Array2::zeros((pictures.len(), shape.pixels()));
    for (mut row, picture) in images.axis_iter_mut(Axis(0)).zip(pictures) {
        let picture = ArrayView1::from(&picture);
        let of_channel = |channel: usize| picture.slice(ndarray::s![channel..;3]).to_owned();
        let planes: Vec<Array1<u8>> = (0..channels).map(of_channel).collect();
        for (plane, mut place) in planes.iter().zip(row.axis_chunks_iter_mut(Axis(0), size * size)) {
            place.assign(plane);
        }
    }
    (images, shape)
}
