//! Folders and lists of pictures that the tests draw.

use std::fs;
use std::path::{Path, PathBuf};

use dml_data::{ImageShape, PictureOptions, Pictures};
use image::{Rgb, RgbImage, Rgba, RgbaImage};
use tempfile::TempDir;

/// A picture of two halves, the left of one colour and the right of another.
fn halves(left: [u8; 3], right: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(40, 20, |x, _| Rgb(if x < 20 { left } else { right }))
}

const GREY: [u8; 3] = [200; 3];
const BLACK: [u8; 3] = [0; 3];

fn write(folder: &Path, name: &str, picture: &RgbImage) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.save(path).unwrap();
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["left/1.png", "left/2.bmp", "right/1.jpg", "unlabelled/a.webp", "unlabelled/b.gif", "c.tiff"]
    {
        let is_right = name.starts_with("right");
        write(folder.path(), name, &if is_right { halves(BLACK, GREY) } else { halves(GREY, BLACK) });
    }
    fs::write(folder.path().join("left/notes.txt"), "no picture").unwrap();
    fs::write(folder.path().join("left/.hidden.png"), "no picture").unwrap();
    folder
}

/// What is said of the file that is no picture.
fn notes(folder: &Path) -> (PathBuf, String) {
    (folder.join("left"), "holds notes.txt, whose name ends as no picture's".to_owned())
}

fn read(path: &Path, size: u32) -> Pictures {
    Pictures::read(path, &PictureOptions { size, ..PictureOptions::default() }).unwrap()
}

#[test]
fn a_folder_a_class_and_one_without_labels_are_read_in_order() {
    let folder = folder();
    let pictures = read(folder.path(), 4);
    let names: Vec<_> =
        pictures.files.iter().map(|f| f.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        ["left/1.png", "left/2.bmp", "right/1.jpg", "c.tiff", "unlabelled/a.webp", "unlabelled/b.gif"]
    );
    assert_eq!(pictures.classes, ["left", "right"]);
    assert_eq!(pictures.labels, [0, 0, 1, -1, -1, -1]);
    assert_eq!(pictures.shape, ImageShape { channels: 1, height: 4, width: 4 });
    assert_eq!(pictures.left_out, [notes(folder.path())]);
    for (row, &label) in pictures.images.rows().into_iter().zip(&pictures.labels) {
        let (left, right) = if label == 1 { (0, 200) } else { (200, 0) };
        for y in 0..4 {
            // JPEG and GIF are near, not equal.
            assert!(row[y * 4].abs_diff(left) < 6 && row[y * 4 + 3].abs_diff(right) < 6, "{row}");
        }
    }
}

#[test]
fn one_coloured_picture_gives_all_three_channels() {
    let folder = folder();
    write(folder.path(), "right/2.png", &halves([255, 0, 10], BLACK));
    let pictures = read(folder.path(), 4);
    assert_eq!(pictures.shape, ImageShape { channels: 3, height: 4, width: 4 });
    let row = pictures.files.iter().position(|file| file.ends_with("right/2.png")).unwrap();
    // The first row of pixels of each channel; where the colours meet, they mix.
    let ends = |channel: usize| [0, 3].map(|column| pictures.images[[row, channel * 16 + column]]);
    assert_eq!([ends(0), ends(1), ends(2)], [[255, 0], [0, 0], [10, 0]]);
}

#[test]
fn a_cameras_orientation_is_heeded() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a/plain.jpg", &halves(GREY, BLACK));
    let plain = fs::read(folder.path().join("a/plain.jpg")).unwrap();
    // After the start of the image an EXIF segment with one entry: orientation 3, upside down.
    let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0";
    let segment = [&b"\xff\xe1"[..], &(tiff.len() as u16 + 8).to_be_bytes(), b"Exif\0\0", tiff].concat();
    fs::write(folder.path().join("a/turned.jpg"), [&plain[..2], &segment, &plain[2..]].concat()).unwrap();
    let pictures = read(folder.path(), 4);
    let [plain, turned] = [0, 1].map(|row| pictures.images.row(row).to_vec());
    assert!(plain[0] > 190 && plain[3] < 10 && turned[0] < 10 && turned[3] > 190, "{plain:?} {turned:?}");
}

