//! Encoders, decoders, objectives and the training loop of semi-supervised deep metric learning.
//!
//! The models of Safir et al. 2022 are one [`Model`] with two optional parts: a posterior with its
//! prior, and a decoder. Everything is a *stack* of M independent members of one shape (leading
//! dimension M; a single model is a stack of one), each with its own seed, labels, weights of the
//! loss terms and learning rate.
//!
//! Start with [`TrainingData::new`] (images and labels), [`Stack::new`] (a [`TrainConfig`] and the
//! labelled rows), [`Stack::train_epoch`], and [`Stack::embed`]: the example `train_on_your_images`
//! does so. [`save_weights`] and [`load_weights`] keep a model.
//!
//! ```
//! # use dml_models::{Stack, TrainingData, dml_data::ImageShape, ndarray::Array2};
//! # let mlp = serde_json::json!({"kind": "mlp", "hidden": [8]});
//! # let config = serde_json::from_value(serde_json::json!({
//! #     "seed": 0,
//! #     "model": {"system": "dml_autoencoder", "latent_dim": 2, "embedding": "mean",
//! #         "length": "free", "encoder": mlp, "decoder": mlp, "decoders": 1},
//! #     "loss": {"kind": "triplet", "margin": 0.2, "mining": "all", "distance": "euclidean",
//! #         "normalized": false},
//! #     "reconstruction": {"kind": "squared_error", "reduction": "sum", "weight": 1.0},
//! #     "prior": {"kind": "unit"},
//! #     "kl": {"beta": 1.0, "warm_up_epochs": 0, "free_bits": 0.0, "samples": 1},
//! #     "routine": {"kind": "joint_alpha", "alpha": 0.5},
//! #     "sampling": {"batch_size": 8, "labelled": {"kind": "uniform"}, "labelled_epoch": "cycle",
//! #         "memory": 0},
//! #     "training": {"epochs": 2, "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999,
//! #         "epsilon": 1e-8, "precision": "f32", "schedule": "constant"},
//! #     "views": {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "brightness": 0.0,
//! #         "contrast": 0.0},
//! #     "instance": {"weight": 0.0, "loss": {"kind": "sup_con", "temperature": 0.2}},
//! #     "pseudo_labels": {"kind": "none"},
//! #     "distance": {"kind": "euclidean"},
//! # }))?;
//! let images = Array2::from_shape_fn((40, 16), |(i, _)| (i % 2) as u8 * 200);
//! let labels = [0, 1].repeat(20);
//! let shape = ImageShape { channels: 1, height: 4, width: 4 };
//! let device = dml_models::device("cpu")?;
//! let data = TrainingData::new(images.view(), &labels, shape, 2, device);
//! let labelled = [0, 1, 2, 3, 4, 5]; // Six rows have a label.
//! let mut stack = Stack::new(vec![config], &[&labelled], &data, device)?;
//! while let Some(losses) = stack.train_epoch(&data)? {
//!     println!("epoch {}: {:?}", losses.epoch, losses.terms[0]);
//! }
//! assert_eq!(stack.embed(0, images.view()).dim(), (40, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Knows nothing of files of data sets, of classifiers, or of sweeps.
//!
//! A program outside this workspace builds with `LIBTORCH` set to the absolute path of LibTorch
//! 2.11 (`cargo xtask setup` puts one at `.libtorch/torch` of this checkout), and runs with
//! `LD_LIBRARY_PATH=$LIBTORCH/lib`: the run path that binaries of this workspace carry reaches no
//! other package. Its arrays are those of `ndarray = "0.16"`, its tensors and devices those of `tch
//! = "=0.24.0"`; both are re-exported, as are the crates of this workspace that its configs come
//! from.

mod config;
mod error;
mod system;

mod layers;
mod model;
mod network;
mod parameters;
mod precision;

mod distance;
mod instance;
mod kl;
mod objective;
mod reconstruction;
mod routine;

mod adam;
mod batches;
mod curves;
mod mixture;
mod plan;
mod pseudo_labels;
mod schedule;
mod stack;
mod train;
mod training_data;
mod views;

mod baseline;
mod checkpoint;
mod likelihood;
mod posterior;

mod convert;
mod denormals;
mod device;
mod heap;
pub mod random;

#[cfg(test)]
mod made;

pub use {dml_data, dml_geometry, dml_losses, dml_priors, ndarray, tch};

pub use adam::{Adam, TrainingConfig};
pub use baseline::Baseline;
pub use batches::{LabelledEpoch, LabelledSampling, PseudoLabels, SamplingConfig};
pub use checkpoint::{load_weights, save_weights};
pub use config::TrainConfig;
pub use denormals::{flushes_denormals, set_flush_denormal};
pub use device::{device, device_name};
pub use distance::{DistanceConfig, PullBackConfig, Way};
pub use error::ConfigError;
pub use instance::InstanceConfig;
pub use kl::KlConfig;
pub use likelihood::Likelihood;
pub use mixture::FittedMixture;
pub use model::{Embedding, Latent, Length, Model, ModelConfig};
pub use network::NetworkConfig;
pub use parameters::Parameters;
pub use posterior::Posteriors;
pub use precision::Precision;
pub use pseudo_labels::{PseudoLabelsConfig, Rounds};
pub use reconstruction::{PixelReduction, Reconstruction, ReconstructionConfig};
pub use routine::{RoutineConfig, Rule};
pub use schedule::Schedule;
pub use stack::{LatentGeometry, Member, OverGeodesic, Stack, Ways};
pub use system::System;
pub use train::EpochLosses;
pub use training_data::TrainingData;
pub use views::ViewsConfig;
