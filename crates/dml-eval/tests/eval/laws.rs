use dml_eval::clustering::{GaussianMixture, KMeans};
use dml_eval::propagation::{Affinity, Poisson, SoftCentres};
use dml_eval::readout::{Classifier, GeodesicNeighbours, NearestNeighbours, RandomForest};
use dml_eval::retrieval::retrieval;
use dml_eval::{Embedded, Evaluation, NearestOfClasses, Protocol, Readout, Scores, agreement as score};
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
fn along_ways_as_long_as_in_the_space_of_embeddings_scores_are_those_of_the_classifier() {
    let ((train, train_labels), (test, test_labels)) = (blobs(90, 3, 1), blobs(60, 3, 2));
    let evaluation = Evaluation {
        train: Embedded { embeddings: train.view(), labels: &train_labels },
        labelled: &[0, 1, 2, 3, 10, 20],
        test: Embedded { embeddings: test.view(), labels: &test_labels },
        seed: 4,
    };
    let accuracy =
        |fit: ndarray::ArrayView2<f32>, labels: &[u8], ask: ndarray::ArrayView2<f32>, truth: &[u8]| {
            let found = GeodesicNeighbours::default().fit_predict(fit, labels, ask).unwrap();
            score::accuracy(truth, &found)
        };
    let select = |rows: &[usize], points: &Array2<f32>, labels: &[u8]| {
        (points.select(ndarray::Axis(0), rows), rows.iter().map(|&row| labels[row]).collect::<Vec<u8>>())
    };
    let (few, few_labels) = select(evaluation.labelled, &train, &train_labels);
    let folds = dml_eval::protocol::folds(60, 3, 4).into_iter().map(|(fit, ask)| {
        let ((fit, labels), (ask, truth)) =
            (select(&fit, &test, &test_labels), select(&ask, &test, &test_labels));
        accuracy(fit.view(), &labels, ask.view(), &truth)
    });
    let expected = [
        (Protocol::TestFolds, folds.sum::<f64>() / 3.0),
        (Protocol::Labelled, accuracy(few.view(), &few_labels, test.view(), &test_labels)),
        (Protocol::Train, accuracy(train.view(), &train_labels, test.view(), &test_labels)),
    ];
    let asked = std::cell::Cell::new(0);
    for factor in [1.0, 3.0] {
        let scaled = |from: ndarray::ArrayView2<f32>, to: ndarray::ArrayView2<f32>| -> Vec<f64> {
            asked.set(asked.get() + 1);
            let squared = (&from - &to).mapv(|x| f64::from(x).powi(2)).sum_axis(ndarray::Axis(1));
            squared.iter().map(|d| factor * d.sqrt()).collect()
        };
        for (protocol, expected) in expected {
            let scores = evaluation.geodesic_knn(protocol, &scaled).unwrap();
            let ours = scores[&format!("{}.geodesic_knn.accuracy", protocol.name())];
            assert!((ours - expected).abs() < 1e-12, "{protocol:?}: {ours} is not {expected}");
            assert_eq!(scores.len(), 2);
        }
    }
    assert_eq!(asked.get(), 6, "once a protocol");
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
    }
}

#[test]
fn what_cannot_be_fitted_or_asked_is_an_error_that_says_so() {
    let (points, labels) = blobs(9, 2, 0);
    let labels: Vec<i64> = labels.into_iter().map(i64::from).collect();
    let with = |value| {
        let mut points = points.clone();
        points[[4, 1]] = value;
        points
    };
    let (infinite, huge) = (with(f32::INFINITY), with(1e19));
    let (wide, none) = (Array2::zeros((9, 3)), Array2::zeros((9, 0)));
    let [points, infinite, huge] = [&points, &infinite, &huge].map(Array2::view);
    let (width, finite) = (
        "embeddings to fit on have 2 coordinates and those to ask about 3",
        "has a coordinate that is not finite",
    );
    let mut unlabelled = labels.clone();
    unlabelled[4] = -1;
    for readout in Readout::ALL {
        let fit = |fit, labels: &[i64], ask| readout.classifier(0).fit_predict(fit, labels, ask);
        for (result, expected) in [
            (fit(points, &labels, infinite), format!("embedding 4 of the queries {finite}")),
            (fit(points, &[7; 9], infinite), format!("embedding 4 of the queries {finite}")),
            (fit(infinite, &labels, points), format!("embedding 4 of the training set {finite}")),
            (
                fit(huge, &labels, points),
                "embedding 4 of the training set has a coordinate beyond 1e15".into(),
            ),
            (fit(points, &unlabelled, points), "label 4 of the training set is -1".into()),
            (fit(points, &labels[..8], points), "the training set has 9 embeddings and 8 labels".into()),
            (fit(points, &labels, wide.view()), width.into()),
            (fit(none.view(), &labels, none.view()), "embeddings have no coordinates".into()),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with(&expected), "{readout:?}: {error}, not {expected}");
        }
    }
    let forest = RandomForest { n_trees: 0, seed: 1 };
    let mixture = GaussianMixture::fit(points, 2, 1).unwrap();
    let empty = points.slice_move(ndarray::s![..0, ..]);
    for (error, expected) in [
        (forest.fit_predict(points, &labels, points).err(), "n_trees is 0; it must be at least 1"),
        (NearestNeighbours { k: 0 }.fit_predict(points, &labels, points).err(), "k is 0"),
        (retrieval(points, &labels, &[1, 0]).err(), "k of R@k is 0"),
        (retrieval(huge, &labels, &[1]).err(), "embedding 4 of the set has a coordinate beyond 1e15"),
        (retrieval(empty, &labels[..0], &[1]).err(), "none of 0 points shares its class"),
        (KMeans::fit(points, 0, 1, 1).err(), "the number of clusters is 0"),
        (KMeans::fit(points, 1, 0, 1).err(), "the number of starts is 0"),
        (KMeans::fit(Array2::zeros((0, 2)).view(), 1, 1, 0).err(), "0 points are too few"),
        (mixture.predict(wide.view()).err(), width),
        (mixture.predict(infinite).err(), "embedding 4 of the set has a coordinate that is not finite"),
    ] {
        let error = error.expect(expected).to_string();
        assert!(error.starts_with(expected), "{error}, not {expected}");
    }
    let every = NearestNeighbours { k: usize::MAX }.fit_predict(points, &labels, points);
    assert_eq!(every.unwrap(), [0; 9], "all nine vote, three of each class");
}

