//! The CSV beside a data set of pictures: names of files and classes; and corrections of labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use dml_data::Pictures;
use dml_data::files::is_path;

use crate::pictures::{COLUMNS, header};

/// What the CSV beside a data set says.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The file of each row.
    pub(crate) files: Vec<String>,
    /// The name of each class.
    pub(crate) classes: BTreeMap<i64, String>,
}

impl Rows {
    /// What stands beside the npz of this path; `None` where there is no such CSV, or somebody
    /// else's.
    pub(crate) fn beside(npz: &str) -> Result<Option<Self>> {
        let csv = Path::new(npz).with_extension("csv");
        let is_there = is_path(npz, "npz") && header(&csv).as_deref() == Some(COLUMNS);
        if is_there { Self::read(&csv).map(Some) } else { Ok(None) }
    }

    /// Reads what `pictures::write` wrote.
    pub(crate) fn read(csv: &Path) -> Result<Self> {
        let mut rows = Self::default();
        let mut files = BTreeMap::new();
        for [row, file, label, class] in records(csv, ["row", "file", "label", "class"])? {
            let number = |what: &str, text: &str| {
                let why = || format!("{}: the {what} {text:?} is no number", csv.display());
                text.parse::<i64>().with_context(why)
            };
            let label = number("label", &label)?;
            files.insert(number("row", &row)?, file);
            if label >= 0 {
                rows.classes.insert(label, class);
            }
        }
        // In whatever order somebody has sorted them.
        if let Some(missing) = (0..).zip(files.keys()).find_map(|(row, &found)| (row != found).then_some(row))
        {
            bail!("{}: has no row {missing}; each row from 0 on must be there once", csv.display());
        }
        rows.files = files.into_values().collect();
        Ok(rows)
    }
}

/// Gives pictures the labels that a CSV with the columns `file` and `label` says; an empty one is
/// none. Files are sought from the current folder on, and then from that of the CSV. Lines of files
/// that are gone are passed over, and counted, unless all are: then it is the wrong CSV or folder.
pub(crate) fn correct(pictures: &mut Pictures, csv: &Path) -> Result<()> {
    let told = csv.display();
    let mut names: Vec<Option<String>> = pictures
        .labels
        .iter()
        .map(|&label| usize::try_from(label).ok().map(|place| pictures.classes[place].clone()))
        .collect();
    // A picture may be there under several names.
    let mut of_file: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    for (row, file) in pictures.files.iter().enumerate() {
        of_file.entry(whole(file)).or_default().push(row);
    }
    let folder = csv.parent().unwrap_or(Path::new("."));
    let mut given: BTreeMap<usize, String> = BTreeMap::new();
    let mut gone = Vec::new();
    for [file, label] in records(csv, ["file", "label"])? {
        // A folder's name may end in a space.
        let is_class = pictures.classes.binary_search(&label).is_ok();
        let label = if is_class { label } else { label.trim().to_owned() };
        if label == "-1" {
            bail!("{told}: gives {file} the label -1; leave the label empty where there is none");
        }
        let rows = of_file.get(&whole(Path::new(&file))).or_else(|| of_file.get(&whole(&folder.join(&file))));
        let Some(rows) = rows else {
            gone.push(file);
            continue;
        };
        for &row in rows {
            if let Some(other) = given.insert(row, label.clone()).filter(|other| *other != label) {
                bail!("{told}: gives {file} two labels, {other:?} and {label:?}; one would be right");
            }
            names[row] = Some(label.clone()).filter(|name| !name.is_empty());
        }
    }
    if !gone.is_empty() {
        let sentence = format!("{told}: corrects {}", not_there(&gone));
        ensure!(!given.is_empty(), sentence);
        eprintln!("note: {sentence}; passed over");
    }
    let mut classes: Vec<String> = names.iter().flatten().cloned().collect();
    classes.sort();
    classes.dedup();
    let place = |name: &Option<String>| {
        name.as_ref().map_or(-1, |name| classes.binary_search(name).expect("it is one of them") as i32)
    };
    pictures.labels = names.iter().map(place).collect();
    pictures.classes = classes;
    Ok(())
}

/// However a path is written, and from wherever.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Which files are none of the pictures, of many the first three.
fn not_there(files: &[String]) -> String {
    let first = files[..files.len().min(3)].join(", ");
    match files.len() {
        1 => format!("{first}, which is none of the pictures"),
        2 | 3 => format!("{first}, which are none of the pictures"),
        n => format!("{first} and {} more, {n} files that are none of the pictures", n - 3),
    }
}

/// Some columns of a CSV, in their order.
fn records<const N: usize>(csv: &Path, columns: [&str; N]) -> Result<Vec<[String; N]>> {
    let at = || csv.display().to_string();
    let mut list = csv::Reader::from_path(csv).with_context(at)?;
    let header = list.headers().with_context(at)?.clone();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name.trim() == column);
        *place = found.with_context(|| {
            let there: Vec<&str> = header.iter().collect();
            format!("{}: has the columns {there:?}: it should have {}", csv.display(), columns.join(", "))
        })?;
    }
    let of_record = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.with_context(at)?;
        Ok(places.map(|place| record[place].to_owned()))
    };
    list.records().map(of_record).collect()
}
