//! Image data sets as arrays: idx and npz loaders, download with checksums, the partial-label mask.
//!
//! ```
//! use dml_data::{Mask, Sampling};
//!
//! let labels: Vec<u8> = (0..300).map(|row| (row % 3) as u8).collect();
//! let mask = Mask::draw(&labels, 3, 10.0, Sampling::Stratified, 42)?;
//! assert_eq!(mask.rows().len(), 30);
//! # Ok::<(), dml_data::DataError>(())
//! ```
//!
//! A data set comes by its name, downloaded once and checked:
//!
//! ```no_run
//! use dml_data::{Mask, Sampling, Source, load};
//!
//! let mnist = load("mnist", &Source::from_env(false)?, true)?;
//! let mask = Mask::draw(&mnist.train.labels, mnist.n_classes(), 0.1, Sampling::Stratified, 1)?;
//! assert_eq!(mask.rows().len(), 60);
//! # Ok::<(), dml_data::DataError>(())
//! ```
//!
//! Without the default feature `fetch` nothing is downloaded: data sets are looked for on this
//! machine alone.
//!
//! Arrays are those of ndarray 0.16 and generators those of rand 0.8; both are re-exported, as
//! [`ndarray`](mod@ndarray) and [`rand`](mod@rand), so that their versions need not be named twice.

mod checksum;
mod dataset;
mod error;
mod fetch;
pub mod files;
mod folds;
pub mod idx;
#[cfg(feature = "pictures")]
mod list;
mod load;
mod manifest;
mod mask;
mod medmnist;
pub mod npy;
pub mod npz;
mod picture;
#[cfg(feature = "pictures")]
mod pictures;
#[cfg(feature = "pictures")]
mod pixels;
mod progress;
pub mod random;
mod sample_sheet;
mod source;

pub use ndarray;
pub use rand;

pub use dataset::{Dataset, ImageShape, Split, class_counts};
pub use error::DataError;
pub use fetch::Files;
pub use folds::first_equals;
pub use load::{fetch, load, sha256_of};
pub use manifest::{Entry, FileSpec, Format, Manifest, Package, Registry, Release, Unpacked};
pub use mask::{Mask, Sampling};
pub use picture::picture;
#[cfg(feature = "pictures")]
pub use pictures::{PictureOptions, Pictures};
pub use sample_sheet::sample_sheet;
pub use source::Source;
