//! What is scored: the embeddings and labels of npz files, checked.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use anyhow::{Result, bail};
use dml_data::DataError;
use dml_data::npy::{Numbers, compact};
use dml_data::npz::Npz;
use dml_eval::{Narrowed, Protocol, narrow};
use ndarray::{Array2, ArrayView1, ArrayView2};

/// What files of embeddings hold, with labels renumbered from 0 over both splits.
pub(super) struct Embeddings {
    /// No rows where there are none, or no read-out is asked for.
    pub(super) train: Array2<f32>,
    pub(super) train_labels: Vec<u32>,
    pub(super) test: Array2<f32>,
    pub(super) test_labels: Vec<u32>,
    /// The training rows whose labels a model saw.
    pub(super) labelled: Vec<usize>,
    /// Classes of the test split.
    pub(super) n_classes: usize,
    /// What read-outs can be fitted on.
    pub(super) protocols: Vec<Protocol>,
    /// What somebody who reads the scores should know.
    pub(super) notes: Vec<String>,
}

/// A split as it stands in a file.
struct Split {
    /// What its embeddings are called.
    name: String,
    embeddings: Numbers,
    labels: Vec<i64>,
    /// Its rows in the file, and how many the file has: of a split that stands alone only those
    /// with a label.
    rows: Vec<usize>,
    n_rows: usize,
    /// Whether its arrays are called `embeddings` and `labels`, as `dml embed` calls them.
    stands_alone: bool,
}

impl Embeddings {
    /// Reads the test split, and the training split where it is needed and there is one.
    pub(super) fn read(file: &Path, of_train: Option<&Path>, for_readouts: bool) -> Result<Self> {
        let mut notes = Vec::new();
        let least = if for_readouts { (3, "test_folds need") } else { (1, "a score needs") };
        let mut npz = Npz::open(file)?;
        let test = named(file, read_split(&mut npz, "test", least, for_readouts && of_train.is_none()))?;
        notes.extend(left_out(file, &test));
        let (mut train, mut labelled, mut protocols) = (None, None, Vec::new());
        if for_readouts && of_train.is_none() && test.stands_alone {
            notes.push(alone(&npz));
            protocols = vec![Protocol::TestFolds];
        } else if for_readouts {
            let path = of_train.unwrap_or(file);
            if let Some(path) = of_train {
                notes.extend(unused(file, &npz, &[&test]));
                npz = Npz::open(path)?;
            }
            let split = named(path, read_split(&mut npz, "train", (1, "a read-out needs"), false))?;
            let of_file = if of_train.is_some() { vec![&split] } else { vec![&test, &split] };
            notes.extend(unused(path, &npz, &of_file));
            notes.extend(left_out(path, &split));
            named(path, same_width(&split, &test, of_train.map(|_| file)))?;
            labelled = named(path, read_mask(&mut npz, &split))?;
            train = Some(split);
            protocols = vec![Protocol::Train, Protocol::TestFolds];
            protocols.extend(labelled.as_ref().map(|_| Protocol::Labelled));
        }
        let (train, train_labels) = match train {
            Some(split) => (split.embeddings, split.labels),
            None => (Numbers::F32(Array2::zeros((0, test.embeddings.dim().1))), Vec::new()),
        };
        let narrowed = in_f32(train, test.embeddings)?;
        notes.extend(rounded(&narrowed));
        notes.extend(shared(narrowed.train.view(), narrowed.test.view()));
        let n_train = train_labels.len();
        let n_classes = compact(&test.labels).1.len();
        let (mut train_labels, _) = compact(&[train_labels, test.labels].concat());
        let test_labels = train_labels.split_off(n_train);
        let Narrowed { train, test, .. } = narrowed;
        let labelled = labelled.unwrap_or_default();
        Ok(Self { train, train_labels, test, test_labels, labelled, n_classes, protocols, notes })
    }
}

/// Says what read-outs of a file with one split are fitted on.
fn alone(npz: &Npz) -> String {
    let sentence = if npz.has("train_embeddings") {
        "its train_embeddings are not used: embeddings and labels are one split, and read-outs are fitted on folds of it; name these \
         test_embeddings and test_labels to fit on the others"
    } else {
        "it has one split, so read-outs are fitted on folds of it alone; --train FILE adds those that are fitted on other rows"
    };
    sentence.to_owned()
}

/// Says which embeddings of a file are not looked at, where read-outs are asked for.
fn unused(path: &Path, npz: &Npz, used: &[&Split]) -> Option<String> {
    let is_used = |name: &str| used.iter().any(|split| split.name == name);
    let all = ["embeddings", "test_embeddings", "train_embeddings"];
    let others: Vec<&str> = all.into_iter().filter(|name| npz.has(name) && !is_used(name)).collect();
    let used: Vec<&str> = used.iter().map(|split| split.name.as_str()).collect();
    let (others, used) = (others.join(" and "), used.join(" and "));
    (!others.is_empty()).then(|| format!("{others} of {} are not used; its {used} are", path.display()))
}

/// Refuses splits of two dimensions; the test split may lie in another file than the training
/// split.
fn same_width(train: &Split, test: &Split, of_test: Option<&Path>) -> Result<()> {
    let (d_train, d) = (train.embeddings.dim().1, test.embeddings.dim().1);
    let of_test = of_test.map_or(String::new(), |file| format!(" of {}", file.display()));
    if d_train != d {
        bail!("{} have {d_train} dimensions and {}{of_test} {d}; both need the same", train.name, test.name);
    }
    Ok(())
}

