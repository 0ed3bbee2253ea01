//! A DML autoencoder on your images: 30 labels, the rest unlabelled.
//!
//!     cargo run -p dml-models --example train_on_your_images

use dml_data::{ImageShape, random::keyed};
use dml_losses::{Distance, Mining, Triplet};
use dml_models::{
    DistanceConfig, Embedding, InstanceConfig, KlConfig, Length, ModelConfig, NetworkConfig, PixelReduction,
    PseudoLabelsConfig, Reconstruction, ReconstructionConfig, RoutineConfig, SamplingConfig, Stack, System,
    TrainConfig, TrainingConfig, TrainingData, ViewsConfig,
};
use dml_priors::{PriorConfig, Unit};
use ndarray::Array2;
use rand::Rng;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Your images, [n, pixels] from 0 to 255, and their labels; only those of the mask are looked
    // at.
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let mut random = keyed(0, "example", 0);
    let labels: Vec<u8> = (0..1000).map(|i| (i % 4) as u8).collect();
    let images = Array2::from_shape_fn((1000, 64), |(i, pixel)| {
        let lit = pixel / 16 == usize::from(labels[i]);
        random.gen_range(0..60) + if lit { 180 } else { 0 }
    });
    let mask: Vec<usize> = (0..30).collect();

    let device = dml_models::device("auto")?;
    let data = TrainingData::new(images.view(), &labels, shape, 4, device);
    let mut stack = Stack::new(vec![config()], &[&mask], &data, device)?;
    while let Some(losses) = stack.train_epoch(&data)? {
        println!("epoch {}: {:?}", losses.epoch, losses.terms[0]);
    }
    if let Some((epoch, reason)) = &stack.members[0].diverged {
        return Err(format!("training diverged in epoch {epoch}: {reason}").into());
    }

    let embeddings = stack.embed(0, images.view()); // [n, 2]
    for class in 0..4 {
        let rows: Vec<usize> = (0..1000).filter(|&i| usize::from(labels[i]) == class).collect();
        let centre = embeddings.select(ndarray::Axis(0), &rows).mean_axis(ndarray::Axis(0));
        println!("class {class} lies around {:.2}", centre.ok_or("no image")?);
    }
    Ok(())
}

/// Everything about a training.
pub(crate) fn config() -> TrainConfig {
    let network = NetworkConfig::Mlp { hidden: vec![64] };
    TrainConfig {
        seed: 0,
        model: ModelConfig {
            system: System::DmlAutoencoder,
            latent_dim: 2,
            embedding: Embedding::Mean,
            length: Length::Free,
            encoder: network.clone(),
            decoder: network,
            decoders: 1,
        },
        loss: Triplet { margin: 0.2, mining: Mining::All, distance: Distance::Euclidean, normalized: false }
            .into(),
        reconstruction: ReconstructionConfig {
            kind: Reconstruction::SquaredError,
            reduction: PixelReduction::Sum,
            weight: 1.0,
        },
        prior: PriorConfig::Unit(Unit {}),
        kl: KlConfig { beta: 1.0, warm_up_epochs: 0, free_bits: 0.0, samples: 1 },
        routine: RoutineConfig::JointAlpha { alpha: 0.5 },
        sampling: SamplingConfig::default(),
        training: TrainingConfig::default(),
        views: ViewsConfig::default(),
        instance: InstanceConfig::default(),
        pseudo_labels: PseudoLabelsConfig::Off {},
        distance: DistanceConfig::Euclidean {},
    }
}
