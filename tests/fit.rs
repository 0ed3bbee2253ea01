//! `dml fit`, `embed`, `label` and `search`: a model of a folder of pictures, and what is done with
//! it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::call::{Answer, call, stdout_of, text};
use crate::import::draw;

/// The small recipe of these tests.
const SMALL: [&str; 7] = [
    "--set=training.epochs=12",
    "--set=training.learning_rate=0.01",
    "--set=model.encoder={kind=\"mlp\",hidden=[32]}",
    "--set=model.latent_dim=8",
    "--set=views={rotation=0.0,scale=0.1,shear=0.0,shift=0.05}",
    "--threads=1",
    "--offline",
];

/// Pictures of three classes, `sorted` of each in its folder, 12 of each in all.
pub(crate) fn folder(sorted: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..36 {
        let (class, round) = (number % 3, number / 3);
        let name = if round < sorted { ["bottom", "middle", "top"][2 - class] } else { "unlabelled" };
        draw(&folder.path().join(format!("pictures/{name}/{number:02}.png")), class, 150 + number as u8);
    }
    let pictures = folder.path().join("pictures");
    (folder, pictures)
}

pub(crate) fn fit(pictures: &Path, model: &Path, more: &[&str]) -> Answer {
    let given = ["fit", text(pictures), "--out", text(model)];
    let size = ["--size=12"];
    let size = if more.iter().any(|more| more.starts_with("--size")) { &[][..] } else { &size };
    call(&[&given[..], &SMALL, size, more].concat())
}

#[test]
fn a_folder_becomes_a_model_that_labels_searches_and_embeds() {
    let (folder, pictures) = folder(4);
    let model = folder.path().join("model");
    is_fitted(&pictures, &model);
    labels(&pictures, &model, &folder.path().join("labels.csv"));
    searches_and_embeds(&pictures, &model, &folder.path().join("embeddings.npz"));
}

fn is_fitted(pictures: &Path, model: &Path) {
    let out = fit(pictures, model, &["--folds=3"]).says(0, &[]).out;
    assert!(out.contains("a model of 36 images, 12 epochs"), "{out}");
    let accuracy = "accuracy of the nearest labelled image: 1.000 (12 of 12 labelled images, each tested by a model that had not seen it; \
                    3 parts; 95% interval 0.735 to 1.000)";
    assert!(out.contains(accuracy), "{out}");
    assert!(out.contains("With 12 labelled images this means little"), "{out}");

    let page = fs::read_to_string(model.join("page/data.js")).unwrap();
    let page: serde_json::Value =
        serde_json::from_str(page.trim().trim_start_matches("window.model = ").trim_end_matches(';'))
            .unwrap();
    assert_eq!(page["classes"], serde_json::json!(["bottom", "middle", "top"]));
    assert_eq!(page["estimate"]["right"], 12);
    for column in ["x", "y", "given", "guess", "confidence", "margin", "files"] {
        assert_eq!(page[column].as_array().unwrap().len(), 36, "{column}");
    }
    assert!(model.join("index.html").exists() && model.join("page/images-0.png").exists());

    // Again: nothing is trained, and the same is said.
    let log = fs::read_to_string(model.join("log.txt")).unwrap();
    let again = fit(pictures, model, &["--folds=3"]).says(0, &[]).out;
    assert_eq!((again, fs::read_to_string(model.join("log.txt")).unwrap()), (out, log));
}

/// The CSV beside an npz names its training images, and no others.
fn named_by_split(truth: &Path, model: &Path, labels: &Path) {
    let own = truth.join("own.npz");
    let import = ["data", "import", text(truth), "--size=12", "--test", text(truth), "--out", text(&own)];
    call(&import).says(0, &[]);
    for (split, first) in [("test", "row 0,"), ("train", text(truth))] {
        call(&["label", text(model), text(&own), "--split", split, "--out", text(labels)]).says(0, &[]);
        let rows = fs::read_to_string(labels).unwrap();
        assert!(rows.lines().nth(1).unwrap().starts_with(first), "{split}: {rows}");
    }
}

