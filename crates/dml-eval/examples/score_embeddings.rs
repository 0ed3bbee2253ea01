//! Scores random embeddings of three classes, which know nothing of them: accuracies are near a
//! third, agreement near 0.

use dml_eval::{Embedded, Evaluation, Protocol, Readout};
use ndarray::Array2;

fn main() -> Result<(), dml_eval::EvalError> {
    let labels: Vec<u8> = (0..300).map(|i| (i % 3) as u8).collect();
    let [train, test] = [(); 2].map(|()| Array2::from_shape_simple_fn((300, 2), rand::random::<f32>));
    let evaluation = Evaluation {
        train: Embedded { embeddings: train.view(), labels: &labels },
        labelled: &[0, 1, 2],
        test: Embedded { embeddings: test.view(), labels: &labels },
        seed: 1,
    };
    let mut scores = evaluation.clustering()?;
    scores.extend(evaluation.retrieval()?);
    for protocol in Protocol::ALL {
        scores.extend(evaluation.readouts(protocol, &Readout::ALL)?);
    }
    for (name, score) in scores {
        println!("{name:40} {score:.3}");
    }
    Ok(())
}
