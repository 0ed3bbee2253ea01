use ndarray::Array2;

use super::Protocol::{Labelled, TestFolds, Train};
use super::*;

/// Two classes far apart on a line; class 1 has the larger coordinates.
fn line(n: usize) -> (Array2<f32>, Vec<u8>) {
    let labels: Vec<u8> = (0..n).map(|i| (i % 2) as u8).collect();
    let at = |(i, &label): (usize, &u8)| f32::from(label) * 1000.0 + i as f32;
    (Array2::from_shape_vec((n, 1), labels.iter().enumerate().map(at).collect()).unwrap(), labels)
}

#[test]
fn every_protocol_scores_one_on_classes_that_are_far_apart() {
    let (embeddings, labels) = line(90);
    let data = Embedded { embeddings: embeddings.view(), labels: &labels };
    let evaluation = Evaluation { train: data, labelled: &[0, 1], test: data, seed: 1 };
    for protocol in Protocol::ALL {
        let scores = evaluation.readouts(protocol, &[Readout::Knn]).unwrap();
        let expected = if protocol == Protocol::Labelled { 0.5 } else { 1.0 };
        assert!(
            (scores[&format!("{}.knn.accuracy", protocol.name())] - expected).abs() < 1e-12,
            "{scores:?}"
        );
    }
}

#[test]
fn a_mask_of_one_class_predicts_it() {
    let (embeddings, labels) = line(10);
    let data = Embedded { embeddings: embeddings.view(), labels: &labels };
    let evaluation = Evaluation { train: data, labelled: &[1, 3], test: data, seed: 1 };
    let scores = evaluation.readouts(Protocol::Labelled, &Readout::ALL).unwrap();
    assert!((scores["labelled.knn.accuracy"] - 0.5).abs() < 1e-12);
    assert!(scores["labelled.knn.ami"].abs() < 1e-12);
}

#[test]
fn clusters_of_the_training_set_are_counted_with_and_without_the_rows_that_had_a_label() {
    let (embeddings, mut labels) = line(10);
    labels[0] = 1;
    let score = |labelled: &[usize]| {
        let data = Embedded { embeddings: embeddings.view(), labels: &labels };
        let scores = Evaluation { train: data, labelled, test: data, seed: 1 }.train_k_means().unwrap();
        ["train", "unlabelled"]
            .map(|rows| scores.get(&format!("{rows}_clustering.k_means.clustering_accuracy")).copied())
    };
    assert_eq!(score(&[0, 1]), [Some(0.9), Some(1.0)]);
    assert_eq!(score(&[1, 3]), [Some(0.9), Some(0.875)]);
    assert_eq!(score(&(0..10).collect::<Vec<_>>()), [Some(0.9), None]);
}

/// Forty sound rows and everything that can be wrong with them.
struct Sets {
    good: Array2<f32>,
    nan: Array2<f32>,
    huge: Array2<f32>,
    wide: Array2<f32>,
    labels: Vec<i64>,
    unlabelled: Vec<i64>,
}

impl Sets {
    fn new() -> Self {
        let (good, labels) = line(40);
        let labels: Vec<i64> = labels.into_iter().map(i64::from).collect();
        let with = |value| {
            let mut embeddings = good.clone();
            embeddings[[37, 0]] = value;
            embeddings
        };
        let mut unlabelled = labels.clone();
        unlabelled[37] = -1;
        let (nan, huge, wide) = (with(f32::NAN), with(2e15), Array2::zeros((40, 2)));
        Self { good, nan, huge, wide, labels, unlabelled }
    }

    /// Sound labels for any embeddings.
    fn labelled<'a>(&'a self, embeddings: &'a Array2<f32>) -> Embedded<'a, i64> {
        Embedded { embeddings: embeddings.view(), labels: &self.labels }
    }

    /// Any labels for sound embeddings.
    fn sound<'a>(&'a self, labels: &'a [i64]) -> Embedded<'a, i64> {
        Embedded { embeddings: self.good.view(), labels }
    }

    fn first(&self, n: usize) -> Embedded<'_, i64> {
        Embedded { embeddings: self.good.slice(ndarray::s![..n, ..]), labels: &self.labels[..n] }
    }
}