fn labels(pictures: &Path, model: &Path, labels: &Path) {
    let truth = tempfile::tempdir().unwrap();
    let out = stdout_of(&["label", text(model), "--out", text(labels)]);
    assert!(out.ends_with("labels.csv: labels of 24 images\n"), "{out}");
    for row in fs::read_to_string(labels).unwrap().lines().skip(1) {
        let [file, label, confidence, nearest] = row.split(',').collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let number: usize = Path::new(file).file_stem().unwrap().to_str().unwrap().parse().unwrap();
        assert_eq!(label, ["bottom", "middle", "top"][2 - number % 3], "{row}");
        assert!((0.0..=1.0).contains(&confidence.parse::<f64>().unwrap()), "{row}");
        assert!(nearest.contains(&format!("/{label}/")), "{row}");
        let place = truth.path().join(label);
        fs::create_dir_all(&place).unwrap();
        fs::copy(file, place.join(Path::new(file).file_name().unwrap())).unwrap();
    }
    let out = stdout_of(&["label", text(model), text(truth.path()), "--out", text(labels)]);
    assert!(out.ends_with("24 of 24 whose class was known are right\n"), "{out}");
    named_by_split(truth.path(), model, labels);
    let out = stdout_of(&["label", text(model), text(pictures), "--read-out=knn", "--out", text(labels)]);
    assert!(
        out.ends_with("12 are among the labelled images of training, and say nothing about the others\n"),
        "{out}"
    );
    assert!(!out.contains("are right"), "{out}");
    let out = stdout_of(&["label", text(model), "--at-least=1", "--out", text(labels)]);
    assert!(out.contains("labels of 0 images; 24 were too doubtful"), "{out}");
    let one = pictures.join("top/00.png");
    let out = stdout_of(&["label", text(model), text(&one), "--out", text(labels)]);
    assert!(out.ends_with("labels.csv: labels of 1 images\n"), "{out}");
    assert!(fs::read_to_string(labels).unwrap().contains("top/00.png,top,"));
}

fn searches_and_embeds(pictures: &Path, model: &Path, npz: &Path) {
    let one = pictures.join("top/00.png");
    let out = stdout_of(&["search", text(model), text(&one), "--in", text(pictures), "-k", "3"]);
    assert_eq!(out.lines().count(), 4, "{out}");
    assert!(out.lines().nth(1).unwrap().contains("0.0000  top    "), "itself comes first: {out}");

    let out = stdout_of(&["embed", text(model), text(pictures), "--out", text(npz)]);
    assert!(out.contains("36 embeddings of 8 dimensions"), "{out}");
    let rows = fs::read_to_string(npz.with_extension("rows.csv")).unwrap();
    assert!(rows.lines().nth(1).unwrap().ends_with("bottom/02.png,0,bottom"), "{rows}");
    call(&["embed", text(model), text(pictures), "--split=test", "--out", text(npz)])
        .says(2, &["--split is for a data set, and", "leave it out"]);
    let scores = stdout_of(&["score", text(npz), "--only", "retrieval"]);
    assert!(scores.contains("recall_at_1 1.0000"), "{scores}");
}

