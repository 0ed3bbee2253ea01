//! Mistakes with pictures and models that would cost somebody their labels or their files.

use std::fs;
use std::path::Path;

use crate::call::{call, stdout_of, text};
use crate::fit::{fit, folder};
use crate::import::draw;

/// A model of one epoch, which is enough to be used.
const QUICK: [&str; 2] = ["--folds=0", "--set=training.epochs=1"];

fn list(path: &Path, rows: &str) {
    fs::write(path, format!("file,label\n{rows}")).unwrap();
}

#[test]
fn classes_are_told_and_a_folder_that_is_not_there_is_an_error() {
    let (folder, pictures) = folder(2);
    let model = folder.path().join("model");
    fit(&pictures, &model, &[&QUICK[..], &["--unlabelled=todo"]].concat())
        .says(1, &["pictures has no folder todo, which --unlabelled names"]);
    for name in ["", "./unlabelled", "top/..", "/"] {
        let given = format!("--unlabelled={name}");
        fit(&pictures, &model, &[&QUICK[..], &[given.as_str()]].concat())
            .says(2, &["is no name of a folder; the name alone, as in --unlabelled todo"]);
    }
    let of_list = folder.path().join("list.csv");
    list(&of_list, "pictures/top/00.png,a\n");
    fit(&of_list, &model, &[&QUICK[..], &["--unlabelled=todo"]].concat())
        .says(2, &["list.csv is a file; leave it out"]);
    assert!(!model.exists());
    fs::rename(pictures.join("unlabelled"), pictures.join("unlabeled")).unwrap();
    fit(&pictures, &model, &QUICK)
        .says(0, &["36 images: 2 bottom, 2 middle, 2 top, 30 unlabeled; 0 without a label"]);
}

#[test]
fn corrections_of_several_rounds_come_together() {
    let (folder, pictures) = folder(2);
    let path = |name: &str| folder.path().join(name);
    let inner = path("pictures/unlabelled");
    list(
        &path("first.csv"),
        &format!("{},top\n{},top\n", inner.join("08.png").display(), inner.join("11.png").display()),
    );
    // Of a file that is named from the list's folder on.
    list(&path("second.csv"), "pictures/unlabelled/11.png,\npictures/unlabelled/07.png,new\n");
    let given = ["first.csv", "second.csv"].map(|name| format!("--corrections={}", path(name).display()));
    let given: Vec<&str> = QUICK.iter().copied().chain(given.iter().map(String::as_str)).collect();
    fit(&pictures, &path("model"), &given).says(0, &[]);
    let rows = fs::read_to_string(path("model/data.csv")).unwrap();
    for end in ["08.png,3,top", "11.png,-1,", "07.png,2,new"] {
        assert!(rows.lines().any(|row| row.ends_with(end)), "{end}: {rows}");
    }

    list(&path("first.csv"), &format!("{},-1\n", inner.join("08.png").display()));
    fit(&pictures, &path("other"), &given)
        .says(1, &["the label -1; leave the label empty where there is none"]);
    let npz = path("own.npz");
    call(&["data", "import", text(&pictures), "--out", text(&npz)]).says(0, &[]);
    for (option, value) in [("--corrections", "first.csv"), ("--size", "12"), ("--unlabelled", "todo")] {
        call(&["fit", text(&npz), "--out", text(&path("other")), option, value])
            .says(2, &[&format!("{option} is for pictures, and"), "leave it out"]);
    }
}

#[test]
fn corrections_of_files_that_are_gone_are_counted() {
    let (folder, pictures) = folder(2);
    let path = |name: &str| folder.path().join(name);
    // A class whose name ends in a space stays that class.
    fs::rename(pictures.join("top"), pictures.join("top ")).unwrap();
    let csv = path("pictures.csv");
    list(&csv, "pictures/unlabelled/07.png,top \ngone.png,top \npictures/unlabelled/08.png, middle\n");
    let with = format!("--corrections={}", csv.display());
    let given = [&QUICK[..], &[with.as_str()]].concat();
    fit(&pictures, &path("model"), &given)
        .says(0, &["pictures.csv: corrects gone.png, which is none of the pictures; passed over"]);
    let rows = fs::read_to_string(path("model/data.csv")).unwrap();
    for end in ["07.png,2,top ", "08.png,1,middle"] {
        assert!(rows.lines().any(|row| row.ends_with(end)), "{end}: {rows}");
    }

    for (rows, expected) in [
        (
            "file,label\n1,a\n2,a\n3,a\n4,a\n",
            "corrects 1, 2, 3 and 1 more, 4 files that are none of the pictures",
        ),
        ("file;label\n1;a\n", "has the columns [\"file;label\"]: it should have file and label"),
        (
            "file,label\npictures/unlabelled/07.png,a\npictures/unlabelled/07.png,\n",
            "pictures.csv: gives pictures/unlabelled/07.png two labels, a and none; one would be right",
        ),
    ] {
        fs::write(&csv, rows).unwrap();
        fit(&pictures, &path("other"), &given).says(1, &[expected]);
    }
}

