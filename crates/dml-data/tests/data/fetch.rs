//! Mirrors that break off, lie, or are not there.

use std::{fs, io::Write, path::PathBuf, thread};

use dml_data::{DataError, ImageShape, Manifest, Source, files::sha256};
use tempfile::TempDir;

use crate::server::{Answer, Server};

const NAME: &str = "grey.npz";

fn right() -> Vec<u8> {
    fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/grey.npz")).unwrap()
}

fn wrong() -> Vec<u8> {
    let mut bytes = right();
    bytes[100] ^= 1;
    bytes
}

/// A manifest whose one set has the fixture as its file.
fn manifest(mirrors: &[&str]) -> Manifest {
    let digest = sha256(&right());
    let mirrors: Vec<String> = mirrors.iter().map(|url| format!("{url}{{file}}")).collect();
    Manifest::parse(&format!(
        r#"
        [[dataset]]
        name = "grey"
        title = "a fixture"
        license = "none"
        source = "NumPy"
        format = "medmnist"
        [[dataset.release]]
        name = "first"
        mirrors = {mirrors:?}
        [[dataset.release.file]]
        name = "{NAME}"
        bytes = {}
        sha256 = "{digest}"
        "#,
        right().len()
    ))
    .unwrap()
}

fn source(folder: &TempDir) -> Source {
    Source { folders: Vec::new(), cache: folder.path().join("cache"), offline: false }
}

fn cached(source: &Source) -> PathBuf {
    source.cache.join("grey").join(NAME)
}