#[test]
fn what_no_label_can_be_guessed_from_is_an_error_that_says_so() {
    let (points, _) = blobs(9, 2, 0);
    let (points, poisson) = (points.view(), Poisson { neighbours: 3 });
    let affinity = |gamma| Affinity { neighbours: 3, gamma }.guess(points, &[(0, 0)]).err();
    for (error, expected) in [
        (affinity(1.0), "gamma is 1; it must be at least 0 and below 1"),
        (affinity(f64::NAN), "gamma is NaN; it must be"),
        (poisson.guess(points, &[]).err(), "0 points are too few with a label"),
        (
            poisson.guess(points, &[(9, 0)]).err(),
            "labelled row 9 does not exist; the training set has 9 rows",
        ),
        (SoftCentres {}.guess(points, &[(9, 0)]).err(), "labelled row 9 does not exist"),
        (
            poisson.guess(points, &[(0, u32::MAX)]).err(),
            "propagation of 9 points and 4294967296 classes takes 576 GiB",
        ),
        (NearestOfClasses::of(points, &[0; 8], 1, points).err(), "the labelled embeddings has 9 embeddings"),
    ] {
        let error = error.expect(expected).to_string();
        assert!(error.starts_with(expected), "{error}, not {expected}");
    }
}

#[test]
fn an_empty_test_set_is_no_perfect_score() {
    let (points, labels) = blobs(9, 2, 0);
    let train = Embedded { embeddings: points.view(), labels: &labels };
    let test = Embedded { embeddings: points.slice(ndarray::s![..0, ..]), labels: &labels[..0] };
    let evaluation = Evaluation { train, labelled: &[0, 1], test, seed: 1 };
    let error = evaluation.readouts(Protocol::Labelled, &[Readout::Knn]).unwrap_err().to_string();
    assert_eq!(error, "0 points are too few to ask a read-out about, which needs at least 1");
}

#[test]
fn clusters_do_not_depend_on_how_an_array_lies_in_memory() {
    let (points, _) = blobs(30, 3, 0);
    let columns = points.t().as_standard_layout().reversed_axes().into_owned();
    assert!(!columns.is_standard_layout() && columns == points);
    let fit = |points: &Array2<f32>| KMeans::fit(points.view(), 3, 2, 1).unwrap();
    assert_eq!(fit(&columns), fit(&points));
    let fit =
        |points: &Array2<f32>| GaussianMixture::fit(points.view(), 3, 1).unwrap().predict(points.view());
    assert_eq!(fit(&columns), fit(&points));
}

/// Between the two lies no other f32, and their middle rounds to the larger.
#[test]
fn a_forest_tells_neighbouring_numbers_apart() {
    let points = ndarray::array![[1.0 + f32::EPSILON], [1.0 + 2.0 * f32::EPSILON]];
    let found = RandomForest { n_trees: 100, seed: 1 }.fit_predict(points.view(), &[0_u8, 1], points.view());
    assert_eq!(found.unwrap(), [0, 1]);
}

#[test]
fn labels_are_integers_of_any_width_and_for_agreement_of_any_sign() {
    let ami = score::adjusted_mutual_information(&[0_i64, 0, -1, 5], &[7_usize, 7, 0, 2]);
    assert!((ami - 1.0).abs() < 1e-12);
    assert!((score::accuracy(&[-1_i32, 3], &[-1, 3]) - 1.0).abs() < 1e-15);
    assert!((score::adjusted_rand(&[u64::MAX, 0], &[0_u16, 1]) - 1.0).abs() < 1e-15);
}
