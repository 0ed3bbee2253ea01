//! Weights in files.

use dml_models::{RoutineConfig, System};

use crate::common::{images, rows, single, stack, trained, trial};

#[test]
fn weights_survive_safetensors() {
    let config = trial(System::DmlAutoencoder, RoutineConfig::JointAlpha { alpha: 0.5 });
    let trained = trained(&config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    dml_models::save_weights(&trained, 0, &path).unwrap();
    let mut fresh = single(&config);
    dml_models::load_weights(&mut fresh, &path).unwrap();
    assert_eq!(trained.embed(0, images().view()), fresh.embed(0, images().view()));
    let mut other = config.clone();
    other.model.latent_dim = 3;
    let message = dml_models::load_weights(&mut single(&other), &path).unwrap_err().to_string();
    assert!(message.contains("head.mean.weight has shape [16, 2], the model wants [16, 3]"), "{message}");
    let encoder_alone = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    let message = dml_models::load_weights(&mut single(&encoder_alone), &path).unwrap_err().to_string();
    assert!(message.ends_with("has decoder.0.bias, which this model has not"), "{message}");
}

#[test]
fn a_file_that_cannot_be_written_or_read_is_named_in_a_sentence() {
    let config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    let mut stack = single(&config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let refused = |result: std::io::Result<()>| {
        result.unwrap_err().to_string().replace(&folder.path().display().to_string(), "FOLDER")
    };
    let missing = "FOLDER/weights.safetensors: No such file or directory (os error 2)";
    assert_eq!(refused(dml_models::load_weights(&mut stack, &path)), missing);
    std::fs::write(&path, "no tensors").unwrap();
    let message = refused(dml_models::load_weights(&mut stack, &path));
    assert_eq!(message, "FOLDER/weights.safetensors: is not a whole safetensors file");
    let nowhere = folder.path().join("none/weights.safetensors");
    let message = refused(dml_models::save_weights(&stack, 0, &nowhere));
    assert_eq!(message, "FOLDER/none/weights.safetensors: No such file or directory (os error 2)");
}

#[test]
#[should_panic(expected = "weights are loaded into a stack of one, this one has 2 members")]
fn weights_are_those_of_one_model() {
    let config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    let mut pair = stack(vec![config.clone(), config], &[rows(60), rows(60)]);
    let _ = dml_models::load_weights(&mut pair, std::path::Path::new("weights.safetensors"));
}