fn names_in_cache(source: &Source) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(source.cache.join("grey"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_set_is_fetched_once_and_loaded_with_its_release() {
    let folder = TempDir::new().unwrap();
    let server = Server::start([(NAME, Answer::File(right()))]);
    let (manifest, source) = (manifest(&[&server.url]), source(&folder));
    let dataset = manifest.load("grey", &source, false).unwrap();
    assert_eq!((dataset.name.as_str(), dataset.release.as_deref()), ("grey", Some("first")));
    assert_eq!(dataset.train.labels, [0, 2, 1, 0, 2]);
    assert_eq!(manifest.fetch("grey", &source, false).unwrap().paths, [cached(&source)]);
    assert_eq!(server.requests(), [NAME]);
    assert_eq!(names_in_cache(&source), [".lock", NAME]);
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let folder = TempDir::new().unwrap();
    let server = Server::start([(NAME, Answer::CutAfter(500, right()))]);
    let source = source(&folder);
    manifest(&[&server.url]).fetch("grey", &source, false).unwrap();
    assert_eq!(fs::read(cached(&source)).unwrap(), right());
    assert_eq!(server.requests(), ["grey.npz", "grey.npz bytes=500-", "grey.npz bytes=1000-"]);
}

#[test]
fn a_download_that_was_killed_is_resumed_by_the_next_process() {
    for answer in [Answer::File(right()), Answer::WholeFile(right())] {
        let folder = TempDir::new().unwrap();
        let source = source(&folder);
        fs::create_dir_all(source.cache.join("grey")).unwrap();
        fs::write(source.cache.join("grey/grey.npz.part"), &right()[..700]).unwrap();
        let server = Server::start([(NAME, answer)]);
        manifest(&[&server.url]).fetch("grey", &source, false).unwrap();
        assert_eq!(fs::read(cached(&source)).unwrap(), right());
        assert_eq!(server.requests(), ["grey.npz bytes=700-"]);
    }
}

#[test]
fn what_was_resumed_onto_a_wrong_beginning_is_fetched_again_from_the_start() {
    let folder = TempDir::new().unwrap();
    let source = source(&folder);
    fs::create_dir_all(source.cache.join("grey")).unwrap();
    fs::write(source.cache.join("grey/grey.npz.part"), &wrong()[..700]).unwrap();
    let server = Server::start([(NAME, Answer::File(right()))]);
    manifest(&[&server.url]).fetch("grey", &source, false).unwrap();
    assert_eq!(fs::read(cached(&source)).unwrap(), right());
    assert_eq!(server.requests(), ["grey.npz bytes=700-", "grey.npz"]);
}

#[test]
fn the_next_mirror_is_tried_after_a_wrong_checksum_a_404_and_a_dead_host() {
    let folder = TempDir::new().unwrap();
    let source = source(&folder);
    let lying = Server::start([(NAME, Answer::File(wrong()))]);
    let empty = Server::start([]);
    let good = Server::start([(NAME, Answer::File(right()))]);
    let mirrors = ["http://127.0.0.1:1/", &lying.url, &empty.url, &good.url];
    manifest(&mirrors).fetch("grey", &source, false).unwrap();
    assert_eq!(fs::read(cached(&source)).unwrap(), right());
    assert_eq!((lying.requests().len(), empty.requests().len(), good.requests().len()), (1, 1, 1));
}

#[test]
fn a_set_that_cannot_be_had_is_one_sentence_with_every_reason() {
    let folder = TempDir::new().unwrap();
    let source = source(&folder);
    let lying = Server::start([(NAME, Answer::File(wrong()))]);
    let long = Server::start([(NAME, Answer::File([right(), vec![0; 9]].concat()))]);
    let empty = Server::start([]);
    let error = manifest(&[&lying.url, &long.url, &empty.url]).load("grey", &source, false).unwrap_err();
    assert!(matches!(error, DataError::Unavailable { .. }));
    let sentence = error.to_string();
    assert!(sentence.starts_with("grey cannot be had (127.0.0.1:"), "{sentence}");
    for part in ["wrong checksum: its sha256 is ", "has 1279 bytes instead of 1278", "HTTP 404 Not Found"] {
        assert!(sentence.contains(part), "{sentence} lacks {part}");
    }
    assert!(
        sentence.ends_with("put grey.npz into a folder and set DML_DATASETS to that folder"),
        "{sentence}"
    );
    assert!(!sentence.contains('\n'));
    assert_eq!(names_in_cache(&source), [".lock"]);
}

#[test]
fn a_folder_that_has_the_file_serves_it_unless_it_is_wrong() {
    let folder = TempDir::new().unwrap();
    let server = Server::start([(NAME, Answer::File(right()))]);
    let manifest = manifest(&[&server.url]);
    for place in ["mine", "mine/grey"] {
        let mine = folder.path().join(place);
        fs::create_dir_all(&mine).unwrap();
        fs::write(mine.join(NAME), right()).unwrap();
        let source = Source { folders: vec![folder.path().join("mine")], offline: true, ..source(&folder) };
        assert_eq!(manifest.fetch("grey", &source, false).unwrap().paths, [mine.join(NAME)]);

        fs::write(mine.join(NAME), wrong()).unwrap();
        let sentence = manifest.fetch("grey", &source, false).unwrap_err().to_string();
        assert!(sentence.contains("mine") && sentence.contains("wrong checksum"), "{sentence}");
        fs::remove_file(mine.join(NAME)).unwrap();
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[test]
fn a_file_that_went_bad_in_the_cache_is_replaced() {
    let folder = TempDir::new().unwrap();
    let source = source(&folder);
    fs::create_dir_all(source.cache.join("grey")).unwrap();
    fs::write(cached(&source), wrong()).unwrap();
    let server = Server::start([(NAME, Answer::File(right()))]);
    manifest(&[&server.url]).fetch("grey", &source, false).unwrap();
    assert_eq!(fs::read(cached(&source)).unwrap(), right());
}

#[test]
fn offline_asks_no_one() {
    let folder = TempDir::new().unwrap();
    let server = Server::start([(NAME, Answer::File(right()))]);
    let source = Source { offline: true, ..source(&folder) };
    let sentence = manifest(&[&server.url]).fetch("grey", &source, false).unwrap_err().to_string();
    assert!(sentence.starts_with("grey cannot be had (offline): put grey.npz"), "{sentence}");
    assert_eq!(server.requests(), [""; 0]);
    assert!(!source.cache.exists());
}

#[test]
fn of_several_that_fetch_at_once_one_does_and_all_have_it() {
    let folder = TempDir::new().unwrap();
    let server = Server::start([(NAME, Answer::CutAfter(300, right()))]);
    let (manifest, source) = (manifest(&[&server.url]), source(&folder));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let paths = manifest.fetch("grey", &source, false).unwrap().paths;
                assert_eq!(fs::read(&paths[0]).unwrap(), right());
            });
        }
    });
    assert_eq!(server.requests().len(), 5, "1278 bytes at 300 a connection, once");
}