#[test]
fn copies_are_told_and_are_in_one_part_of_the_estimate() {
    let (folder, pictures) = folder(1);
    let (model, labels) = (folder.path().join("model"), folder.path().join("labels.csv"));
    for (name, number) in [("bottom", "02"), ("middle", "01"), ("top", "00")] {
        let class = pictures.join(name);
        fs::copy(class.join(format!("{number}.png")), class.join("copy.png")).unwrap();
    }
    // The only picture of a class, and its copies, cannot be told by the others.
    let expected = ["note: images that are there more than once: 3, none of them under two"];
    let out = fit(&pictures, &model, &["--folds=5", "--set=training.epochs=1"]).says(0, &expected).out;
    assert!(out.contains("(0 of 6 labelled images, each") && out.contains("; 3 parts;"), "{out}");
    assert!(out.contains("Of these, 6 could only be wrong, as no other part had a label"), "{out}");
    // Which tells nothing of how sure it may be.
    let told = call(&["label", text(&model), "--out", text(&labels)]);
    assert!(!told.err.contains("too high"), "{}", told.err);
    told.says(0, &["so confidence is the same for all classes"]);

    fs::copy(pictures.join("top/00.png"), pictures.join("middle/other.png")).unwrap();
    let expected = ["more than once: 3, 1 of them under two classes, as ", "middle/other.png and "];
    fit(&pictures, &folder.path().join("other"), &QUICK).says(0, &expected);
}

#[test]
fn a_model_is_no_class_of_its_pictures() {
    let (folder, pictures) = folder(2);
    for out in [pictures.clone(), pictures.join("top"), folder.path().join("pictures/../pictures")] {
        fit(&pictures, &out, &QUICK)
            .says(2, &["is a folder of the pictures; a folder of its own would be right"]);
        assert!(!out.join("data.npz").exists() && !out.join("trial.toml").exists());
    }
    let model = pictures.join("model");
    fit(&pictures, &model, &QUICK).says(0, &[]);
    let expected = [
        "model: holds a trial.toml, and so is a model and no folder of pictures",
        "36 images: 2 bottom, 2 middle, 2 top; 30 without a label",
    ];
    fit(&pictures, &model, &[&QUICK[..], &["--strict"]].concat()).says(0, &expected);
}

#[test]
fn names_of_pictures_stay_with_their_rows() {
    let (folder, pictures) = folder(3);
    let path = |name: &str| folder.path().join(name);
    let (model, csv, out) = (path("model"), path("model/data.csv"), path("labels.csv"));
    fit(&pictures, &model, &QUICK).says(0, &[]);
    let label = || call(&["label", text(&model), "--out", text(&out)]);
    label().says(0, &[]);
    let (before, rows) = (fs::read_to_string(&out).unwrap(), fs::read_to_string(&csv).unwrap());

    // Sorted by file, as somebody might in a spreadsheet.
    let mut lines: Vec<&str> = rows.lines().collect();
    lines[1..].sort_by_key(|line| std::cmp::Reverse(line.split(',').nth(1)));
    fs::write(&csv, lines.join("\n")).unwrap();
    label().says(0, &[]);
    assert_eq!(fs::read_to_string(&out).unwrap(), before);

    let without_last = rows.lines().take(36).collect::<Vec<_>>().join("\n");
    let twice = rows.replace("\n3,", "\n2,");
    for (text, expected) in [
        (rows.replace(',', ";"), "data.csv: is not as `dml fit` has written it"),
        (without_last, "data.csv: is not as `dml fit` has written it, with a row for each picture"),
        (twice, "data.csv: has no row 3; each row from 0 on must be there once"),
    ] {
        fs::write(&csv, text).unwrap();
        label().says(1, &[expected]);
    }
    // The same call mends it.
    fit(&pictures, &model, &QUICK).says(0, &[]);
    assert_eq!(fs::read_to_string(&csv).unwrap(), rows);
}

#[test]
fn pictures_of_unknown_classes_are_not_passed_over() {
    let (folder, pictures) = folder(3);
    let path = |name: &str| folder.path().join(name);
    fit(&pictures, &path("model"), &QUICK).says(0, &[]);
    for (name, class) in [("others/top/1.png", 0), ("others/bird/2.png", 1), ("others/bird/3.png", 2)] {
        draw(&path(name), class, 77);
    }
    let out =
        stdout_of(&["label", text(&path("model")), text(&path("others")), "--out", text(&path("x.csv"))]);
    assert!(out.contains(" of 1 whose class was known are right\n"), "{out}");
    assert!(out.contains("2 more are in bird, no class of the model, and are not counted\n"), "{out}");
}