#[test]
fn idx_files_become_a_model_that_labels_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let idx = |kind: u8, shape: &[u32], bytes: &[u8]| {
        let shape: Vec<u8> = shape.iter().flat_map(|length| length.to_be_bytes()).collect();
        [&[0, 0, kind, (shape.len() / 4) as u8], &*shape, bytes].concat()
    };
    // Bars in three places, as `draw` has them; every second one has a label, 5, 6 or 7.
    let bar = |row: usize, i: usize| if i / 12 / 4 == row % 3 { 150 + row as u8 } else { 10 };
    let pixels: Vec<u8> = (0..36).flat_map(|row| (0..144).map(move |i| bar(row, i))).collect();
    fs::write(path("images.idx"), idx(8, &[36, 12, 12], &pixels)).unwrap();
    let known: Vec<u8> = (0..36).map(|row| if row % 2 == 0 { 5 + row % 3 } else { 0xff }).collect();
    fs::write(path("labels.idx"), idx(9, &[36], &known)).unwrap();

    let [images, labels, model, csv] = ["images.idx", "labels.idx", "model", "labels.csv"].map(path);
    let files = ["--images", text(&images), "--labels", text(&labels)];
    let given = [&["fit", "--out", text(&model), "--folds=0"], &files[..], &SMALL].concat();
    let out = stdout_of(&given);
    assert!(out.contains("a model of 36 images"), "{out}");
    call(&["label", text(&model), text(&images), "--out", text(&csv)]).says(0, &[]);
    for (number, row) in fs::read_to_string(&csv).unwrap().lines().skip(1).enumerate() {
        let [file, label, ..] = row.split(',').collect::<Vec<_>>()[..] else { panic!("{row}") };
        assert_eq!((file, label), (&*number.to_string(), &*(5 + number % 3).to_string()), "{row}");
    }

    // Of the wrong kind or number, and both ways of naming data at once.
    let told = |arguments: &[&str]| {
        call(&[&["data", "import", "--out", text(&path("own.npz"))], arguments].concat())
    };
    told(&["--images", text(&labels)])
        .says(1, &["labels.idx: starts with [00, 00, 09, 01], not with an idx magic number of unsigned"]);
    fs::write(path("few.idx"), idx(9, &[2], &[1, 2])).unwrap();
    told(&["--images", text(&images), "--labels", text(&path("few.idx"))])
        .says(1, &["few.idx: has the shape [2]: it should be [36], as there are 36 images"]);
    told(&["pictures", "--images", text(&images)]).says(2, &[]);
    // However it is named, an idx file has the size that it has, and no folders.
    for images in [&["--images", text(&images)][..], &[text(&images)]] {
        for option in ["--size=14", "--unlabelled=todo", "--strict"] {
            let name = option.split('=').next().unwrap();
            told(&[images, &[option]].concat())
                .says(2, &[&format!("{name} is for pictures, and"), "images.idx is read as an idx file"]);
        }
    }
    let out = told(&files).says(0, &[]).out;
    assert_eq!(out.lines().next(), Some("       6 5"));
    let own = path("own.npz");
    call(&["fit", "--out", text(&path("other")), "--images", text(&own), "--labels", text(&labels)])
        .says(2, &["--images is for an idx file, and", "own.npz is a data set; name it without --images"]);
}

#[test]
fn other_pictures_or_settings_do_not_go_into_a_model_that_is_there() {
    let (folder, pictures) = folder(2);
    let model = folder.path().join("model");
    fit(&pictures, &model, &["--folds=0"]).says(0, &[]);
    let before = fs::read(model.join("weights.safetensors")).unwrap();
    fit(&pictures, &model, &["--folds=0", "--set=seed=1"])
        .says(1, &["was begun with seed = 0, not 1; use another --out, or delete it"]);

    // Weights that are gone are trained again, to the same bytes.
    fs::remove_file(model.join("weights.safetensors")).unwrap();
    call(&["label", text(&model), "--out", text(&folder.path().join("labels.csv"))])
        .says(1, &["weights.safetensors: is not there; train first: the same dml fit again"]);
    fit(&pictures, &model, &["--folds=0"]).says(0, &[]);
    assert!(fs::read(model.join("weights.safetensors")).unwrap() == before);

    // Corrections are other labels, and make another model.
    let corrections = folder.path().join("corrections.csv");
    let file = pictures.join("unlabelled/06.png");
    fs::write(&corrections, format!("file,label\n{},new\n", file.display())).unwrap();
    let with = format!("--corrections={}", corrections.display());
    fit(&pictures, &model, &["--folds=0", &with])
        .says(1, &["was begun with other pictures, labels or another --size than"]);
    let other = folder.path().join("other");
    fit(&pictures, &other, &["--folds=0", &with]).says(0, &[]);
    assert!(fs::read_to_string(other.join("data.csv")).unwrap().contains("06.png,2,new"));
    assert_eq!(fs::read(model.join("weights.safetensors")).unwrap(), before);

    fs::write(&corrections, "file,label\nelsewhere.png,new\n").unwrap();
    fit(&pictures, &other, &["--folds=0", &with])
        .says(1, &["corrections.csv: corrects elsewhere.png, which is none of the pictures"]);
}

