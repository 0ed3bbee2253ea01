//! Scores a random embedding of 300 points of 3 classes, which knows nothing of them.

use dml_eval::{Embedded, Evaluation, Protocol, Readout};
use ndarray::Array2;

fn main() -> Result<(), dml_eval::EvalError> {
    let labels: Vec<u8> = (0..300).map(|i| (i % 3) as u8).collect();
    let embeddings = Array2::from_shape_simple_fn((300, 2), rand::random::<f32>);
    let data = Embedded { embeddings: embeddings.view(), labels: &labels };
    let evaluation = Evaluation { train: data, labelled: &[0, 1, 2], test: data, seed: 1 };
    let mut scores = evaluation.readouts(Protocol::TestFolds, &Readout::ALL)?;
    scores.extend(evaluation.clustering()?);
    scores.extend(evaluation.retrieval()?);
    for (name, score) in scores {
        println!("{name:40} {score:.3}");
    }
    Ok(())
}
