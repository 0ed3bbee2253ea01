//! The CSV beside a data set of pictures: names of files and classes; and corrections of labels.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dml_data::Pictures;
use dml_data::files::is_path;

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
        let own = "row,file,label,class";
        let is_own = |text: String| text.lines().next().is_some_and(|header| header == own);
        let is_there = is_path(npz, "npz") && fs::read_to_string(&csv).is_ok_and(is_own);
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
/// none. Files are sought from the current folder on, and then from that of the CSV.
pub(crate) fn correct(pictures: &mut Pictures, csv: &Path) -> Result<()> {
    let mut names: Vec<Option<String>> = pictures
        .labels
        .iter()
        .map(|&label| usize::try_from(label).ok().map(|place| pictures.classes[place].clone()))
        .collect();
    // However a path is written, and from wherever.
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // A picture may be there under several names.
    let mut of_file: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    for (row, file) in pictures.files.iter().enumerate() {
        of_file.entry(whole(file)).or_default().push(row);
    }
    let folder = csv.parent().unwrap_or(Path::new("."));
    let mut given: BTreeMap<usize, String> = BTreeMap::new();
    for [file, label] in records(csv, ["file", "label"])? {
        let rows = of_file.get(&whole(Path::new(&file))).or_else(|| of_file.get(&whole(&folder.join(&file))));
        let Some(rows) = rows else {
            bail!("{}: corrects {file}, which is none of the pictures", csv.display());
        };
        let label = label.trim();
        if label == "-1" {
            let csv = csv.display();
            bail!("{csv}: gives {file} the label -1; leave the label empty where there is none");
        }
        for &row in rows {
            if let Some(other) = given.insert(row, label.to_owned()).filter(|other| other != label) {
                let csv = csv.display();
                bail!("{csv}: gives {file} two labels, {other:?} and {label:?}; one would be right");
            }
            names[row] = Some(label.to_owned()).filter(|name| !name.is_empty());
        }
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

/// Some columns of a CSV, in their order.
fn records<const N: usize>(csv: &Path, columns: [&str; N]) -> Result<Vec<[String; N]>> {
    let at = || csv.display().to_string();
    let mut list = csv::Reader::from_path(csv).with_context(at)?;
    let header = list.headers().with_context(at)?.clone();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name.trim() == column);
        let why = || format!("{}: has no column {column}", csv.display());
        *place = found.with_context(why)?;
    }
    let of_record = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.with_context(at)?;
        Ok(places.map(|place| record[place].to_owned()))
    };
    list.records().map(of_record).collect()
}