/// Says what rounding to f32 did.
fn rounded(narrowed: &Narrowed) -> Vec<String> {
    let mut notes = Vec::new();
    if narrowed.is_centred {
        notes.push(
            "it lies far from 0 for f32, so each column's mean over both splits is subtracted; that changes no distance, and of the scores \
             only those of mlp depend on it"
                .to_owned(),
        );
    }
    let (n_blurred, n) = (narrowed.n_blurred, narrowed.n_looked_at);
    if n_blurred > 0 {
        notes.push(format!(
            "scores are computed in f32, to which rounding moves {n_blurred} of {n} test rows looked at by more than a tenth of the way to \
             their nearest row, so they may have other neighbours than in f64; rows of the order of 1 are rounded by less"
        ));
    }
    notes
}

/// Says how many test rows a read-out of training rows has seen.
fn shared(train: ArrayView2<f32>, test: ArrayView2<f32>) -> Option<String> {
    let hash = |row: ArrayView1<f32>| {
        let mut hasher = DefaultHasher::new();
        row.iter().for_each(|value| hasher.write_u32(value.to_bits()));
        hasher.finish()
    };
    let seen: HashSet<u64> = train.rows().into_iter().map(hash).collect();
    let n = test.rows().into_iter().filter(|row| seen.contains(&hash(*row))).count();
    let (all, why) =
        (test.nrows(), "where they are of the same images, scores by it are those of images seen");
    (n > 0).then(|| format!("{n} of {all} test rows equal a training row; {why}"))
}

/// Says which rows of a file are not scored.
fn left_out(path: &Path, split: &Split) -> Option<String> {
    let n = split.n_rows - split.rows.len();
    (n > 0)
        .then(|| format!("{n} of {} rows of {} have no label and are left out", split.n_rows, path.display()))
}

/// Names the file in what went wrong with it.
fn named<T>(path: &Path, result: Result<T>) -> Result<T> {
    result.map_err(
        |error| {
            if error.is::<DataError>() { error } else { error.context(path.display().to_string()) }
        },
    )
}

/// Both splits in f32, as they are where it holds them exactly.
fn in_f32(train: Numbers, test: Numbers) -> Result<Narrowed> {
    Ok(match (train, test) {
        (Numbers::F32(train), Numbers::F32(test)) => {
            Narrowed { train, test, is_centred: false, n_blurred: 0, n_looked_at: 0 }
        }
        (train, test) => narrow(train.into_f64().view(), test.into_f64().view())?,
    })
}

/// The arrays of a split, at least as many rows as somebody needs.
fn read_split(
    npz: &mut Npz,
    name: &str,
    (least, who_needs): (usize, &str),
    needs_train: bool,
) -> Result<Split> {
    let arrays = |split: &str| ["embeddings", "labels"].map(|kind| format!("{split}_{kind}"));
    let alone = ["embeddings", "labels"].map(str::to_owned);
    let of_split = arrays(name);
    let stands_alone = !of_split.iter().any(|name| npz.has(name)) && alone.iter().all(|name| npz.has(name));
    let names = if stands_alone { alone } else { of_split };
    let of_train = if needs_train && !stands_alone { arrays("train").to_vec() } else { Vec::new() };
    let missing: Vec<&str> =
        of_train.iter().chain(&names).filter(|name| !npz.has(name)).map(String::as_str).collect();
    if !missing.is_empty() {
        bail!(
            "has no array {}: it has {}; expected are test_embeddings and test_labels, for read-outs train_embeddings and train_labels, and if \
             you like labelled, or else the embeddings and labels of one split",
            missing.join(" and "),
            npz.names().join(", "),
        );
    }
    let [of_embeddings, of_labels] = &names;
    let (embeddings, labels) = (npz.read_numbers(of_embeddings)?, npz.read_labels(of_labels)?);
    let ((n, d), n_labels) = (embeddings.dim(), labels.len());
    if d == 0 {
        bail!("{of_embeddings} have no dimensions; they need at least one");
    }
    if n != n_labels {
        bail!("{of_embeddings} have {n} rows and {of_labels} {n_labels}; there must be one label a row");
    }
    // What `dml embed` writes may have rows without a label, which cannot be scored.
    let rows: Vec<usize> = (0..n).filter(|&row| !stands_alone || labels[row] != -1).collect();
    if rows.len() < least {
        let with_a_label = if rows.len() < n { " with a label" } else { "" };
        bail!("{of_embeddings} have {} rows{with_a_label}, and {who_needs} at least {least}", rows.len());
    }
    if let Some(&row) = rows.iter().find(|&&row| labels[row] < 0) {
        let label = labels[row];
        bail!(
            "{of_labels} has {label} in row {row}, and labels are 0 or more: a row without a label cannot be scored; a row whose label the \
             model did not see keeps its label and is false in `labelled`, an array of 0 and 1 over the training rows"
        );
    }
    let labels = rows.iter().map(|&row| labels[row]).collect();
    let embeddings = if rows.len() < n { embeddings.select(&rows) } else { embeddings };
    Ok(Split { name: of_embeddings.clone(), embeddings, labels, rows, n_rows: n, stands_alone })
}

/// The training rows that `labelled` marks, where it is there. That of a split which stands alone
/// may mark none.
fn read_mask(npz: &mut Npz, train: &Split) -> Result<Option<Vec<usize>>> {
    if !npz.has("labelled") {
        return Ok(None);
    }
    let (mask, n) = (npz.read_mask("labelled")?, train.n_rows);
    let wanted =
        format!("a mask of {n} booleans is wanted, one a training row, and true where its label was seen");
    if mask.len() != n {
        bail!("labelled has {} values and the training set {n} rows; {wanted}", mask.len());
    }
    let rows: Vec<usize> = (0..train.rows.len()).filter(|&place| mask[train.rows[place]]).collect();
    if rows.is_empty() && train.stands_alone {
        return Ok(None);
    }
    if rows.is_empty() {
        bail!("labelled is false everywhere; {wanted}");
    }
    Ok(Some(rows))
}
