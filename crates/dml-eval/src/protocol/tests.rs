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
fn bad_input_is_an_error_that_names_set_and_row_as_the_caller_counts() {
    let (good, labels) = line(40);
    let labels: Vec<i64> = labels.into_iter().map(i64::from).collect();
    let with = |value| {
        let mut embeddings = good.clone();
        embeddings[[37, 0]] = value;
        embeddings
    };
    let (nan, huge, wide) = (with(f32::NAN), with(2e15), Array2::zeros((40, 2)));
    let mut unlabelled = labels.clone();
    unlabelled[37] = -1;
    let of = |embeddings, labels| Embedded { embeddings, labels };
    let sound = of(good.view(), &labels);
    let [nan, huge, wide] = [&nan, &huge, &wide].map(|embeddings| of(embeddings.view(), &labels));
    let unlabelled = of(good.view(), &unlabelled);
    let short = of(good.view(), &labels[..39]);
    let two = of(good.slice(ndarray::s![..2, ..]), &labels[..2]);
    let nothing = of(good.slice(ndarray::s![..0, ..]), &[]);

    let none: &[usize] = &[];
    for (train, labelled, test, protocols, expected) in [
        (
            sound,
            &[1, 2][..],
            nan,
            &Protocol::ALL[..],
            "embedding 37 of the test set has a coordinate that is not finite",
        ),
        (sound, &[1, 2], huge, &Protocol::ALL, "embedding 37 of the test set has a coordinate beyond 1e15"),
        (sound, &[1, 2], unlabelled, &Protocol::ALL, "label 37 of the test set is -1"),
        (sound, &[1, 2], short, &Protocol::ALL, "the test set has 40 embeddings and 39 labels"),
        (
            nan,
            &[1, 37],
            sound,
            &[Labelled, Train],
            "embedding 37 of the training set has a coordinate that is not",
        ),
        (
            huge,
            &[1, 37],
            sound,
            &[Labelled, Train],
            "embedding 37 of the training set has a coordinate beyond",
        ),
        (unlabelled, &[1, 37], sound, &[Labelled, Train], "label 37 of the training set is -1"),
        (short, &[1, 2], sound, &[Labelled, Train], "the training set has 40 embeddings and 39 labels"),
        (
            wide,
            &[1, 2],
            sound,
            &[Labelled, Train],
            "embeddings to fit on have 2 coordinates and those to ask about 1",
        ),
        (sound, &[40], sound, &[Labelled], "labelled row 40 does not exist; the training set has 40 rows"),
        (sound, none, sound, &[Labelled], "0 points are too few to fit a classifier"),
        (nothing, none, sound, &[Labelled, Train], "0 points are too few to fit a classifier"),
        (sound, none, two, &[TestFolds], "2 points are too few for three folds"),
    ] {
        let evaluation = Evaluation { train, labelled, test, seed: 1 };
        for &protocol in protocols {
            let error = evaluation.readouts(protocol, &[Readout::Knn]).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{protocol:?}: {error}, not {expected}");
        }
        if protocols.len() == 3 {
            for error in [evaluation.clustering().unwrap_err(), evaluation.retrieval().unwrap_err()] {
                assert!(error.to_string().starts_with(expected), "{error}, not {expected}");
            }
        }
    }
    // What a protocol does not look at may be anything.
    let evaluation = Evaluation { train: unlabelled, labelled: &[1, 2], test: sound, seed: 1 };
    assert!(evaluation.readouts(Labelled, &[Readout::Knn]).is_ok());
    let evaluation = Evaluation { train: wide, labelled: &[99], test: sound, seed: 1 };
    assert!(evaluation.readouts(TestFolds, &[Readout::Knn]).is_ok());
}