#[test]
fn an_unknown_name_lists_those_that_are_known() {
    let folder = TempDir::new().unwrap();
    let sentence = dml_data::load("mnits", &source(&folder), false).unwrap_err().to_string();
    assert_eq!(
        sentence,
        "there is no data set `mnits`: known are mnist, fashion_mnist, organamnist, pathmnist, dermamnist, octmnist, pneumoniamnist, retinamnist, breastmnist, bloodmnist, tissuemnist, organcmnist, organsmnist, or give the path of an npz file"
    );
}

#[test]
fn of_two_releases_the_one_that_is_there_is_told() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(NAME), right()).unwrap();
    let source = Source { folders: vec![folder.path().to_owned()], offline: true, ..source(&folder) };
    let mut manifest = manifest(&[]);
    let mut newer = manifest.datasets[0].releases[0].clone();
    newer.name = Some("newer".to_owned());
    newer.files[0].sha256 = Some(sha256(b"something else"));
    manifest.datasets[0].releases.insert(0, newer);
    assert_eq!(manifest.load("grey", &source, false).unwrap().release.as_deref(), Some("first"));
}

/// Three training and two test images of 2 x 2, as (published name, plain bytes).
fn idx_files() -> [(&'static str, Vec<u8>); 4] {
    let images = |n: u8| {
        [&[0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 2, 0, 0, 0, 2], &(0..4 * n).collect::<Vec<u8>>()[..]].concat()
    };
    [
        ("train-images.gz", images(3)),
        ("train-labels.gz", vec![0, 0, 8, 1, 0, 0, 0, 3, 4, 0, 2]),
        ("test-images.gz", images(2)),
        ("test-labels.gz", vec![0, 0, 8, 1, 0, 0, 0, 2, 1, 1]),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_idx_set_loads_from_gzipped_and_unpacked_files_alike() {
    let folder = TempDir::new().unwrap();
    let files = idx_files().map(|(name, bytes)| {
        let (packed, plain) = (sha256(&gzip(&bytes)), sha256(&bytes));
        let n_bytes = bytes.len();
        format!(
            "[[dataset.release.file]]\nname = '{name}'\nsha256 = '{packed}'
            unpacked = {{ bytes = {n_bytes}, sha256 = '{plain}' }}\n"
        )
    });
    let head = "[[dataset]]\nname = 'tiny'\ntitle = ''\nlicense = ''\nsource = ''\nformat = 'idx'\n";
    let text = [head, "[[dataset.release]]\nmirrors = []\n", &files.concat()].concat();
    let manifest = Manifest::parse(&text).unwrap();
    let source = Source { folders: vec![folder.path().to_owned()], offline: true, ..source(&folder) };
    for (number, (name, bytes)) in idx_files().into_iter().enumerate() {
        if number % 2 == 0 {
            fs::write(folder.path().join(name), gzip(&bytes)).unwrap();
        } else {
            fs::write(folder.path().join(name.trim_end_matches(".gz")), bytes).unwrap();
        }
    }
    let set = manifest.load("tiny", &source, false).unwrap();
    assert_eq!(set.shape, ImageShape { channels: 1, height: 2, width: 2 });
    let test = set.test.unwrap();
    assert_eq!((set.train.labels, test.labels, set.classes), (vec![3, 0, 2], vec![1, 1], vec![0, 1, 2, 4]));
    assert_eq!(set.train.images.row(2).to_vec(), [8, 9, 10, 11]);
    assert_eq!(test.images.dim(), (2, 4));
}
