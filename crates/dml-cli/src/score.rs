//! `dml score` and `dml agreement`: scores of embeddings and labels that come from anywhere.

mod embeddings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use dml_data::DataError;
use dml_data::npy::{compact, read_labels};
use dml_eval::{Embedded, EvalError, Evaluation, Protocol, Readout, agreement};
use serde_json::{Map, Value, json};

use crate::WrongCall;
use embeddings::Embeddings;

/// Above so many products in one of its passes, k-means takes minutes.
const MANY_PRODUCTS: f64 = 2e9;

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    /// An npz with `train_embeddings` (n, d), `train_labels` (n), `test_embeddings` (m, d) and
    /// `test_labels` (m); any float and integer types. Labels are 0 or more: -1 for "none" is
    /// refused. A boolean `labelled` (n), true for the training rows whose label a model saw, adds
    /// scores of read-outs fitted on those rows alone. Or what `dml embed` writes: `embeddings` and
    /// `labels` of one split
    file: PathBuf,
    /// Training rows of a file of their own, which `dml embed --split train` writes, with their
    /// `labelled`; for read-outs alone, and in place of those that the other file may have
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Do only these, separated by commas. Clustering takes as long as rows times classes times
    /// dimensions, with thousands of classes hours, which `--only retrieval` saves [default: all
    /// but propagation and `geodesic_knn`]
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(parts()), value_name = "PARTS")]
    only: Vec<String>,
    /// Draws folds, trees, initial weights and centroids
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ScoreArguments {
    /// Whether a part is to be done.
    fn asks(&self, part: &str) -> bool {
        // A graph of all rows takes minutes: it is made where it is named.
        let slow = [Readout::Propagation, Readout::GeodesicKnn].map(Readout::name);
        if self.only.is_empty() { !slow.contains(&part) } else { self.only.iter().any(|only| only == part) }
    }
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

/// Scores by dotted name, and why some are none.
#[derive(Default)]
struct Found {
    scores: BTreeMap<String, Option<f64>>,
    refused: Vec<(String, EvalError)>,
}

impl Found {
    /// Takes the scores whose names begin with `name`. What is wrong with these alone does not take
    /// the others with it.
    fn take(&mut self, name: String, scores: Result<dml_eval::Scores, EvalError>) -> Result<()> {
        match scores {
            Ok(scores) => self.scores.extend(scores.into_iter().map(|(name, score)| (name, Some(score)))),
            Err(
                error @ (EvalError::NoPair { .. }
                | EvalError::Diverged { .. }
                | EvalError::TooMuchMemory { .. }),
            ) => {
                self.scores.insert(name.clone(), None);
                self.refused.push((name, error));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

pub(crate) fn score(arguments: &ScoreArguments) -> Result<ExitCode> {
    let readouts: Vec<Readout> =
        Readout::ALL.into_iter().filter(|readout| arguments.asks(readout.name())).collect();
    if readouts.is_empty()
        && let Some(train) = &arguments.train
    {
        let train = train.display();
        let sentence = format!(
            "--train {train} has rows that read-outs are fitted on, and --only asks for none; leave it out, or name one, as in --only knn"
        );
        return Err(WrongCall(sentence).into());
    }
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global()?;
    }
    let file = arguments.file.display().to_string();
    let scores = scores(arguments, &readouts).map_err(|error| {
        // What is wrong with one file names it.
        let names_the_file = error.is::<DataError>() || error.chain().nth(1).is_some();
        if names_the_file { error } else { error.context(file) }
    })?;
    print(&scores, arguments.json)?;
    Ok(ExitCode::SUCCESS)
}

fn scores(arguments: &ScoreArguments, readouts: &[Readout]) -> Result<Value> {
    let data = Embeddings::read(&arguments.file, arguments.train.as_deref(), !readouts.is_empty())?;
    let note = |note: &str| eprintln!("note: {}: {note}", arguments.file.display());
    data.notes.iter().for_each(|text| note(text));
    let evaluation = Evaluation {
        train: Embedded { embeddings: data.train.view(), labels: &data.train_labels },
        labelled: &data.labelled,
        test: Embedded { embeddings: data.test.view(), labels: &data.test_labels },
        seed: arguments.seed,
    };
    let mut found = Found::default();
    // First, because what it refuses it refuses at once.
    if arguments.asks("retrieval") {
        found.take("retrieval".into(), evaluation.retrieval())?;
    }
    for &protocol in &data.protocols {
        for &readout in readouts {
            let name = format!("{}.{}", protocol.name(), readout.name());
            let answers = evaluation.answers(protocol, readout);
            if answers.as_ref().is_ok_and(|answers| !answers.is_converged) {
                note(&not_converged(&public(&name)));
            }
            found.take(name, answers.map(|answers| answers.scores()))?;
        }
    }
    if arguments.asks("clustering") {
        let (n, d) = data.test.dim();
        if let Some(text) = takes_long(n, data.n_classes, d) {
            note(&text);
        }
        found.take("clustering.k_means".into(), evaluation.k_means())?;
        found.take("clustering.gaussian_mixture".into(), evaluation.gaussian_mixture())?;
    }
    if found.scores.values().all(Option::is_none)
        && let Some((_, error)) = found.refused.pop()
    {
        return Err(error.into());
    }
    for (name, error) in found.refused {
        note(&format!("{} is null: {error}", public(&name)));
    }
    let mut object = json!({"n_test": data.test_labels.len(), "n_classes": data.n_classes});
    if data.protocols.contains(&Protocol::Train) {
        object["n_train"] = json!(data.train_labels.len());
    }
    for (name, value) in found.scores {
        insert(&mut object, &public(&name), value);
    }
    Ok(object)
}

/// Says that a score is of a fit that may have ended too early.
fn not_converged(name: &str) -> String {
    format!(
        "{name} is of a fit that ended before its slopes were flat, so that of its definition may be another; columns of the same spread converge sooner"
    )
}

/// Says that k-means takes long, where it does.
fn takes_long(n: usize, n_classes: usize, d: usize) -> Option<String> {
    let products = n as f64 * n_classes as f64 * d as f64;
    (products > MANY_PRODUCTS).then(|| {
        format!(
            "clustering takes minutes to hours: k-means multiplies {n} rows by {n_classes} classes in {d} dimensions, ten times up to 300 times; \
             --only with what else is wanted, as in --only retrieval, leaves it out"
        )
    })
}

/// What is fitted on the whole training set is what others call the read-out.
fn public(name: &str) -> String {
    name.strip_prefix("train.").map_or(name.to_owned(), |rest| format!("readout.{rest}"))
}

fn insert(object: &mut Value, dotted: &str, value: Option<f64>) {
    let place = dotted.split('.').fold(object, |object, key| &mut object[key]);
    *place = json!(value);
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

/// One JSON object on a line, or a line for each number that stands alone and each group of
/// numbers.
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
    fn clustering_that_takes_long_is_told_before_it_starts() {
        assert_eq!(takes_long(10_000, 100, 512), None);
        insta::assert_snapshot!(takes_long(60_502, 11_316, 512).unwrap(), @"clustering takes minutes to hours: k-means multiplies 60502 rows by 11316 classes in 512 dimensions, ten times up to 300 times; --only with what else is wanted, as in --only retrieval, leaves it out");
    }

    #[test]
    fn dotted_scores_become_nested_objects_and_lines() {
        let mut object = json!({"n_test": 3});
        insert(&mut object, "readout.knn.accuracy", Some(0.5));
        insert(&mut object, "readout.knn.ami", Some(0.25));
        insert(&mut object, "readout.mlp", None);
        insert(&mut object, "retrieval", None);
        assert_eq!(object["readout"]["knn"]["ami"], json!(0.25));
        let text = lines("", object.as_object().unwrap()).join("\n");
        insta::assert_snapshot!(text, @r"
        n_test                      3
        retrieval                   null
        readout                     mlp null
        readout knn                 accuracy 0.5000    ami 0.2500
        ");
    }
}
