//! Values and gradients against `PyTorch` and pytorch-metric-learning; see
//! `../fixtures/make_losses.py`.

use dml_losses::LossConfig;
use serde_json::Value;
use tch::Kind;

use crate::support::{Batch, DIM, N_CLASSES, assert_close, evaluate};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/losses.json")).expect("the fixture is JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn floats(value: &Value) -> Vec<f64> {
    list(value).iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn batch(value: &Value) -> Batch {
    let labels: Vec<i64> = list(&value["labels"]).iter().map(|x| x.as_i64().expect("a label")).collect();
    Batch {
        embeddings: list(&value["embeddings"]).iter().map(floats).collect(),
        n_rows: labels.len(),
        labels,
    }
}

fn config(value: &Value) -> LossConfig {
    serde_json::from_value(value.clone()).expect("a loss as in a trial file")
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let fixture = fixture();
    for part in list(&fixture["batches"]) {
        let batch = batch(&part["batch"]);
        for case in list(&part["cases"]) {
            let loss = &config(&case["config"]);
            let shapes = loss.parameters(DIM as i64, N_CLASSES);
            let rows = |(flat, p): (&Value, &dml_losses::ParameterShape)| {
                floats(flat).chunks(p.shape.get(1).map_or(1, |&w| w as usize)).map(<[f64]>::to_vec).collect()
            };
            let parameters: Vec<_> = list(&case["parameters"]).iter().zip(&shapes).map(rows).collect();
            for (kind, tolerance) in [(Kind::Double, 1e-10), (Kind::Float, 1e-5)] {
                let got = evaluate(loss, &parameters, &batch, kind);
                let what = (&case["config"], kind);
                assert_close(&[got.value], &floats(&serde_json::json!([case["value"]])), tolerance, &what);
                let gradients = [&case["gradient"]].into_iter().chain(list(&case["parameter_gradients"]));
                for (got, expected) in got.gradients.iter().zip(gradients) {
                    assert_close(got, &floats(expected), tolerance, &what);
                }
            }
        }
    }
}

#[test]
fn values_against_a_memory_are_those_of_pytorch() {
    let memory = &fixture()["memory"];
    let (earlier, now) = (batch(&memory["first"]), batch(&memory["second"]));
    let both = Batch {
        embeddings: [now.embeddings, earlier.embeddings].concat(),
        labels: [now.labels, earlier.labels].concat(),
        n_rows: now.n_rows,
    };
    for case in list(&memory["cases"]) {
        let got = evaluate(&config(&case["config"]), &[], &both, Kind::Double);
        assert_close(&[got.value], &floats(&serde_json::json!([case["value"]])), 1e-10, &case["config"]);
    }
}
