//! What becomes of the labelled rows.

use dml_losses::LossConfig;
use dml_models::{LabelledEpoch, RoutineConfig, System};
use tch::Tensor;

use crate::common::{rows, run, stack, trial};

#[test]
fn padding_takes_no_place_of_a_memory() {
    let mut config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.loss = LossConfig::Contrastive { margin: 1.0, normalized: false };
    config.sampling.batch_size = 64;
    config.sampling.labelled_epoch = LabelledEpoch::Pass;
    config.sampling.memory = 64;
    config.training.epochs = 1;
    let mut stack = stack(vec![config], &[rows(100)]);
    run(&mut stack);
    let folder = tempfile::tempdir().unwrap();
    stack.save_checkpoint(0, folder.path()).unwrap();
    let saved = Tensor::read_safetensors(folder.path().join("checkpoint-1.safetensors")).unwrap();
    let (_, labels) = saved.iter().find(|(name, _)| name == "memory/labels").unwrap();
    let empty = Vec::<i64>::try_from(labels).unwrap().iter().filter(|&&label| label == -1).count();
    assert_eq!(empty, 0, "a batch of 64 and one of 36 fill 64 places");
}