#[test]
fn what_is_read_is_not_written_over() {
    let (folder, pictures) = folder(2);
    let path = |name: &str| folder.path().join(name);
    let model = path("model");
    fit(&pictures, &model, &QUICK).says(0, &[]);
    list(&path("mine.csv"), "pictures/unlabelled/07.png,top\n");
    let npz = path("own.npz");
    call(&["data", "import", text(&pictures), "--size=12", "--out", text(&npz)]).says(0, &[]);
    let read = "would be overwritten, which is read or part of the model; use another";
    let foreign = "is there, and none that `dml label` has written; use another --out";
    for (command, images, out, why) in [
        ("label", Some("mine.csv"), "mine.csv", read),
        ("label", None, "mine.csv", foreign),
        ("label", None, "model/data.csv", read),
        ("label", None, "model/log.txt", foreign),
        ("label", None, "pictures/top/00.png", foreign),
        ("label", Some("pictures"), "pictures/top/00.png", foreign),
        ("embed", Some("own.npz"), "own.npz", read),
        ("embed", None, "model/data.npz", "would be overwritten, which is part of a model; use another"),
    ] {
        let (out, images) = (path(out), images.map(path));
        let before = fs::read(&out).unwrap();
        let images = images.as_ref().map(|images| text(images));
        let ends = ["--out", text(&out)];
        let given = [&[command, text(&model)][..], images.as_slice(), &ends].concat();
        call(&given).says(1, &[why]);
        assert!(fs::read(&out).unwrap() == before, "{command} {}", out.display());
    }
    let [own, data] = [text(&npz), text(&model.join("data.npz"))].map(str::to_owned);
    call(&["data", "import", text(&pictures), "--out", &data]).says(1, &["which is part of a model"]);
    fs::write(path("short"), "mine").unwrap();
    for (out, name) in [(&own, "own.npz"), (&text(&path("short")).to_owned(), "short")] {
        call(&["data", "show", &own, "--png", out]).says(1, &[&format!("{name} is there, and no PNG")]);
    }
    for _ in 0..2 {
        // Its own it writes again.
        call(&["label", text(&model), "--out", text(&path("labels.csv"))]).says(0, &[]);
        call(&["data", "show", &own, "--png", text(&path("own.png"))]).says(0, &[]);
    }
    // A directory with somebody else's files of these names.
    for name in ["data.csv", "index.html"] {
        let other = path(name).with_extension("");
        fs::create_dir(&other).unwrap();
        fs::write(other.join(name), "mine").unwrap();
        fit(&pictures, &other, &QUICK).says(1, &[&format!("{name} is there, and ")]);
        assert_eq!(fs::read(other.join(name)).unwrap(), b"mine");
    }
    // A pair of files is written together or not at all.
    fs::create_dir(path("folder.npz")).unwrap();
    call(&["data", "import", text(&pictures), "--out", text(&path("folder.npz"))])
        .says(1, &["folder.npz: is no file that could be written"]);
    assert!(!path("folder.csv").exists());
}

#[test]
fn a_csv_of_somebody_else_is_not_written_over() {
    let (folder, pictures) = folder(2);
    let path = |name: &str| folder.path().join(name);
    let (model, own, embedded) = (path("model"), path("own.npz"), path("embedded.npz"));
    fit(&pictures, &model, &QUICK).says(0, &[]);
    let import = ["data", "import", text(&pictures), "--out", text(&own)];
    let embed = ["embed", text(&model), text(&pictures), "--out", text(&embedded)];
    for (given, npz, csv) in [(import, &own, "own.csv"), (embed, &embedded, "embedded.rows.csv")] {
        fs::write(path(csv), "mine").unwrap();
        let expected =
            format!("{csv} is there, and is none that `dml` has written beside an npz; use another --out");
        call(&given).says(1, &[&expected]);
        assert!(fs::read(path(csv)).unwrap() == b"mine" && !npz.exists());
        fs::remove_file(path(csv)).unwrap();
        // Its own it writes again.
        for _ in 0..2 {
            call(&given).says(0, &[]);
        }
    }
    // So it does what an earlier version wrote.
    fs::write(path("embedded.rows.csv"), "row,file,label\n").unwrap();
    call(&embed).says(0, &[]);
    assert!(fs::read_to_string(path("embedded.rows.csv")).unwrap().starts_with("row,file,label,class\n"));
}
