use dml_eval::clustering::KMeans;
use dml_eval::retrieval::retrieval;
use dml_eval::{Embedded, Evaluation, Protocol, Readout, Scores, agreement as score};
use ndarray::Array2;
use proptest::prelude::*;

fn pair() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    prop::collection::vec((0..6_u8, 0..4_u8), 1..80).prop_map(|pairs| pairs.into_iter().unzip())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agreement_does_not_depend_on_names_order_of_points_or_side((a, b) in pair(), by in 1..80_usize) {
        // Multiplication by 37 renames classes in another order.
        let renamed: Vec<u8> = a.iter().map(|label| label.wrapping_mul(37)).collect();
        let (mut a_turned, mut b_turned) = (a.clone(), b.clone());
        a_turned.rotate_left(by % a.len());
        b_turned.rotate_left(by % a.len());
        for agreement in [
            score::adjusted_mutual_information,
            score::normalized_mutual_information,
            score::adjusted_rand,
            score::clustering_accuracy,
        ] {
            let value: f64 = agreement(&a, &b);
            prop_assert!(value <= 1.0 + 1e-12);
            prop_assert!((value - agreement(&renamed, &b)).abs() < 1e-12);
            prop_assert!((value - agreement(&a_turned, &b_turned)).abs() < 1e-12);
            prop_assert!((value - agreement(&b, &a)).abs() < 1e-12);
        }
    }

    #[test]
    fn v_measure_is_normalized_mutual_information((a, b) in pair()) {
        let v = score::homogeneity_completeness_v(&a, &b).v_measure;
        prop_assert!((v - score::normalized_mutual_information(&a, &b)).abs() < 1e-12);
    }

    #[test]
    fn retrieval_does_not_depend_on_the_order_of_points(seed in 0..1000_u64) {
        let (embeddings, labels) = blobs(60, 4, seed);
        let order: Vec<usize> = (0..60).map(|i| (i * 7 + 3) % 60).collect();
        let turned = embeddings.select(ndarray::Axis(0), &order);
        let turned_labels: Vec<u8> = order.iter().map(|&i| labels[i]).collect();
        let a = retrieval(embeddings.view(), &labels, &[1, 3]).unwrap();
        let b = retrieval(turned.view(), &turned_labels, &[1, 3]).unwrap();
        prop_assert!((a.map_at_r - b.map_at_r).abs() < 1e-12 && (a.r_precision - b.r_precision).abs() < 1e-12);
        prop_assert!(a.map_at_r <= a.r_precision && a.recall_at[0] <= a.recall_at[1]);
    }
}

/// Three overlapping classes of points.
fn blobs(n: usize, d: usize, seed: u64) -> (Array2<f32>, Vec<u8>) {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let labels: Vec<u8> = (0..n).map(|i| (i % 3) as u8).collect();
    let at =
        |(i, j): (usize, usize)| f32::from(u8::from(usize::from(labels[i]) == j)) + rng.gen_range(-1.0..1.0);
    (Array2::from_shape_fn((n, d), at), labels)
}

fn all_scores(threads: usize, seed: u64) -> Scores {
    let (train, train_labels) = blobs(700, 5, 1);
    let (test, test_labels) = blobs(300, 5, 2);
    let labelled: Vec<usize> = (0..700).step_by(9).collect();
    let evaluation = Evaluation {
        train: Embedded { embeddings: train.view(), labels: &train_labels },
        labelled: &labelled,
        test: Embedded { embeddings: test.view(), labels: &test_labels },
        seed,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut scores = evaluation.clustering().unwrap();
        scores.extend(evaluation.retrieval().unwrap());
        for protocol in Protocol::ALL {
            scores.extend(evaluation.readouts(protocol, &Readout::ALL).unwrap());
        }
        scores
    })
}

#[test]
fn every_score_is_the_same_on_one_thread_and_on_three_and_another_under_another_seed() {
    let scores = all_scores(1, 4);
    assert_eq!(scores.len(), 3 * Readout::ALL.len() * 2 + 2 * 4 + 3);
    assert_eq!(scores, all_scores(3, 4));
    assert_ne!(scores, all_scores(1, 5));
}

#[test]
fn the_nearest_point_of_a_training_point_is_itself_and_five_outvote_it() {
    let points = Array2::from_shape_fn((6, 1), |(i, _)| i as f32);
    let labels = [0_u8, 1, 0, 1, 0, 0];
    let found = |readout: Readout| readout.classifier(0).fit_predict(points.view(), &labels, points.view());
    assert_eq!(found(Readout::Nearest).unwrap(), labels);
    assert_eq!(found(Readout::Knn).unwrap(), [0; 6]);
}

#[test]
fn what_has_no_classes_to_tell_apart_scores_as_documented() {
    let empty: [u8; 0] = [];
    assert!((score::accuracy(&empty, &empty) - 1.0).abs() < 1e-15);
    assert!((score::adjusted_mutual_information(&empty, &empty) - 1.0).abs() < 1e-15);
    assert!((score::clustering_accuracy(&empty, &empty) - 1.0).abs() < 1e-15);
    let (points, _) = blobs(9, 2, 0);
    for readout in Readout::ALL {
        let found = readout.classifier(0).fit_predict(points.view(), &[7_u32; 9], points.view());
        assert_eq!(found.unwrap(), [7; 9], "{}", readout.name());
        let mut broken = points.clone();
        broken[[4, 1]] = f32::INFINITY;
        let error = readout.classifier(0).fit_predict(points.view(), &[7_u8; 9], broken.view()).unwrap_err();
        assert!(error.to_string().starts_with("embedding 4 has"), "{error}");
    }
    let error = Readout::RandomForest.classifier(0).fit_predict(
        Array2::zeros((2, 0)).view(),
        &[0_u8, 1],
        Array2::zeros((1, 0)).view(),
    );
    assert!(error.unwrap_err().to_string().starts_with("embeddings have no coordinates"));
    assert!(KMeans::fit(Array2::zeros((0, 2)).view(), 1, 1, 0).is_err());
}
