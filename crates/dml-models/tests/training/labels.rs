//! What becomes of the labelled rows, and what data and numbers of members are refused.

use dml_losses::Contrastive;
use dml_models::{LabelledEpoch, RoutineConfig, Stack, System, TrainingData};
use ndarray::Array2;
use tch::{Device, Tensor};

use crate::common::{data, device, images, rows, run, same_bits, single, stack, trained, trial};

const JOINT: RoutineConfig = RoutineConfig::JointAlpha { alpha: 0.5 };

#[test]
fn padding_takes_no_place_of_a_memory() {
    let mut config = trial(System::Dml, JOINT);
    config.loss = Contrastive { margin: 1.0, normalized: false }.into();
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

#[test]
fn a_system_without_a_metric_loss_needs_no_label_and_sees_none() {
    for system in [System::Autoencoder, System::Vae] {
        let config = trial(system, JOINT);
        let mut without = stack(vec![config.clone()], &[vec![]]);
        run(&mut without);
        let with = trained(&config);
        for (a, b) in without.parameters.tensors.iter().zip(&with.parameters.tensors) {
            assert!(same_bits(a, b), "{system:?}");
        }
        assert_eq!(without.members[0].curves, with.members[0].curves);
    }
}

#[test]
fn masks_that_do_not_fit_are_refused_in_a_sentence() {
    let refused = |system, masks: &[&[usize]], n_classes| {
        let mut data = data(device());
        data.n_classes = n_classes;
        Stack::new(vec![trial(system, JOINT)], masks, &data, device()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(System::Dml, &[&[0, 240]], 3),
        "a mask has row 240, but there are 240 images: rows are 0 to 239"
    );
    assert_eq!(
        refused(System::Dml, &[&[0, 1, 2]], 2),
        "row 2 of a mask has label 2, but there are 2 classes: labels are 0 to 1"
    );
    assert_eq!(
        refused(System::Dml, &[&[]], 3),
        "a model with a metric loss needs at least one labelled image"
    );
    assert_eq!(refused(System::Dml, &[&[0], &[1]], 3), "there must be one mask for each config, not 2 for 1");
    for (system, name) in
        [(System::Pixels, "pixels"), (System::Pca, "pca"), (System::RandomProjection, "random_projection")]
    {
        assert_eq!(
            refused(system, &[&[0]], 3),
            format!("model.system = \"{name}\" is not trained: Baseline::fit makes it")
        );
    }
}

#[test]
fn other_data_than_a_stack_was_made_for_are_refused_in_a_sentence() {
    let all = data(Device::Cpu);
    let labels = [0; 100];
    let fewer = TrainingData::new(images().slice(ndarray::s![..100, ..]), &labels, all.shape, 3, Device::Cpu);
    let mut stack = single(&trial(System::Dml, JOINT));
    let refused = stack.train_epoch(&fewer).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a stack made for 240 images of 1x7x7 pixels in 3 classes cannot be trained on 100 images of 1x7x7 pixels in 3 classes"
    );
}

#[test]
#[should_panic(expected = "images have 50 pixels, but this model's have 49")]
fn images_of_another_size_are_not_embedded() {
    single(&trial(System::Dml, JOINT)).embed(0, Array2::zeros((2, 50)).view());
}

#[test]
#[should_panic(expected = "there is no member 1 in a stack of 1: they count from 0")]
fn a_member_that_is_not_there_does_not_embed() {
    single(&trial(System::Dml, JOINT)).embed(1, images().view());
}

#[test]
#[should_panic(expected = "latent points have 3 dimensions, but this model's have 2")]
fn points_of_another_space_are_not_decoded() {
    let _ = single(&trial(System::Autoencoder, JOINT)).decode(0, Array2::zeros((2, 3)).view());
}