#[test]
fn a_jpeg_that_is_cut_off_is_left_out_by_name_or_refused() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let whole = fs::read(path("right/1.jpg")).unwrap();
    // A thumbnail has an end of its own, in a segment after the start of the image.
    let segment = [&b"\xff\xe1"[..], &(whole.len() as u16 + 2).to_be_bytes(), &whole].concat();
    let with_thumbnail = [&whole[..2], &segment, &whole[2..]].concat();
    fs::write(path("right/2.jpg"), &with_thumbnail).unwrap();
    // As phones do: a film after the picture, in whose bytes a scan seems to start.
    fs::write(path("right/3.jpg"), [&whole[..], b"film \xff\xda film"].concat()).unwrap();
    let cut = [("right/4.jpg", &whole), ("right/5.png", &with_thumbnail)];
    for (name, bytes) in cut {
        fs::write(path(name), &bytes[..bytes.len() - 4]).unwrap();
    }
    let pictures = read(folder.path(), 4);
    assert_eq!(pictures.labels.iter().filter(|&&label| label == 1).count(), 3);
    let why = "is a JPEG without its end, cut off or badly written; a whole copy, or one saved again, would be right";
    let mut expected = vec![notes(folder.path())];
    expected.extend(cut.map(|(name, _)| (path(name), why.to_owned())));
    assert_eq!(pictures.left_out, expected);
    let strict = PictureOptions { strict: true, ..PictureOptions::default() };
    let refused = Pictures::read(folder.path(), &strict).unwrap_err().to_string();
    assert_eq!(refused, format!("{}: {why}", path("right/4.jpg").display()));
}

#[test]
fn a_model_among_the_pictures_is_no_class() {
    let folder = folder();
    for model in ["model", "right/model"].map(|name| folder.path().join(name)) {
        write(&model, "page.png", &halves(GREY, BLACK));
        fs::write(model.join("trial.toml"), "").unwrap();
    }
    let options = PictureOptions { size: 4, strict: true, ..PictureOptions::default() };
    let pictures = Pictures::read(folder.path(), &options).unwrap();
    assert_eq!((pictures.classes.len(), pictures.files.len()), (2, 6));
    let models =
        pictures.left_out.iter().filter(|(path, why)| path.ends_with("model") && why.contains("is a model"));
    assert_eq!(models.count(), 2, "{:?}", pictures.left_out);
}

#[test]
fn a_broken_picture_is_left_out_by_name_or_refused() {
    let folder = folder();
    let broken = folder.path().join("right/broken.png");
    fs::write(&broken, b"\x89PNG\r\n\x1a\nand no more").unwrap();
    let pictures = read(folder.path(), 4);
    assert_eq!(pictures.files.len(), 6);
    assert_eq!(pictures.left_out.len(), 2);
    assert_eq!(pictures.left_out[1].0, broken);
    let strict = PictureOptions { strict: true, ..PictureOptions::default() };
    let refused = Pictures::read(folder.path(), &strict).unwrap_err().to_string();
    assert!(
        refused.starts_with(&format!("{}: cannot be read as a picture: ", broken.display())),
        "{refused}"
    );
}

#[test]
fn a_folder_without_a_picture_is_named_and_is_no_class() {
    let folder = folder();
    let [empty, broken] = ["empty", "broken"].map(|class| folder.path().join(class));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("1.png"), "no picture").unwrap();
    let pictures = read(folder.path(), 4);
    assert_eq!(pictures.classes, ["left", "right"]);
    let folders: Vec<_> = pictures.left_out.iter().filter(|(path, _)| path.is_dir()).cloned().collect();
    let why = "holds no picture, and so is no class".to_owned();
    assert_eq!(folders, [notes(folder.path()), (broken, why.clone()), (empty, why)]);
}

#[test]
fn a_picture_that_says_it_is_huge_is_refused_before_memory_is_taken() {
    let folder = folder();
    let huge = folder.path().join("right/huge.ppm");
    fs::write(&huge, "P6\n60000 60000\n255\n").unwrap();
    let pictures = read(folder.path(), 4);
    let expected = "has 60000 x 60000 pixels, which take more than 512 MiB: shrink it first";
    assert_eq!(pictures.left_out, [notes(folder.path()), (huge, expected.to_owned())]);
}

