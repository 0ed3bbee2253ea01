//! Small made images and a small trial.

use dml_data::ImageShape;
use dml_losses::{Distance, LossConfig, Mining};
use dml_models::{
    Embedding, FittedMixture, KlConfig, LabelledEpoch, LabelledSampling, ModelConfig, NetworkConfig,
    PixelReduction, Reconstruction, ReconstructionConfig, RoutineConfig, SamplingConfig, Stack, System,
    TrainConfig, TrainingConfig, TrainingData,
};
use dml_priors::PriorConfig;
use ndarray::{Array2, ArrayView2};
use tch::Device;

/// Classes of the made images.
pub(crate) const CLASSES: i64 = 3;
const SHAPE: ImageShape = ImageShape { channels: 1, height: 7, width: 7 };
const N: usize = 240;

/// A bright bar at a height that depends on the class, with a random brightness and noise.
pub(crate) fn images() -> Array2<u8> {
    use rand::Rng;
    let mut random = dml_data::random::keyed(0, "test images", 0);
    Array2::from_shape_fn((N, SHAPE.pixels()), |(i, p)| {
        let bar = p / SHAPE.width == 1 + 2 * (i % CLASSES as usize);
        random.gen_range(0..40) + if bar { random.gen_range(120..=215) } else { 0 }
    })
}

/// The images as training data, in three classes.
pub(crate) fn data() -> TrainingData {
    let labels: Vec<u8> = (0..N).map(|i| (i % CLASSES as usize) as u8).collect();
    TrainingData::new(images().view(), &labels, SHAPE, CLASSES as usize, Device::Cpu)
}

/// The first `n` rows.
pub(crate) fn rows(n: usize) -> Vec<usize> {
    (0..n).collect()
}

/// A trial of three epochs.
pub(crate) fn trial(system: System, routine: RoutineConfig) -> TrainConfig {
    let network = NetworkConfig::Mlp { hidden: vec![16] };
    TrainConfig {
        seed: 3,
        model: ModelConfig {
            system,
            latent_dim: 2,
            embedding: Embedding::Mean,
            encoder: network.clone(),
            decoder: network,
        },
        loss: LossConfig::Triplet {
            margin: 0.2,
            mining: Mining::All,
            distance: Distance::Euclidean,
            normalized: false,
        },
        reconstruction: ReconstructionConfig {
            kind: Reconstruction::SquaredError,
            reduction: PixelReduction::Sum,
        },
        prior: PriorConfig::Unit {},
        kl: KlConfig { beta: 1.0, warm_up_epochs: 0, free_bits: 0.0, samples: 1 },
        routine,
        sampling: SamplingConfig {
            batch_size: 32,
            labelled: LabelledSampling::Uniform {},
            labelled_epoch: LabelledEpoch::Cycle,
            memory: 0,
        },
        training: TrainingConfig { epochs: 3, learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    }
}

/// Fresh models with these labelled rows.
pub(crate) fn stack(configs: Vec<TrainConfig>, masks: &[Vec<usize>]) -> Stack {
    let masks: Vec<&[usize]> = masks.iter().map(Vec::as_slice).collect();
    Stack::new(configs, &masks, &data(), Device::Cpu).unwrap()
}

/// One fresh model with 60 labels.
pub(crate) fn single(config: &TrainConfig) -> Stack {
    stack(vec![config.clone()], &[rows(60)])
}

/// A mixture for tests of the training loop alone: equal weights at the first embeddings.
pub(crate) fn fit(
    embeddings: ArrayView2<f32>,
    components: usize,
    seed: u64,
) -> Result<FittedMixture, String> {
    let first = seed as usize % 2;
    if embeddings.nrows() < components + first {
        return Err("too few embeddings".into());
    }
    let means = embeddings.slice(ndarray::s![first..first + components, ..]).to_owned();
    let variances = Array2::ones(means.dim());
    Ok(FittedMixture { weights: vec![1.0 / components as f32; components], means, variances })
}
