//! CSVs that give files labels, and the numbers of the classes that these name.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::DataError;

/// Files, each with the name of its class.
pub(crate) type Found = Vec<(PathBuf, Option<String>)>;

/// What a CSV with the columns `file` and `label` says, in its order, of the files that `find`
/// finds by their names; and the names of the others. An empty label is none, and spaces around one
/// are no part of it, but where `classes`, which are sorted, have a name with them.
pub(crate) fn read(
    csv: &Path,
    classes: &[String],
    find: impl Fn(&str) -> Option<PathBuf>,
) -> Result<(Found, Vec<String>), DataError> {
    let wrong = |why: String| DataError::format(csv)(why);
    let unread = |error: csv::Error| wrong(unread(&error));
    let mut list = csv::Reader::from_path(csv).map_err(unread)?;
    let header = list.headers().map_err(unread)?.clone();
    let columns = |name: &str| -> Vec<usize> {
        (0..header.len()).filter(|&place| header[place].trim() == name).collect()
    };
    let ([file], [label]) = (&columns("file")[..], &columns("label")[..]) else {
        let there: Vec<&str> = header.iter().collect();
        let why = "it should have file and label, once each, with a comma between columns";
        return Err(wrong(format!("has the columns {there:?}: {why}")));
    };
    let (mut given, mut found, mut gone) = (HashMap::new(), Found::new(), Vec::new());
    for record in list.records() {
        let record = record.map_err(unread)?;
        let (name, label) = (&record[*file], &record[*label]);
        let is_class = classes.binary_search_by(|class| class.as_str().cmp(label)).is_ok();
        let label = if is_class { label } else { label.trim() };
        if label.contains('\n') && !is_class {
            let line = record.position().map_or(0, csv::Position::line);
            let why = "has a label of several lines; a quotation mark that is not closed would be why";
            return Err(wrong(format!("{why}, from line {line} on")));
        }
        if label == "-1" && !is_class {
            let why = format!("gives {name} the label -1; leave the label empty where there is none");
            return Err(wrong(why));
        }
        let Some(path) = find(name) else {
            gone.push(name.to_owned());
            continue;
        };
        let class = (!label.is_empty()).then(|| label.to_owned());
        match given.insert(whole(&path), class.clone()) {
            Some(other) if other != class => {
                let [one, two] = [other, class].map(|class| class.unwrap_or_else(|| "none".into()));
                return Err(wrong(format!("gives {name} two labels, {one} and {two}; one would be right")));
            }
            _ => found.push((path, class)),
        }
    }
    Ok((found, gone))
}

/// Why a CSV cannot be read.
fn unread(error: &csv::Error) -> String {
    let line = |position: &Option<csv::Position>| position.as_ref().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => format!(
            "line {} has {len} cells where the first has {expected_len}; what has a comma in it needs quotation marks",
            line(pos)
        ),
        csv::ErrorKind::Utf8 { pos, .. } => {
            format!("line {} is not in UTF-8; save the file as UTF-8", line(pos))
        }
        _ => error.to_string(),
    }
}

/// A path however it is written, and from wherever.
pub(crate) fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The place of each row's class among the names of all, -1 where it has none, and these names,
/// sorted; `path` is what is refused where they are too many.
pub(crate) fn numbered(path: &Path, rows: &[Option<&str>]) -> Result<(Vec<i32>, Vec<String>), DataError> {
    let classes: BTreeSet<&str> = rows.iter().copied().flatten().collect();
    if classes.len() > 1 << 16 {
        let n = classes.len();
        return Err(DataError::format(path)(format!("has {n} classes: at most 65536 are possible")));
    }
    let places: HashMap<&str, i32> = classes.iter().copied().zip(0..).collect();
    let labels = rows.iter().map(|class| class.map_or(-1, |class| places[class])).collect();
    Ok((labels, classes.into_iter().map(String::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_classes_are_numbered_as_a_label_of_an_npz_can_name() {
        let names: Vec<String> = (0..=1 << 16).map(|class| format!("{class:05}")).collect();
        let rows: Vec<Option<&str>> = names.iter().rev().map(|name| Some(name.as_str())).collect();
        let path = Path::new("list.csv");
        let (labels, classes) = numbered(path, &rows[1..]).unwrap();
        assert_eq!((labels[0], labels[65_535], classes), (65_535, 0, names[..1 << 16].to_vec()));
        let refused = numbered(path, &rows).unwrap_err().to_string();
        assert_eq!(refused, "list.csv: has 65537 classes: at most 65536 are possible");
        assert_eq!(numbered(path, &[None, Some("b"), Some("a")]).unwrap().0, [-1, 1, 0]);
    }
}