#[test]
fn a_list_names_files_and_labels() {
    let folder = folder();
    let list = folder.path().join("list.csv");
    fs::write(&list, "label,file\nzebra,left/1.png\n,right/1.jpg\nant,\"left/2.bmp\"\n").unwrap();
    let pictures = read(&list, 4);
    assert_eq!(pictures.classes, ["ant", "zebra"]);
    assert_eq!(pictures.labels, [1, -1, 0]);
    fs::write(&list, "name,label\na,b\n").unwrap();
    let refused = Pictures::read(&list, &PictureOptions::default()).unwrap_err().to_string();
    let expected = r#": has the columns ["name", "label"]: it should have file and label, once each, "#;
    assert!(refused.contains(expected), "{refused}");
}

#[test]
fn a_list_that_contradicts_itself_or_gives_minus_one_is_refused() {
    let folder = folder();
    let list = folder.path().join("list.csv");
    for (rows, expected) in [
        ("c.tiff,cat\nc.tiff,dog\n", "gives c.tiff two labels, cat and dog; one would be right"),
        ("c.tiff,\nc.tiff,dog\n", "gives c.tiff two labels, none and dog; one would be right"),
        ("c.tiff,cat\n./c.tiff,dog\n", "gives ./c.tiff two labels, cat and dog; one would be right"),
        ("c.tiff,-1\n", "gives c.tiff the label -1; leave the label empty where there is none"),
        ("", "lists no picture; a row with the file and label of each would be right"),
    ] {
        fs::write(&list, format!("file,label\n{rows}")).unwrap();
        let refused = Pictures::read(&list, &PictureOptions::default()).unwrap_err().to_string();
        assert_eq!(refused, format!("{}: {expected}", list.display()));
    }
    fs::write(&list, "file,label\nc.tiff,cat\nc.tiff,cat\n").unwrap();
    assert_eq!(read(&list, 4).labels, [0, 0]);
}

#[test]
fn a_list_that_is_no_whole_table_is_refused_by_its_line() {
    let folder = folder();
    let list = folder.path().join("list.csv");
    for (content, expected) in [
        (
            &b"file,label\nc.tiff,dog\nc.tiff,\"dog\nleft/1.png,dog\n"[..],
            "has a label of several lines; a quotation mark that is not closed would be why, from line 3 on",
        ),
        (
            b"file,label\nc,d.tiff,dog\n",
            "line 2 has 3 cells where the first has 2; what has a comma in it needs quotation marks",
        ),
        (b"file,label\nc.tiff,d\xf6g\n", "line 2 is not in UTF-8; save the file as UTF-8"),
        (
            b"file,label,label\nc.tiff,cat,dog\n",
            "has the columns [\"file\", \"label\", \"label\"]: it should have file and label, once each, with a comma between columns",
        ),
    ] {
        fs::write(&list, content).unwrap();
        let refused = Pictures::read(&list, &PictureOptions::default()).unwrap_err().to_string();
        assert_eq!(refused, format!("{}: {expected}", list.display()));
    }
}

#[test]
fn a_name_that_is_not_utf_8_is_named_and_left_out_or_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    let odd = folder.path().join(OsStr::from_bytes(b"le\xe9t"));
    write(&odd, "1.png", &halves(GREY, BLACK));
    let pictures = read(folder.path(), 4);
    assert_eq!(pictures.classes, ["left", "right"]);
    let why = "has a name that is not in UTF-8, as no list could hold; rename it";
    assert!(pictures.left_out.contains(&(odd.clone(), why.to_owned())), "{:?}", pictures.left_out);
    let strict = PictureOptions { strict: true, ..PictureOptions::default() };
    let refused = Pictures::read(folder.path(), &strict).unwrap_err().to_string();
    assert_eq!(refused, format!("{}: {why}", odd.display()));
}

