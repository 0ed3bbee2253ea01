//! Which images a read-out was right about, in the result of a trial that asks for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dml_data::npz::Npz;
use dml_eval::protocol::folds;
use dml_eval::readout::euclidean;
use dml_eval::{Embedded, Evaluation, Protocol, Readout};
use dml_store::{Hits, Outcome, Scores};

use crate::call::text;
use crate::partly::data_set;
use crate::store::{Store, result, run};

fn scored(trial: &Path) -> (Scores, BTreeMap<String, Hits>) {
    match result(trial).outcome {
        Outcome::Scored { scores, hits } => (scores, hits),
        Outcome::Diverged { reason, .. } => panic!("it has diverged: {reason}"),
    }
}

fn share<'h>(hits: impl IntoIterator<Item = &'h bool>) -> f64 {
    let hits: Vec<&bool> = hits.into_iter().collect();
    hits.iter().filter(|hit| ***hit).count() as f64 / hits.len() as f64
}

#[test]
fn the_images_that_a_read_out_was_right_about_give_its_accuracy() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Store::new());
    // 80 of its 90 test images have a label; in one dimension and untrained, as this learning rate
    // leaves it, no read-out is always right.
    let path = data_set(&folder, true);
    let readouts = ["nearest", "geodesic_knn"];
    let add = |system: &str, kept: &[&str]| {
        store.add(&format!(
            "data.name = {:?}\ndata.labelled_sampling = 'given'\ndata.labelled_percent = 100.0\ntraining.epochs = 1\ntraining.learning_rate = 1e-6\n\
             model.system = '{system}'\nmodel.latent_dim = 1\nevaluation.protocols = ['labelled', 'test_folds']\n\
             evaluation.readouts = {readouts:?}\nevaluation.hits = {kept:?}",
            text(&path)
        ))
    };
    let kept = ["labelled.nearest", "labelled.geodesic_knn", "test_folds.nearest", "test_folds.geodesic_knn"];
    for system in ["random_projection", "dml_autoencoder"] {
        let [plain, some, all] = [&[][..], &kept[2..3], &kept].map(|kept| add(system, kept));
        run(&[], &[&plain, &some, &all]).well();
        let [(scores, none), (of_some, one), (of_all, hits)] =
            [&plain, &some, &all].map(|trial| scored(trial));
        assert!(none.is_empty() && scores == of_some && scores == of_all, "{system}");
        assert!(!fs::read_to_string(plain.join("result.json")).unwrap().contains("hits"));
        assert!(one == BTreeMap::from([(kept[2].to_owned(), hits[kept[2]].clone())]));
        for readout in readouts {
            let Hits(hits_of_labelled) = &hits[&format!("labelled.{readout}")];
            let accuracy = scores[&format!("labelled.{readout}.accuracy")];
            assert!(hits_of_labelled.len() == 80 && (0.2..1.0).contains(&accuracy), "{system}: {accuracy}");
            assert_eq!(share(hits_of_labelled).to_bits(), accuracy.to_bits(), "{system}: {readout}");
            // Folds of 27, 27 and 26 images, each with the same weight.
            let Hits(hits_of_folds) = &hits[&format!("test_folds.{readout}")];
            let of_fold = |(_, asked): &(_, Vec<usize>)| share(asked.iter().map(|&row| &hits_of_folds[row]));
            let mean = folds(80, 3, 0).iter().map(of_fold).sum::<f64>() / 3.0;
            let accuracy = scores[&format!("test_folds.{readout}.accuracy")];
            assert!((mean - accuracy).abs() < 1e-12 && accuracy < 1.0, "{system}: {mean}, not {accuracy}");
            // So far a mean over images can be from that: by the shares' spread, at most 1.
            assert!((share(hits_of_folds) - accuracy).abs() < 1.0 / 3.0 - 26.0 / 80.0);
        }
    }
}

#[test]
fn along_a_decoder_reads_and_retrieves_otherwise_than_the_same_graph_without_it() {
    let store = Store::new();
    let trials = ["random_projection", "dml_autoencoder"].map(|system| {
        store.add(&format!(
            "model.system = '{system}'\nmodel.latent_dim = 1\ntraining.epochs = 1\ntraining.learning_rate = 1e-6\n\
             evaluation.protocols = ['test_folds']\nevaluation.readouts = ['geodesic_knn']\nevaluation.retrieval = true"
        ))
    });
    run(&[], &trials).well();
    for (trial, has_decoder) in trials.iter().zip([false, true]) {
        let (scores, _) = scored(trial);
        let mut npz = Npz::open(&trial.join("latent.npz")).unwrap();
        let embeddings = npz.read_f32("embeddings").unwrap();
        let labels: Vec<i32> =
            npz.read_labels("labels").unwrap().into_iter().map(|label| label as i32).collect();
        let test = Embedded { embeddings: embeddings.view(), labels: &labels };
        let evaluation = Evaluation { train: test, labelled: &[], test, seed: 0 };
        let plain = evaluation.answers(Protocol::TestFolds, Readout::GeodesicKnn).unwrap();
        let same = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(same(scores["test_folds.graph_knn.accuracy"], plain.accuracy));
        let retrieval = evaluation.geodesic_retrieval(&euclidean).unwrap();
        let name = "geodesic_retrieval.map_at_r";
        assert_eq!(same(scores[name], retrieval[name]), !has_decoder, "{} {}", scores[name], retrieval[name]);
        let ami = |readout: &str| scores[&format!("test_folds.{readout}.ami")];
        assert!(has_decoder || same(ami("graph_knn"), ami("geodesic_knn")));
    }
}