#[test]
fn a_budget_gives_the_epochs_and_a_second_call_keeps_them() {
    let (folder, pictures) = folder(2);
    let model = folder.path().join("model");
    let out = fit(&pictures, &model, &["--folds=0", "--minutes=60"]).says(0, &[]).out;
    assert!(out.contains("36 images, 12 epochs"), "all that the recipe has: {out}");
    let expected = "goes on with 12 epochs, as it was begun; --minutes does not change them";
    let again = fit(&pictures, &model, &["--folds=0", "--minutes=1"]).says(0, &[expected]);
    assert_eq!(again.out, out);
    let other = folder.path().join("other");
    for (folds, advice) in [("0", "give it more, or take a smaller --size"), ("5", "or take --folds 0 or")] {
        let folds = format!("--folds={folds}");
        fit(&pictures, &other, &[&folds, "--minutes=0.0000001"])
            .says(1, &["an epoch of 36 images takes about", advice]);
    }
    let guessing = ["--folds=0", "--minutes=60", "--set=pseudo_labels.rounds.first=1"];
    let out = fit(&pictures, &other, &guessing).says(0, &[]).out;
    assert!(out.contains("36 images, 12 epochs"), "labels are guessed after the first: {out}");
}

#[test]
fn what_cannot_be_fitted_is_refused_in_a_sentence() {
    let (folder, pictures) = folder(1);
    let model = folder.path().join("model");
    let refused = |more: &[&str], code: i32, sentence: &str| {
        fit(&pictures, &model, more).says(code, &[sentence]);
        assert!(!model.exists(), "nothing is left of it");
    };
    refused(&["--folds=1"], 2, "--folds 1 tests on nothing; it must be 0, or 2 at least");
    refused(&["--minutes=0"], 2, "--minutes must be above 0");
    refused(&["--set=epochs"], 2, "epochs is no setting; training.epochs=5 would be one");
    refused(&["--set=data.validation=3"], 2, "--set data.validation is for the training");
    refused(&["--set=training.epoch=3"], 2, "there is no key `epoch`");
    refused(&["--set=training=5"], 2, "`training` is the integer `5`; a table would be right");
    refused(&["--labels=none.idx"], 2, "--labels is the idx file of labels of --images; a CSV");
    refused(&["--size=0"], 2, "invalid value '0' for '--size <SIZE>': 0 is not in 1..=128");
    refused(
        &["--set=training.epochs=2305843009213693952"],
        2,
        "`epochs` is the integer `2305843009213693952`; an integer from 0 to 4294967295",
    );
    let large = ["--set=sampling.batch_size=2305843009213693952", "--minutes=1"];
    refused(&large, 2, "sampling.batch_size = 2305843009213693952 is out of range; it must be 2 to 1000000");

    let of = |data: &Path| fit(data, &folder.path().join("none"), &[]).err;
    assert!(
        of(&folder.path().join("nowhere")).contains("nowhere: is not there; a folder of pictures, a CSV")
    );
    let unlabelled = pictures.join("unlabelled");
    let alone = folder.path().join("alone");
    draw(&alone.join("only/1.png"), 0, 200);
    assert!(of(&alone).contains("are of one class; there must be two at least"), "{}", of(&alone));
    fs::create_dir(alone.join("another")).unwrap();
    let empty = of(&alone);
    assert!(empty.contains("another: holds no picture, and so is no class; left out"), "{empty}");
    assert!(of(&unlabelled).contains("has no labelled image; put some pictures of each class into a folder"));
    for class in ["middle", "top"] {
        fs::remove_dir_all(pictures.join(class)).unwrap();
    }
    fs::create_dir(pictures.join("empty")).unwrap();
    fit(&pictures, &folder.path().join("one"), &[])
        .says(1, &["are of one class; there must be two at least to tell apart"]);

    call(&["label", text(&folder.path().join("one")), "--out", "labels.csv"])
        .says(1, &["one: is no model: what `dml fit` has made"]);
}