#[test]
fn corrections_take_the_place_of_labels() {
    let folder = folder();
    let mut pictures = read(folder.path(), 4);
    let csv = folder.path().join("corrections.csv");
    let mut correct = |rows: &str| {
        fs::write(&csv, format!("label,file\n{rows}")).unwrap();
        let told = pictures.correct(&csv).map_err(|error| error.to_string());
        (told, pictures.labels.clone(), pictures.classes.join(" "))
    };
    let (told, labels, classes) = correct(" new,c.tiff\n,left/1.png\n,./left/1.png\nleft,gone.png\n");
    assert_eq!(told, Ok((2, vec!["gone.png".to_owned()])));
    assert_eq!((&*labels, &*classes), (&[-1, 0, 2, 1, -1, -1][..], "left new right"));
    for (rows, expected) in [
        ("cat,c.tiff\ndog,./c.tiff\n", "gives ./c.tiff two labels, cat and dog; one would be right"),
        (",c.tiff\ndog,c.tiff\n", "gives c.tiff two labels, none and dog; one would be right"),
        ("-1,gone.png\n", "gives gone.png the label -1; leave the label empty where there is none"),
    ] {
        let expected = format!("{}: {expected}", csv.display());
        assert_eq!(correct(rows), (Err(expected), labels.clone(), classes.clone()));
    }
}

#[test]
fn what_is_not_looked_at_is_named() {
    let folder = folder();
    let [inner, socket, empty] =
        ["left/more", "right/socket.png", "none"].map(|name| folder.path().join(name));
    write(&inner, "3.png", &halves(GREY, BLACK));
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    fs::write(folder.path().join("unlabelled/x.heic"), "no picture").unwrap();
    fs::write(folder.path().join("unlabelled/y"), "no picture").unwrap();
    fs::create_dir(&empty).unwrap();
    let options = PictureOptions { size: 4, unlabelled: "none/".into(), ..PictureOptions::default() };
    let pictures = Pictures::read(folder.path(), &options).unwrap();
    assert_eq!(pictures.classes, ["left", "right", "unlabelled"]);
    let told = |path: &Path, why: &str| (path.to_owned(), why.to_owned());
    let expected = [
        notes(folder.path()),
        told(&inner, "lies in another folder, and is not looked into"),
        told(&folder.path().join("unlabelled"), "holds x.heic and 1 more, whose name ends as no picture's"),
        told(&socket, "is no file"),
        told(&empty, "holds no picture"),
    ];
    assert_eq!(pictures.left_out, expected);
    let strict = PictureOptions { strict: true, ..PictureOptions::default() };
    let refused = Pictures::read(folder.path(), &strict).unwrap_err().to_string();
    assert_eq!(refused, format!("{}: lies in another folder, and is not looked into", inner.display()));
}

#[test]
fn what_is_transparent_lies_on_white() {
    let folder = tempfile::tempdir().unwrap();
    // Black ink: none at the left, half of it in the middle, all at the right.
    let ink = RgbaImage::from_fn(3, 3, |x, _| Rgba([0, 0, 0, [0, 128, 255][x as usize]]));
    ink.save(folder.path().join("ink.png")).unwrap();
    let pictures = read(folder.path(), 3);
    assert_eq!(pictures.images.row(0).to_vec(), [255, 127, 0].repeat(3));
}

#[test]
fn what_is_no_folder_of_pictures_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |options: PictureOptions| Pictures::read(folder.path(), &options).unwrap_err().to_string();
    let empty = refused(PictureOptions::default());
    let expected = "has no picture: it should hold a folder of pictures for each class";
    assert_eq!(empty, format!("{}: {expected}", folder.path().display()));
    let size = refused(PictureOptions { size: 0, ..PictureOptions::default() });
    assert_eq!(size, "a size of 0 pixels is out of range; it must be 1 to 128");
    let channels = refused(PictureOptions { channels: Some(4), ..PictureOptions::default() });
    assert_eq!(channels, "4 channels are out of range; 1 is grey, 3 are red, green and blue");
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::write(folder.path().join("a/1.png"), "").unwrap();
    let broken = refused(PictureOptions::default());
    assert!(broken.contains("has no picture that can be read; ") && broken.contains("a/1.png"), "{broken}");
}
