use ndarray::{Array2, array};

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
fn bad_input_is_an_error_that_says_what_would_be_right() {
    let (embeddings, labels) = (array![[0.0_f32], [f32::NAN]], [0_u8, 1]);
    let data = Embedded { embeddings: embeddings.view(), labels: &labels };
    let evaluation = Evaluation { train: data, labelled: &[], test: data, seed: 1 };
    let message = |protocol| evaluation.readouts(protocol, &[Readout::Knn]).unwrap_err().to_string();
    assert!(message(Protocol::Train).starts_with("embedding 1 has a coordinate that is not finite"));
    assert!(message(Protocol::Labelled).starts_with("0 points are too few to fit a classifier"));
    assert!(message(Protocol::TestFolds).starts_with("2 points are too few for three folds"));
    let beyond = Evaluation { labelled: &[2], ..evaluation };
    let error = beyond.readouts(Protocol::Labelled, &[Readout::Knn]).unwrap_err();
    assert_eq!(error.to_string(), "labelled row 2 does not exist; the training set has 2 rows");
}