fn is_refused(evaluation: &Evaluation<i64>, protocols: &[Protocol], expected: &str) {
    for &protocol in protocols {
        let error = evaluation.readouts(protocol, &[Readout::Knn]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{protocol:?}: {error}, not {expected}");
    }
}

#[test]
fn a_bad_test_set_is_an_error_of_every_score_that_names_set_and_row_as_the_caller_counts() {
    let sets = Sets::new();
    for (test, expected) in [
        (sets.labelled(&sets.nan), "embedding 37 of the test set has a coordinate that is not finite"),
        (sets.labelled(&sets.huge), "embedding 37 of the test set has a coordinate beyond 1e15"),
        (sets.sound(&sets.unlabelled), "label 37 of the test set is -1"),
        (sets.sound(&sets.labels[..39]), "the test set has 40 embeddings and 39 labels"),
    ] {
        let evaluation = Evaluation { train: sets.sound(&sets.labels), labelled: &[1, 2], test, seed: 1 };
        is_refused(&evaluation, &Protocol::ALL, expected);
        for error in [evaluation.clustering().unwrap_err(), evaluation.retrieval().unwrap_err()] {
            assert!(error.to_string().starts_with(expected), "{error}, not {expected}");
        }
    }
}

#[test]
fn a_bad_training_set_is_an_error_that_names_set_and_row_as_the_caller_counts() {
    let sets = Sets::new();
    let both = &[Labelled, Train][..];
    let sound = sets.sound(&sets.labels);
    let [nan, huge, wide] = [&sets.nan, &sets.huge, &sets.wide].map(|rows| sets.labelled(rows));
    let too_few = "0 points are too few to fit a classifier";
    for (train, labelled, protocols, expected) in [
        (nan, &[1, 37][..], both, "embedding 37 of the training set has a coordinate that is not"),
        (huge, &[1, 37], both, "embedding 37 of the training set has a coordinate beyond"),
        (sets.sound(&sets.unlabelled), &[1, 37], both, "label 37 of the training set is -1"),
        (sets.sound(&sets.labels[..39]), &[1, 2], both, "the training set has 40 embeddings and 39 labels"),
        (wide, &[1, 2], both, "embeddings to fit on have 2 coordinates and those to ask about 1"),
        (sound, &[40], &[Labelled], "labelled row 40 does not exist; the training set has 40 rows"),
        (sound, &[], &[Labelled], too_few),
        (sets.first(0), &[], both, too_few),
    ] {
        let evaluation = Evaluation { train, labelled, test: sound, seed: 1 };
        is_refused(&evaluation, protocols, expected);
        if protocols == both && train.embeddings.dim() == (40, 1) {
            let error = evaluation.train_k_means().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}, not {expected}");
        }
    }
    let evaluation = Evaluation { train: sound, labelled: &[], test: sets.first(2), seed: 1 };
    is_refused(&evaluation, &[TestFolds], "2 points are too few for three folds");
}

#[test]
fn what_a_protocol_does_not_look_at_may_be_anything() {
    let sets = Sets::new();
    let test = sets.sound(&sets.labels);
    let evaluation = Evaluation { train: sets.sound(&sets.unlabelled), labelled: &[1, 2], test, seed: 1 };
    assert!(evaluation.readouts(Labelled, &[Readout::Knn]).is_ok());
    let evaluation = Evaluation { train: sets.labelled(&sets.wide), labelled: &[99], test, seed: 1 };
    assert!(evaluation.readouts(TestFolds, &[Readout::Knn]).is_ok());
}

#[test]
fn of_each_row_it_is_said_whether_the_read_out_was_right() {
    // No row of these is as far from one other row as from a second.
    let at = |i: usize| (i * i) as f32 + 0.3 * i as f32;
    let embeddings = Array2::from_shape_fn((31, 1), |(i, _)| at(i));
    let labels: Vec<u8> = (0..31).map(|i| (i / 3 % 2) as u8).collect();
    let data = Embedded { embeddings: embeddings.view(), labels: &labels };
    let labelled = [0, 4, 11, 25];
    let evaluation = Evaluation { train: data, labelled: &labelled, test: data, seed: 3 };
    let is_right = |fit: &[usize], row: usize| {
        let distance = |&i: &usize| (at(i) - at(row)).abs();
        let nearest = *fit.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
        labels[nearest] == labels[row]
    };
    let mut by_folds = [false; 31];
    let mut of_folds = [0.0; 3];
    for ((fit, asked), share) in folds(31, 3, 3).iter().zip(&mut of_folds) {
        for &row in asked {
            by_folds[row] = is_right(fit, row);
        }
        *share = asked.iter().filter(|&&row| by_folds[row]).count() as f64 / asked.len() as f64;
    }
    let by_labelled: Vec<bool> = (0..31).map(|row| is_right(&labelled, row)).collect();
    let share = by_labelled.iter().filter(|&&hit| hit).count() as f64 / 31.0;
    for (protocol, expected, accuracy) in [
        (TestFolds, &by_folds[..], of_folds.iter().sum::<f64>() / 3.0),
        (Labelled, &by_labelled, share),
        (Train, &[true; 31], 1.0),
    ] {
        let answers = evaluation.answers(protocol, Readout::Nearest).unwrap();
        assert_eq!(answers.hits, expected, "{protocol:?}");
        assert!((answers.accuracy - accuracy).abs() < 1e-12 && (0.1..=1.0).contains(&accuracy));
        assert_eq!(answers.scores(), evaluation.readouts(protocol, &[Readout::Nearest]).unwrap());
        let euclidean = |from: ArrayView2<f32>, to: ArrayView2<f32>| {
            (&from - &to).column(0).iter().map(|x| f64::from(x.abs())).collect()
        };
        let along = evaluation.geodesic_answers(protocol, &euclidean).unwrap();
        assert_eq!(along.hits, evaluation.answers(protocol, Readout::GeodesicKnn).unwrap().hits);
        assert_eq!(along.scores(), evaluation.geodesic_knn(protocol, &euclidean).unwrap());
    }
}
