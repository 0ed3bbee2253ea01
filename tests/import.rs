//! `dml data import`: from a folder of pictures to a data set that trials take.

use std::fs;
use std::path::Path;

use crate::call::{call, stdout_of, text};
use crate::store::{Store, run, set, trial};

/// A grey picture of 12 x 12 pixels: a bar in one of three places.
pub(crate) fn draw(path: &Path, class: usize, shade: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), 12, 12);
    encoder.set_color(png::ColorType::Grayscale);
    let is_bar = |i: usize| i / 12 / 4 == class;
    let pixels: Vec<u8> = (0..144).map(|i| if is_bar(i) { shade } else { 10 }).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

#[test]
fn a_folder_of_pictures_becomes_a_data_set_that_a_trial_takes() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..60 {
        let class = number % 3;
        // A label for each fifth picture of the first two classes, and for none of the third.
        let name = match (class, number < 12) {
            (0, true) => "top",
            (1, true) => "middle",
            _ => "unlabelled",
        };
        draw(&folder.path().join(format!("pictures/{name}/{number:02}.png")), class, 150 + number as u8);
    }
    fs::write(folder.path().join("pictures/top/broken.png"), "no picture").unwrap();
    let (pictures, out) = (folder.path().join("pictures"), folder.path().join("own.npz"));
    let done = call(&["data", "import", text(&pictures), "--out", text(&out), "--size", "12"])
        .says(0, &["top/broken.png: cannot be read as a picture"]);
    let of_classes: Vec<&str> = done.out.lines().take(3).map(str::trim).collect();
    assert_eq!(of_classes, ["4 middle", "4 top", "52 without a label"]);
    let rows = fs::read_to_string(folder.path().join("own.csv")).unwrap();
    assert_eq!(rows.lines().count(), 61, "a header and each picture");
    assert!(rows.lines().nth(1).unwrap().ends_with("middle/01.png,0,middle"), "{rows}");

    let store = Store::new();
    let mut own =
        trial("training.epochs = 1\ndata.labelled_sampling = 'given'\ndata.labelled_percent = 100.0");
    set(
        &mut own,
        &format!("data.name = {:?}\ndata.validation = 4\nevaluation.split = 'validation'", text(&out)),
    );
    set(&mut own, "evaluation.protocols = ['labelled']");
    let directory = store.enter(&own);
    run(&[], &[&directory]).well();
    assert!(directory.join("result.json").exists());
}

#[test]
fn sorted_pictures_become_the_test_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for number in 0..12 {
        let class = number % 3;
        let name = ["bottom", "middle", "top"][class];
        draw(&path(&format!("pictures/{name}/{number:02}.png")), class, 200);
        // The test set lacks a class, so that its own numbers of classes would be others.
        if class > 0 {
            draw(&path(&format!("truth/{name}/{number:02}.png")), class, 90);
        }
    }
    let [pictures, truth, own] = ["pictures", "truth", "own.npz"].map(path);
    let import = ["data", "import", text(&pictures), "--test", text(&truth), "--out", text(&own)];
    assert_eq!(stdout_of(&import).lines().last(), Some("       8 for testing"));
    let shown = stdout_of(&["data", "show", text(&own)]);
    let of_classes: Vec<Vec<&str>> =
        shown.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(of_classes, [["0", "4", "0"], ["1", "4", "4"], ["2", "4", "4"], ["all", "12", "8"]]);

    draw(&path("truth/left/1.png"), 0, 200);
    fs::remove_file(&own).unwrap();
    let expected = "truth/left/1.png: is in no class that a training picture is in; each test picture needs";
    call(&import).says(1, &[expected]);
    assert!(!own.exists());
}

#[test]
fn what_cannot_be_imported_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let told = |arguments: &[&str]| call(&[&["data", "import"], arguments].concat());
    let (path, out) = (text(folder.path()).to_owned(), text(&folder.path().join("own.npz")).to_owned());
    told(&[&path, "--out", &out])
        .says(1, &["has no picture: it should hold a folder of pictures for each class"]);
    told(&["nowhere", "--out", &out]).says(1, &["nowhere: No such file or directory"]);
    told(&[&path, "--out", "own.zip"])
        .says(2, &["--out own.zip is no npz file; a name that ends in .npz would be right"]);
    assert!(!Path::new(&out).exists(), "nothing is half written");

    // A list of test pictures is not to be lost, either.
    draw(&folder.path().join("pictures/a/1.png"), 0, 200);
    let list = folder.path().join("test.csv");
    let npz = folder.path().join("test.npz");
    let pictures = folder.path().join("pictures");
    let rows = [
        ("file,label\npictures/a/1.png,a\n", "is there, and is none that `dml` has written"),
        ("row,file,label,class\n0,pictures/a/1.png,a,a\n", "would be overwritten, as the CSV of"),
    ];
    for (content, why) in rows {
        fs::write(&list, content).unwrap();
        told(&[text(&pictures), "--test", text(&list), "--out", text(&npz)])
            .says(1, &[&format!("test.csv {why}")]);
        assert_eq!(fs::read_to_string(&list).unwrap(), content);
    }
    fs::write(folder.path().join("own.csv"), "row,file,label,class\n").unwrap();
    told(&["nowhere", "--out", &out]).says(1, &["nowhere: No such file or directory"]);
}
