//! `dml score` and `dml agreement`: scores of embeddings and labels that come from anywhere.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use dml_data::DataError;
use dml_data::npy::{compact, read_labels};
use dml_data::npz::Npz;
use dml_eval::{Embedded, EvalError, Evaluation, Protocol, Readout, agreement};
use ndarray::Array2;
use serde_json::{Map, Value, json};

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    /// An npz with `train_embeddings` (n, d), `train_labels` (n), `test_embeddings` (m, d) and `test_labels` (m); any float and integer
    /// types. Labels are 0 or more: -1 for "none" is refused. A boolean `labelled` (n), true for the training rows whose label a model saw,
    /// adds scores of read-outs fitted on those rows alone
    file: PathBuf,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Do only these, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(parts()), value_name = "PARTS")]
    only: Vec<String>,
    /// Draws folds, trees, initial weights and centroids
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

/// What can be asked for.
fn parts() -> impl Iterator<Item = &'static str> {
    Readout::ALL.map(Readout::name).into_iter().chain(["clustering", "retrieval"])
}

#[derive(Debug, Args)]
pub(crate) struct AgreementArguments {
    /// Labels (npy, any integer type)
    truth: PathBuf,
    /// What was predicted for them; clusters may have any numbers
    predicted: PathBuf,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What a file of embeddings holds, with labels renumbered from 0 over both splits.
struct Embeddings {
    /// No rows where no read-out is asked for.
    train: Array2<f32>,
    train_labels: Vec<u32>,
    test: Array2<f32>,
    test_labels: Vec<u32>,
    labelled: Option<Vec<usize>>,
    n_classes: usize,
}

pub(crate) fn score(arguments: &ScoreArguments) -> Result<ExitCode> {
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    let scores = scores(arguments).map_err(|error| {
        let names_the_file = error.is::<DataError>();
        if names_the_file { error } else { error.context(arguments.file.display().to_string()) }
    })?;
    print(&scores, arguments.json)?;
    Ok(ExitCode::SUCCESS)
}

fn scores(arguments: &ScoreArguments) -> Result<Value> {
    let asked = |part: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == part);
    let readouts: Vec<Readout> = Readout::ALL.into_iter().filter(|readout| asked(readout.name())).collect();
    let data = read(&arguments.file, !readouts.is_empty())?;
    let evaluation = Evaluation {
        train: Embedded { embeddings: data.train.view(), labels: &data.train_labels },
        labelled: data.labelled.as_deref().unwrap_or_default(),
        test: Embedded { embeddings: data.test.view(), labels: &data.test_labels },
        seed: arguments.seed,
    };
    let mut flat = dml_eval::Scores::new();
    // First, because what it refuses it refuses at once.
    if asked("retrieval") {
        flat.extend(evaluation.retrieval().map_err(|error| {
            let others: Vec<&str> = parts().filter(|&part| asked(part) && part != "retrieval").collect();
            match error {
                EvalError::NoPair { .. } if !others.is_empty() => {
                    anyhow!("{error}; --only {} leaves it out", others.join(","))
                }
                error => error.into(),
            }
        })?);
    }
    if !readouts.is_empty() {
        flat.extend(evaluation.readouts(Protocol::Train, &readouts)?);
        flat.extend(evaluation.readouts(Protocol::TestFolds, &readouts)?);
        if data.labelled.is_some() {
            flat.extend(evaluation.readouts(Protocol::Labelled, &readouts)?);
        }
    }
    if asked("clustering") {
        flat.extend(evaluation.clustering()?);
    }
    let mut object = json!({"n_test": data.test_labels.len(), "n_classes": data.n_classes});
    if !readouts.is_empty() {
        object["n_train"] = json!(data.train_labels.len());
    }
    for (name, value) in flat {
        // What is fitted on the whole training set is what others call the read-out.
        let name = name.strip_prefix("train.").map_or(name.clone(), |rest| format!("readout.{rest}"));
        insert(&mut object, &name, value);
    }
    Ok(object)
}

fn insert(object: &mut Value, dotted: &str, value: f64) {
    let place = dotted.split('.').fold(object, |object, key| &mut object[key]);
    *place = json!(value);
}

/// Reads the test split, and the training split where it is needed.
fn read(path: &Path, for_readouts: bool) -> Result<Embeddings> {
    let mut npz = Npz::open(path)?;
    let [of_train, of_test] =
        ["train", "test"].map(|split| ["embeddings", "labels"].map(|kind| format!("{split}_{kind}")));
    let wanted = of_train.iter().filter(|_| for_readouts).chain(&of_test);
    let missing: Vec<&str> = wanted.filter(|name| !npz.has(name)).map(String::as_str).collect();
    if !missing.is_empty() {
        bail!(
            "has no array {}: it has {}; expected are {}, for read-outs {}, and if you like labelled",
            missing.join(" and "),
            npz.names().join(", "),
            of_test.join(" and "),
            of_train.join(" and "),
        );
    }
    let least = if for_readouts { (3, "test_folds need") } else { (1, "a score needs") };
    let (test, test_labels) = read_split(&mut npz, &of_test, least)?;
    let d = test.ncols();
    let (mut train, mut train_labels, mut labelled) = (Array2::zeros((0, d)), Vec::new(), None);
    if for_readouts {
        (train, train_labels) = read_split(&mut npz, &of_train, (1, "a read-out needs"))?;
        if train.ncols() != d {
            let d_train = train.ncols();
            bail!("train_embeddings have {d_train} dimensions and test_embeddings {d}; both need the same");
        }
        if npz.has("labelled") {
            labelled = Some(read_mask(&mut npz, train_labels.len())?);
        }
    }
    let n_train = train_labels.len();
    let (mut labels, classes) = compact(&[train_labels, test_labels].concat());
    let test_labels = labels.split_off(n_train);
    Ok(Embeddings { train, train_labels: labels, test, test_labels, labelled, n_classes: classes.len() })
}

