//! A made trial and its images, for the tests of modules.

use dml_data::ImageShape;
use ndarray::Array2;
use serde_json::json;
use tch::Device;

use crate::config::TrainConfig;
use crate::distance::{DistanceConfig, PullBackConfig, Way};
use crate::stack::Stack;
use crate::training_data::TrainingData;

/// A DML autoencoder in its simplest form.
pub(crate) fn trial() -> TrainConfig {
    let mlp = json!({"kind": "mlp", "hidden": [8]});
    let config = json!({
        "seed": 0,
        "model": {"system": "dml_autoencoder", "latent_dim": 2, "embedding": "mean", "length": "free",
            "encoder": mlp, "decoder": mlp, "decoders": 1},
        "loss": {"kind": "contrastive", "margin": 1.0, "normalized": false},
        "reconstruction": {"kind": "squared_error", "reduction": "sum", "weight": 1.0},
        "prior": {"kind": "unit"},
        "kl": {"beta": 1.0, "warm_up_epochs": 0, "free_bits": 0.0, "samples": 1},
        "routine": {"kind": "joint_alpha", "alpha": 0.5},
        "sampling": {"batch_size": 8, "labelled": {"kind": "uniform"}, "labelled_epoch": "cycle", "memory": 0},
        "training": {"epochs": 4, "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
            "precision": "f32", "schedule": "constant"},
        "views": {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "brightness": 0.0, "contrast": 0.0},
        "instance": {"weight": 0.0, "loss": {"kind": "sup_con", "temperature": 0.2}},
        "pseudo_labels": {"kind": "none"},
        "distance": {"kind": "euclidean"},
    });
    serde_json::from_value(config).unwrap()
}

/// Distances along the decoder.
pub(crate) fn along_a_graph() -> DistanceConfig {
    DistanceConfig::PullBack(PullBackConfig {
        by: Way::Graph,
        segments: 2,
        nodes: 20,
        neighbours: 3,
        uncertainty: 0.0,
    })
}

/// 128 images of two classes.
pub(crate) fn data() -> TrainingData {
    let images = Array2::from_shape_fn((128, 16), |(i, p)| (i * 7 + p * 13) as u8);
    let labels = [0, 1].repeat(64);
    let shape = ImageShape { channels: 1, height: 4, width: 4 };
    TrainingData::new(images.view(), &labels, shape, 2, Device::Cpu)
}

/// Fresh models, with labels of the first four images.
pub(crate) fn stack(configs: Vec<TrainConfig>) -> Stack {
    let masks = vec![&[0, 1, 2, 3][..]; configs.len()];
    Stack::new(configs, &masks, &data(), Device::Cpu).unwrap()
}
