//! A picture of what is in a data set: the paper's figure 1.

use rand::seq::SliceRandom;

use crate::picture::picture;
use crate::{DataError, ImageShape, Split, random};

/// White pixels between two images.
const GAP: usize = 2;

/// Images of a picture, at most.
const MOST_PLACES: usize = 1_000_000;

/// A PNG file with one row a class (class 0 on top) of `per_class` random images of it; places stay
/// white where a class has fewer. Images without a label are not shown.
///
/// Grey for one channel, colour for three. The choice depends on `seed`, the class and the labels
/// only.
///
/// # Errors
/// When `per_class` or `n_classes` is 0, there is not one label an image, a label is not below
/// `n_classes`, the number of channels is neither 1 nor 3, or the rows are not of `shape`.
pub fn sample_sheet(
    split: &Split,
    shape: ImageShape,
    n_classes: usize,
    per_class: usize,
    seed: u64,
) -> Result<Vec<u8>, DataError> {
    if per_class == 0 || n_classes == 0 {
        return Err(DataError::Value(format!(
            "{per_class} images of {n_classes} classes make no picture: ask for one of each"
        )));
    }
    let (n_images, n_labels) = (split.images.nrows(), split.labels.len());
    if n_images != n_labels {
        return Err(DataError::Value(format!(
            "there are {n_images} images and {n_labels} labels: there must be one label an image"
        )));
    }
    let mut members = vec![Vec::new(); n_classes];
    for (row, &label) in split.labels.iter().enumerate() {
        let Ok(class) = usize::try_from(label) else { continue };
        let class = members.get_mut(class).ok_or_else(|| {
            DataError::Value(format!(
                "label {label} is not one of {n_classes} classes: labels are 0 to one less than that"
            ))
        })?;
        class.push(row);
    }
    let n_places = n_classes.saturating_mul(per_class);
    if n_places > MOST_PLACES {
        return Err(DataError::Value(format!(
            "{per_class} images of {n_classes} classes are more than a picture of {MOST_PLACES} has room for: ask for fewer of each"
        )));
    }
    let mut images = vec![None; n_places];
    for (class, rows) in members.iter().enumerate() {
        let mut generator = random::keyed(seed, "samples", class as u64);
        for (column, &row) in rows.choose_multiple(&mut generator, per_class).enumerate() {
            images[class * per_class + column] = Some(split.images.row(row));
        }
    }
    picture(&images, shape, per_class, GAP)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    fn decode(file: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn a_sheet_has_a_row_a_class_and_white_where_images_are_missing() {
        let split = Split { images: array![[10, 20], [30, 40], [30, 40]], labels: vec![0, 1, 1] };
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let (width, height, pixels) = decode(&sample_sheet(&split, shape, 2, 2, 9).unwrap());
        assert_eq!((width, height), (10, 8));
        let line = |y: usize| &pixels[y * 10..(y + 1) * 10];
        assert_eq!(line(2), [255, 255, 10, 20, 255, 255, 255, 255, 255, 255]);
        assert_eq!(line(5), [255, 255, 30, 40, 255, 255, 30, 40, 255, 255]);
        assert!([0, 1, 3, 4, 6, 7].iter().all(|&y| line(y).iter().all(|&value| value == 255)));
    }

    #[test]
    fn more_images_than_a_picture_has_room_for_are_refused() {
        let split = Split { images: array![[1]], labels: vec![0] };
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        for per_class in [600_000, usize::MAX / 2] {
            let message = sample_sheet(&split, shape, 2, per_class, 0).unwrap_err().to_string();
            assert!(
                message.ends_with("more than a picture of 1000000 has room for: ask for fewer of each"),
                "{message}"
            );
        }
    }

    #[test]
    fn colours_come_from_channel_first_rows() {
        let split = Split { images: array![[1, 2, 3, 4, 5, 6]], labels: vec![0] };
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let (width, _, pixels) = decode(&sample_sheet(&split, shape, 1, 1, 0).unwrap());
        let first = (2 * width as usize + 2) * 3;
        assert_eq!(pixels[first..first + 6], [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn what_makes_no_picture_is_an_error() {
        let split = Split { images: Array2::zeros((1, 2)), labels: vec![1] };
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let reason = |shape, n_classes, per_class| {
            sample_sheet(&split, shape, n_classes, per_class, 0).unwrap_err().to_string()
        };
        assert!(reason(shape, 1, 1).contains("label 1 is not one of 1 classes"));
        assert!(reason(shape, 2, 0).contains("0 images of 2 classes"));
        assert!(reason(ImageShape { width: 3, ..shape }, 2, 1).contains("images of 2 values"));
        assert!(reason(ImageShape { channels: 2, width: 1, ..shape }, 2, 1).contains("2 channels"));
        let split = Split { images: Array2::zeros((1, 2)), labels: vec![1, 0] };
        let error = sample_sheet(&split, shape, 2, 1, 0).unwrap_err().to_string();
        assert_eq!(error, "there are 1 images and 2 labels: there must be one label an image");
    }
}