/// Embeddings and labels of these names, at least as many as somebody needs.
fn read_split(
    npz: &mut Npz,
    names: &[String; 2],
    (least, who_needs): (usize, &str),
) -> Result<(Array2<f32>, Vec<i64>)> {
    let [of_embeddings, of_labels] = names;
    let (embeddings, labels) = (npz.read_f32(of_embeddings)?, npz.read_labels(of_labels)?);
    let ((n, d), n_labels) = (embeddings.dim(), labels.len());
    if d == 0 {
        bail!("{of_embeddings} have no dimensions; they need at least one");
    }
    if n != n_labels {
        bail!("{of_embeddings} have {n} rows and {of_labels} {n_labels}; there must be one label a row");
    }
    if n < least {
        bail!("{of_embeddings} have {n} rows, and {who_needs} at least {least}");
    }
    if let Some(row) = labels.iter().position(|&label| label < 0) {
        let label = labels[row];
        bail!(
            "{of_labels} has {label} in row {row}, and labels are 0 or more: a row without a label cannot be scored; a row whose label the \
             model did not see keeps its label and is false in `labelled`, an array of 0 and 1 over the training rows"
        );
    }
    Ok((embeddings, labels))
}

/// The rows that `labelled` marks, of `n`.
fn read_mask(npz: &mut Npz, n: usize) -> Result<Vec<usize>> {
    let mask = npz.read_labels("labelled")?;
    let wanted =
        format!("a mask of {n} booleans is wanted, one a training row, and true where its label was seen");
    if mask.len() != n {
        bail!("labelled has {} values and train_labels {n}; {wanted}", mask.len());
    }
    if let Some(other) = mask.iter().find(|value| !(0..=1).contains(*value)) {
        bail!("labelled holds {other}; {wanted}");
    }
    let rows: Vec<usize> = (0..n).filter(|&row| mask[row] == 1).collect();
    if rows.is_empty() {
        bail!("labelled is false everywhere; {wanted}");
    }
    Ok(rows)
}

pub(crate) fn agree(arguments: &AgreementArguments) -> Result<ExitCode> {
    let (truth, predicted) = (read_labels(&arguments.truth)?, read_labels(&arguments.predicted)?);
    if truth.len() != predicted.len() {
        bail!(
            "{} has {} labels and {} has {}; both need the same number",
            arguments.truth.display(),
            truth.len(),
            arguments.predicted.display(),
            predicted.len()
        );
    }
    let n = truth.len();
    if n == 0 {
        let (truth, predicted) = (arguments.truth.display(), arguments.predicted.display());
        bail!("{truth} and {predicted} have no labels; they need at least one");
    }
    // Renumbered together, so that equal labels stay equal.
    let (mut truth, _) = compact(&[truth, predicted].concat());
    let predicted = truth.split_off(n);
    let homogeneity = agreement::homogeneity_completeness_v(&truth, &predicted);
    let object = json!({
        "n": n,
        "accuracy": agreement::accuracy(&truth, &predicted),
        "ami": agreement::adjusted_mutual_information(&truth, &predicted),
        "nmi": agreement::normalized_mutual_information(&truth, &predicted),
        "ari": agreement::adjusted_rand(&truth, &predicted),
        "homogeneity": homogeneity.homogeneity,
        "completeness": homogeneity.completeness,
        "v_measure": homogeneity.v_measure,
        "clustering_accuracy": agreement::clustering_accuracy(&truth, &predicted),
    });
    print(&object, arguments.json)?;
    Ok(ExitCode::SUCCESS)
}

/// One JSON object on a line, or a line for each number that stands alone and each group of numbers.
fn print(object: &Value, as_json: bool) -> Result<()> {
    if as_json {
        return crate::print(serde_json::to_string(object)?);
    }
    lines("", object.as_object().context("an object")?).iter().try_for_each(crate::print)
}

fn lines(prefix: &str, object: &Map<String, Value>) -> Vec<String> {
    let number = |value: &Value| match value.as_f64() {
        Some(v) if value.is_f64() => format!("{v:.4}"),
        _ => value.to_string(),
    };
    let (groups, numbers): (Vec<_>, Vec<_>) = object.iter().partition(|(_, value)| value.is_object());
    let mut all = Vec::new();
    if prefix.is_empty() {
        all.extend(numbers.iter().map(|(name, v)| format!("{name:<27} {}", number(v))));
    } else if !numbers.is_empty() {
        let cells: Vec<String> = numbers.iter().map(|(name, v)| format!("{name} {:<8}", number(v))).collect();
        all.push(format!("{:<28}{}", prefix.trim_end(), cells.join("  ").trim_end()));
    }
    for (name, group) in groups {
        all.extend(lines(&format!("{prefix}{name} "), group.as_object().expect("partitioned")));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_scores_become_nested_objects_and_lines() {
        let mut object = json!({"n_test": 3});
        insert(&mut object, "readout.knn.accuracy", 0.5);
        insert(&mut object, "readout.knn.ami", 0.25);
        assert_eq!(object["readout"]["knn"]["ami"], json!(0.25));
        let text = lines("", object.as_object().unwrap()).join("\n");
        insta::assert_snapshot!(text, @r"
        n_test                      3
        readout knn                 accuracy 0.5000    ami 0.2500
        ");
    }
}
