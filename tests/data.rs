//! `dml data`, and calls that are wrong.

use std::fs;
use std::io::Cursor;
use std::process::Stdio;

use crate::arrays::{CLASSES, TINY, TINY_WITHOUT_VALIDATION, images};
use crate::call::{DML, call, dml, stdout_of, text};

#[test]
fn list_names_every_data_set_and_how_to_get_it() {
    let cache = tempfile::tempdir().unwrap();
    let output = dml(&["data", "list"]).env("DML_CACHE", cache.path()).assert().success();
    let list = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let known: Vec<String> = dml_data::Manifest::builtin().datasets.into_iter().map(|e| e.name).collect();
    assert_eq!(names, known);
    assert!(names.contains(&"mnist"));
    for (line, name) in list.lines().zip(&names) {
        assert!(line.ends_with(&format!(": not fetched; dml data fetch {name}")), "{line}");
    }
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "looking leaves nothing behind");
}

#[test]
fn a_data_set_that_is_not_here_cannot_be_had_offline() {
    let complaint = call(&["data", "fetch", "mnist", "--offline"]).says(1, &[]).err;
    let sentence = complaint.lines().last().unwrap();
    assert!(sentence.starts_with("error: mnist cannot be had (offline): put "), "{complaint}");
    assert!(sentence.contains("set DML_DATASETS to that folder"), "{complaint}");
    call(&["data", "show", "mnits", "--offline"]).says(1, &["there is no data set `mnits`", "mnist"]);
}

#[test]
fn show_counts_images_and_draws_samples() {
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("samples.png");
    let shown = stdout_of(&["data", "show", text(&TINY), "--png", text(&png), "--per-class", "4"]);
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some("tiny: 3 classes, images of 1 x 8 x 8"));
    let mut rows = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(rows.next().unwrap(), ["class", "train", "test", "validation"]);
    let splits = [("train", 300), ("test", 90), ("val", 90)];
    for class in 0..CLASSES {
        let count = |(split, n)| images(split, n).1.iter().filter(|&&l| usize::from(l) == class).count();
        let counts: Vec<String> = splits.map(count).iter().map(ToString::to_string).collect();
        assert_eq!(rows.next().unwrap(), [vec![class.to_string()], counts].concat());
    }
    assert_eq!(rows.next().unwrap(), ["all", "300", "90", "90"]);
    assert_eq!(rows.next(), None);

    let bytes = fs::read(&png).unwrap();
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(
        (info.width, info.height),
        (4 * 10 + 2, 3 * 10 + 2),
        "a row a class, four 8 x 8 images in it, gaps of 2"
    );
    assert_eq!(info.color_type, png::ColorType::Grayscale);
    // Each row's class has its bright square where the images have it.
    for class in 0..CLASSES {
        let (y, x) = (2 + class * 10 + class / 2 * 4, 2 + class % 2 * 4);
        assert!((0..4).all(|image| pixels[y * 42 + x + image * 10] >= 150), "class {class}");
        let (y, x) = (2 + class * 10 + 4, 2 + 4);
        assert!((0..4).all(|image| pixels[y * 42 + x + image * 10] < 60), "class {class}");
    }
}

#[test]
fn show_does_without_a_validation_split() {
    let shown = stdout_of(&["data", "show", text(&TINY_WITHOUT_VALIDATION)]);
    assert!(shown.lines().last().unwrap().split_whitespace().eq(["all", "300", "90"]), "{shown}");
}

#[test]
fn wrong_calls_exit_with_2_and_say_what_would_be_right() {
    for (arguments, part) in [
        (&["score", "x.npz", "--only", "knn,svm"][..], "possible values: knn, nearest, random_forest"),
        (&[], "Usage: dml <COMMAND>"),
    ] {
        call(arguments).says(2, &[part]);
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(DML);
    let output = command.args(["data", "show", text(&TINY)]).stdout(writer).stderr(Stdio::piped()).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(141), "128 + SIGPIPE");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
