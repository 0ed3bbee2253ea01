//! What a model is trained on: pictures, which become a data set in its directory, or a data set.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use dml_data::files::is_path;
use dml_data::{Pictures, Source, Split, first_equals, idx};
use dml_store::names;

use super::recipe::Recipe;
use super::{FitArguments, check_recipe};
use crate::pictures::DATA;
use crate::train::images::{is_csv, is_pictures, refuse_missing};
use crate::train::rows::{self, Rows};
use crate::{WrongCall, is_npz, pictures};

/// Makes a data set of pictures, in the model's directory; the name that its trial has for the
/// data.
pub(super) fn bring(arguments: &FitArguments, recipe: &Recipe) -> Result<String> {
    let (data, out) = (&arguments.data(), &arguments.out);
    let begun = out.join(names::TRIAL).exists();
    let page = out.join("index.html");
    ensure!(
        begun || !page.exists(),
        "{} is there, and no page of a model; use another --out",
        page.display()
    );
    if is_pictures(data) {
        return of_pictures(arguments, recipe, data, begun);
    }
    refuse_missing(data)?;
    if arguments.how.images.is_some() {
        let sentence =
            format!("--images is for an idx file, and {data} is a data set; name it without --images");
        return Err(WrongCall(sentence).into());
    }
    let corrections = (!arguments.corrections.is_empty()).then_some("--corrections");
    if let Some(option) = corrections.or(arguments.how.of_pictures()) {
        let sentence = format!("{option} is for pictures, and {data} is a data set; leave it out");
        return Err(WrongCall(sentence).into());
    }
    let absolute = || Ok(Path::new(data).canonicalize().with_context(|| data.clone())?.display().to_string());
    if is_path(data, "npz") { absolute() } else { Ok(data.clone()) }
}

fn of_pictures(arguments: &FitArguments, recipe: &Recipe, data: &str, begun: bool) -> Result<String> {
    let mut read = arguments.how.read(Path::new(data))?;
    for corrections in &arguments.corrections {
        rows::correct(&mut read, corrections)?;
    }
    tell(&read);
    check_labels(&read.labels, data)?;
    check_recipe(recipe, &arguments.set, read.labels.len())?;
    let out = &arguments.out;
    let npz = out.join(DATA);
    let csv = npz.with_extension("csv");
    refuse_among_pictures(out, Path::new(data), &read)?;
    pictures::refuse_own_list(Path::new(data), &npz)?;
    if begun {
        ensure!(
            is_same(&read, &npz)?,
            "{} was begun with other pictures, labels or another --size than {data} gives now; use another --out, or delete it",
            out.display()
        );
        // Files and classes may be called otherwise since, or somebody has changed the CSV.
        pictures::write_rows(&read, &csv)?;
    } else {
        // What an interrupted call has left, if anything, is of these pictures.
        let is_ours = if npz.exists() {
            is_same(&read, &npz).unwrap_or(false)
        } else {
            !csv.exists() || Rows::beside(&npz.display().to_string())?.is_some()
        };
        ensure!(is_ours, "{} is there, and of no model of these pictures; use another --out", csv.display());
        make(out)?;
        pictures::write(&read, None, &npz)?;
    }
    Ok(DATA.into())
}

/// Refuses a model in a folder that holds classes or their pictures: its own would be among them.
fn refuse_among_pictures(out: &Path, data: &Path, read: &Pictures) -> Result<(), WrongCall> {
    let Ok(place) = out.canonicalize() else { return Ok(()) };
    let is_out = |folder: &Path| folder.canonicalize().is_ok_and(|folder| folder == place);
    let of_files: BTreeSet<&Path> = read.files.iter().filter_map(|file| file.parent()).collect();
    if data.is_dir() && (is_out(data) || of_files.into_iter().any(is_out)) {
        let out = out.display();
        let sentence = format!("--out {out} is a folder of the pictures; a folder of its own would be right");
        return Err(WrongCall(sentence));
    }
    Ok(())
}

/// Makes the model's directory, once there is something to put there.
pub(super) fn make(out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| out.display().to_string())
}

/// Says which classes were found, so that a folder which is none is seen at once.
fn tell(read: &Pictures) {
    const MOST: usize = 12;
    let count = |label: i32| read.labels.iter().filter(|&&other| other == label).count();
    let of_class = |(label, name): (i32, &String)| format!("{} {name}", count(label));
    if read.classes.is_empty() {
        eprintln!("{} images, none with a label", read.labels.len());
        return;
    }
    let mut told: Vec<String> = (0..).zip(&read.classes).take(MOST).map(of_class).collect();
    if let Some(more) = read.classes.len().checked_sub(MOST).filter(|&more| more > 0) {
        told.push(format!("{more} more classes"));
    }
    eprintln!("{} images: {}; {} without a label", read.labels.len(), told.join(", "), count(-1));
}

/// Says that images are there more than once, and which of these under two classes.
pub(super) fn tell_copies(train: &Split, npz: &str) -> Result<()> {
    let mut copies: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, first) in first_equals(&train.images).into_iter().enumerate() {
        copies.entry(first).or_default().push(row);
    }
    copies.retain(|_, rows| rows.len() > 1);
    if copies.is_empty() {
        return Ok(());
    }
    // Two rows of other classes.
    let contradiction = |rows: &Vec<usize>| {
        let one = rows.iter().copied().find(|&row| train.labels[row] >= 0)?;
        let differs = |&row: &usize| train.labels[row] >= 0 && train.labels[row] != train.labels[one];
        Some([one, rows.iter().copied().find(differs)?])
    };
    let under_two: Vec<[usize; 2]> = copies.values().filter_map(contradiction).collect();
    let files = Rows::beside(npz)?.map(|rows| rows.files).unwrap_or_default();
    let name = |row: usize| files.get(row).cloned().unwrap_or_else(|| format!("row {row}"));
    let told = match under_two.first() {
        None => "none of them under two classes".to_owned(),
        Some(&[one, two]) => {
            format!("{} of them under two classes, as {} and {}", under_two.len(), name(one), name(two))
        }
    };
    eprintln!("note: images that are there more than once: {}, {told}", copies.len());
    Ok(())
}

fn is_same(read: &Pictures, npz: &Path) -> Result<bool> {
    let before = dml_data::load(&npz.display().to_string(), &Source::from_env(true)?, false)?;
    Ok(before.train.images == read.images && before.train.labels == read.labels)
}

/// Refuses fewer than two classes.
pub(super) fn check_labels(labels: &[i32], data: &str) -> Result<()> {
    let mut classes = labels.to_vec();
    classes.retain(|&label| label >= 0);
    let n = classes.len();
    classes.sort_unstable();
    classes.dedup();
    let path = Path::new(data);
    match classes.len() {
        0 if idx::is_idx(path) => bail!(
            "{data} has no labelled image; an idx file of labels of which some are 0 or more, --labels FILE, would be right"
        ),
        0 if is_csv(path) => {
            bail!(
                "{data} has no labelled image; give some images of each class the class's name as their label"
            )
        }
        0 if is_npz(path) => {
            bail!("{data} has no labelled image; train_labels of 0 or more would be labels")
        }
        0 => bail!(
            "{data} has no labelled image; put some pictures of each class into a folder with its name, beside the others"
        ),
        1 => bail!(
            "all {n} labelled images of {data} are of one class; there must be two at least to tell apart"
        ),
        _ => Ok(()),
    }
}
