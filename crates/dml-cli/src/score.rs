//! `dml score` and `dml agreement`: scores of embeddings and labels that come from anywhere.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use dml_data::DataError;
use dml_data::npy::{compact, read_labels};
use dml_data::npz::Npz;
use dml_eval::{Embedded, Evaluation, Protocol, Readout, agreement};
use ndarray::Array2;
use serde_json::{Map, Value, json};

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    /// An npz with `train_embeddings` (n, d), `train_labels`, `test_embeddings` and `test_labels`; any float and integer types. A boolean
    /// `labelled` over the training rows adds scores of read-outs fitted on those rows alone
    file: PathBuf,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Do only these
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// Draws folds, trees, initial weights and centroids
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Part {
    Knn,
    Nearest,
    RandomForest,
    Mlp,
    Linear,
    Clustering,
    Retrieval,
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
    let data = read(&arguments.file)?;
    let asked = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let readouts: Vec<Readout> = [
        (Part::Knn, Readout::Knn),
        (Part::Nearest, Readout::Nearest),
        (Part::RandomForest, Readout::RandomForest),
        (Part::Mlp, Readout::Mlp),
        (Part::Linear, Readout::Linear),
    ]
    .into_iter()
    .filter_map(|(part, readout)| asked(part).then_some(readout))
    .collect();
    let evaluation = Evaluation {
        train: Embedded { embeddings: data.train.view(), labels: &data.train_labels },
        labelled: data.labelled.as_deref().unwrap_or_default(),
        test: Embedded { embeddings: data.test.view(), labels: &data.test_labels },
        seed: arguments.seed,
    };
    let mut flat = dml_eval::Scores::new();
    if !readouts.is_empty() {
        flat.extend(evaluation.readouts(Protocol::Train, &readouts)?);
        flat.extend(evaluation.readouts(Protocol::TestFolds, &readouts)?);
        if data.labelled.is_some() {
            flat.extend(evaluation.readouts(Protocol::Labelled, &readouts)?);
        }
    }
    if asked(Part::Clustering) {
        flat.extend(evaluation.clustering()?);
    }
    if asked(Part::Retrieval) {
        flat.extend(evaluation.retrieval()?);
    }
    let mut object = json!({
        "n_train": data.train_labels.len(),
        "n_test": data.test_labels.len(),
        "n_classes": data.n_classes,
    });
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

fn read(path: &Path) -> Result<Embeddings> {
    let mut npz = Npz::open(path)?;
    let train = npz.read_f32("train_embeddings")?;
    let test = npz.read_f32("test_embeddings")?;
    let (train_labels, test_labels) = (npz.read_labels("train_labels")?, npz.read_labels("test_labels")?);
    if train.ncols() != test.ncols() {
        bail!(
            "train_embeddings have {} dimensions and test_embeddings {}; both need the same",
            train.ncols(),
            test.ncols()
        );
    }
    if train.ncols() == 0 {
        bail!("train_embeddings have no dimensions; they need at least one");
    }
    for (name, rows, labels) in
        [("train", train.nrows(), train_labels.len()), ("test", test.nrows(), test_labels.len())]
    {
        if rows != labels {
            bail!(
                "{name}_embeddings have {rows} rows and {name}_labels {labels}; there must be one label a row"
            );
        }
    }
    let labelled = if npz.has("labelled") {
        let mask = npz.read_labels("labelled")?;
        if mask.len() != train_labels.len() {
            bail!("labelled has {} values and train_labels {}", mask.len(), train_labels.len());
        }
        Some((0..mask.len()).filter(|&row| mask[row] != 0).collect())
    } else {
        None
    };
    let n_train = train_labels.len();
    let (mut labels, classes) = compact(&[train_labels, test_labels].concat());
    let test_labels = labels.split_off(n_train);
    let n_classes = classes.len();
    Ok(Embeddings { train, train_labels: labels, test, test_labels, labelled, n_classes })
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
