//! `dml embed`: embeddings of trained trials, for other programs.

use std::fs;
use std::path::Path;

use dml_data::npz::Npz;
use ndarray::Array2;

use crate::arrays::{TINY, TINY_WITHOUT_VALIDATION, images};
use crate::call::{call, stdout_of, text};
use crate::fit::{fit, folder};
use crate::import::draw;
use crate::store::{Store, run};

/// Embeddings, labels and mask of a split.
fn embed(store: &Store, trial: &Path, split: &str) -> (Array2<f32>, Vec<i64>, Vec<i64>) {
    let out = store.folder.path().join(format!("{split}.npz"));
    let told = stdout_of(&["embed", text(trial), "--split", split, "--out", text(&out)]);
    let mut npz = Npz::open(&out).unwrap();
    assert_eq!(npz.names(), ["embeddings", "labelled", "labels"]);
    let embeddings = npz.read_f32("embeddings").unwrap();
    let (n, d) = embeddings.dim();
    assert_eq!(told, format!("{}: {n} embeddings of {d} dimensions\n", out.display()));
    (embeddings, npz.read_labels("labels").unwrap(), npz.read_labels("labelled").unwrap())
}

#[test]
fn a_trained_trial_embeds_every_split() {
    let store = Store::new();
    let trial = store.add("model.system = 'dml'\nmodel.latent_dim = 3\ntraining.epochs = 1");
    run(&[], &[&trial]).well();
    for (split, in_file, n, n_labelled) in
        [("train", "train", 300, 30), ("validation", "val", 90, 0), ("test", "test", 90, 0)]
    {
        let (embeddings, labels, labelled) = embed(&store, &trial, split);
        assert_eq!(embeddings.dim(), (n, 3));
        assert!(embeddings.iter().all(|x| x.is_finite()));
        let classes = images(in_file, n).1.into_iter().map(i64::from);
        assert!(classes.eq(labels), "{split}: the labels are those of the file");
        assert_eq!(labelled.len(), n);
        assert_eq!(labelled.iter().sum::<i64>(), n_labelled, "{split}: 10 percent of the training images");
    }
}

#[test]
fn it_gives_the_embeddings_that_were_scored() {
    let store = Store::new();
    let trials = ["metric_vae", "pca"]
        .map(|system| store.add(&format!("model.system = '{system}'\nmodel.embedding = 'sample'")));
    run(&[], &trials).well();
    for trial in &trials {
        let mut scored = Npz::open(&trial.join("latent.npz")).unwrap();
        let (embeddings, labels, _) = embed(&store, trial, "test");
        assert_eq!(scored.read_f32("embeddings").unwrap(), embeddings);
        assert_eq!(scored.read_labels("labels").unwrap(), labels);
    }
}

#[test]
fn its_own_data_is_known_by_any_path_to_it() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(TINY.parent().unwrap(), folder.path().join("link")).unwrap();
    let other_path = folder.path().join("link").join(TINY.file_name().unwrap());
    let store = Store::new();
    let trial = store.add(&format!("training.epochs = 1\ndata.name = {:?}", text(&other_path)));
    run(&[], &[&trial]).well();
    let out = folder.path().join("out.npz");
    stdout_of(&["embed", text(&trial), text(&TINY), "--split", "train", "--out", text(&out)]);
    let labelled = Npz::open(&out).unwrap().read_labels("labelled").unwrap();
    assert_eq!(labelled.iter().sum::<i64>(), 30, "the labels that it was trained with");
}

#[test]
fn pictures_are_known_in_the_folder_that_it_was_trained_on() {
    let (folder, pictures) = folder(2);
    let [model, out] = ["model", "out.npz"].map(|name| folder.path().join(name));
    fit(&pictures, &model, &["--folds=0", "--set=training.epochs=1"]).says(0, &[]);
    draw(&pictures.join("bird/1.png"), 0, 77);
    let told = stdout_of(&["embed", text(&model), text(&pictures), "--out", text(&out)]);
    assert!(
        told.ends_with("1 of them are in bird, no class of the model, and have the label -1\n"),
        "{told}"
    );
    let mut npz = Npz::open(&out).unwrap();
    let labelled = npz.read_labels("labelled").unwrap();
    // The sorted ones come first, and the bird before them.
    assert_eq!((labelled[0], labelled[1..7].iter().sum::<i64>(), labelled.iter().sum::<i64>()), (0, 6, 6));
    let rows = fs::read_to_string(out.with_extension("rows.csv")).unwrap();
    for (line, end) in [(0, "row,file,label,class"), (1, "bird/1.png,-1,bird"), (2, "bottom/02.png,0,bottom")]
    {
        assert!(rows.lines().nth(line).unwrap().ends_with(end), "{rows}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let store = Store::new();
    let out = store.folder.path().join("out.npz");
    let of = |trial: &Path, split: &str| {
        let told = call(&["embed", text(trial), "--split", split, "--out", text(&out)]).says(1, &[]);
        assert!(!out.exists());
        told.err
    };
    let trial = store.add("training.epochs = 1");
    let weights = trial.join("weights.safetensors");
    let complaint = of(&trial, "test");
    assert!(complaint.contains(&format!("{}: is not there; train first: ", weights.display())));
    fs::write(&weights, "not a tensor").unwrap();
    let complaint = of(&trial, "test");
    let expected = format!("error: {}: is not a whole safetensors file: ", weights.display());
    let cause = complaint.strip_prefix(&expected).unwrap_or_else(|| panic!("{complaint}"));
    assert!(cause.trim().len() > 10 && cause.lines().count() == 1, "{complaint}");
    let without = store.add(&format!("data.name = '{}'", TINY_WITHOUT_VALIDATION.display()));
    run(&[], &[&without]).well();
    let complaint = of(&without, "validation");
    assert!(complaint.contains("tiny_without_validation has no validation split"), "{complaint}");
}
