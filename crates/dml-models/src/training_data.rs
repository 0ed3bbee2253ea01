//! What members of stacks are trained on.

use dml_data::ImageShape;
use ndarray::ArrayView2;
use tch::{Device, Tensor};

use crate::convert::to_tensor;
use crate::error::ConfigError;

/// The training images, on the device, for any number of stacks.
#[derive(Debug)]
pub struct TrainingData {
    /// `[n, pixels]`, u8.
    pub(crate) images: Tensor,
    /// Labels of all images; a member sees those of its mask only.
    pub(crate) labels: Vec<i32>,
    /// Shape of an image.
    pub shape: ImageShape,
    /// Number of classes.
    pub n_classes: usize,
}

impl TrainingData {
    /// Moves the images to the device.
    ///
    /// # Shapes
    /// `images`: `[n, pixels]`; one label for each, which is looked at, and has to be 0 or more and
    /// below `n_classes`, only where a mask has the row.
    ///
    /// # Panics
    /// When there are more or fewer labels than images, or the images have other than
    /// `shape.pixels()` pixels.
    pub fn new<L: Copy + Into<i32>>(
        images: ArrayView2<u8>,
        labels: &[L],
        shape: ImageShape,
        n_classes: usize,
        device: Device,
    ) -> Self {
        assert_eq!(images.ncols(), shape.pixels(), "pixels of an image, and of its shape");
        assert_eq!(images.nrows(), labels.len(), "one label for each image");
        let labels = labels.iter().map(|&label| label.into()).collect();
        Self { images: to_tensor(images).to_device(device), labels, shape, n_classes }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// What a stack has to be made for and trained on, in words.
    pub(crate) fn extent(&self) -> String {
        let ImageShape { channels, height, width } = self.shape;
        let (n, classes) = (self.len(), self.n_classes);
        format!("{n} images of {channels}x{height}x{width} pixels in {classes} classes")
    }

    /// A mask that does not fit would show as an index out of bounds later.
    pub(crate) fn check_mask(&self, mask: &[usize]) -> Result<(), ConfigError> {
        let (n, classes) = (self.len(), self.n_classes);
        for &row in mask {
            let Some(&label) = self.labels.get(row) else {
                return Err(ConfigError::Conflict(format!(
                    "a mask has row {row}, but there are {n} images: rows are 0 to {}",
                    n.saturating_sub(1)
                )));
            };
            if !usize::try_from(label).is_ok_and(|label| label < classes) {
                return Err(ConfigError::Conflict(format!(
                    "row {row} of a mask has label {label}, but there are {classes} classes: labels are 0 to {}",
                    classes.saturating_sub(1)
                )));
            }
        }
        Ok(())
    }
}
