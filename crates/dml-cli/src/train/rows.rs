//! The CSV beside a data set of pictures: names of files and classes; and corrections of labels.

use std::collections::BTreeMap;
use std::path::Path;

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

    /// Reads what has the header [`COLUMNS`].
    fn read(csv: &Path) -> Result<Self> {
        let at = || csv.display().to_string();
        let mut rows = Self::default();
        let mut files = BTreeMap::new();
        for record in csv::Reader::from_path(csv).with_context(at)?.into_records() {
            let record = record.with_context(at)?;
            let [row, file, label, class] = [0, 1, 2, 3].map(|place| &record[place]);
            let number = |what: &str, text: &str| {
                let why = || format!("{}: the {what} {text:?} is no number", csv.display());
                text.parse::<i64>().with_context(why)
            };
            let label = number("label", label)?;
            files.insert(number("row", row)?, file.to_owned());
            if label >= 0 {
                rows.classes.insert(label, class.to_owned());
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

/// Corrects the labels of pictures. Lines of files that are gone are passed over, and counted,
/// unless all are: then it is the wrong CSV or folder.
pub(crate) fn correct(pictures: &mut Pictures, csv: &Path) -> Result<()> {
    let (n_corrected, gone) = pictures.correct(csv)?;
    if !gone.is_empty() {
        let sentence = format!("{}: corrects {}", csv.display(), not_there(&gone));
        ensure!(n_corrected > 0, sentence);
        eprintln!("note: {sentence}; passed over");
    }
    Ok(())
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
