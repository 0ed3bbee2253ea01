//! The Rust half of `compare.py`: answers one JSON request a line, and tells how long the work
//! itself took.

use std::io::{BufRead, Write};
use std::time::Instant;

use dml_eval::clustering::KMeans;
use dml_eval::{EvalError, Readout, agreement, retrieval::retrieval};
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Request {
    Agreement { a: Vec<u32>, b: Vec<u32> },
    Readout { readout: Readout, seed: u64, fit: Rows, labels: Vec<u8>, ask: Rows },
    KMeans { embeddings: Rows, n_clusters: usize, n_starts: usize, seed: u64 },
    Retrieval { embeddings: Rows, labels: Vec<u8> },
    RetrievalMemory { n: usize, d: usize },
}

type Rows = Vec<Vec<f32>>;

fn array(rows: &Rows) -> Array2<f32> {
    let d = rows.first().map_or(0, Vec::len);
    Array2::from_shape_vec((rows.len(), d), rows.concat()).expect("rows of one length")
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed().as_secs_f64())
}

fn answer(request: Request) -> Result<Value, EvalError> {
    Ok(match request {
        Request::Agreement { a, b } => {
            let (ami, seconds) = timed(|| agreement::adjusted_mutual_information(&a, &b));
            let nmi = agreement::normalized_mutual_information(&a, &b);
            json!({"ami": ami, "nmi": nmi, "ari": agreement::adjusted_rand(&a, &b), "seconds": seconds})
        }
        Request::Readout { readout, seed, fit, labels, ask } => {
            let (fit, ask) = (array(&fit), array(&ask));
            let classifier = readout.classifier(seed);
            let (predicted, seconds) = timed(|| classifier.fit_predict(fit.view(), &labels, ask.view()));
            json!({"predicted": predicted?, "seconds": seconds})
        }
        Request::KMeans { embeddings, n_clusters, n_starts, seed } => {
            let embeddings = array(&embeddings);
            let (found, seconds) = timed(|| KMeans::fit(embeddings.view(), n_clusters, n_starts, seed));
            json!({"inertia": found?.inertia, "seconds": seconds})
        }
        Request::Retrieval { embeddings, labels } => {
            let embeddings = array(&embeddings);
            let (found, seconds) = timed(|| retrieval(embeddings.view(), &labels, &[1]));
            json!({"map_at_r": found?.map_at_r, "seconds": seconds})
        }
        Request::RetrievalMemory { n, d } => {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
            let labels: Vec<u8> = (0..n).map(|i| (i % 10) as u8).collect();
            let embeddings = Array2::from_shape_simple_fn((n, d), || rng.r#gen::<f32>());
            let (found, seconds) = timed(|| retrieval(embeddings.view(), &labels, &[1]));
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(str::trim);
            json!({"map_at_r": found?.map_at_r, "seconds": seconds, "peak_memory": peak})
        }
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        writeln!(out, "{}", answer(serde_json::from_str(&line?)?)?)?;
        out.flush()?;
    }
    Ok(())
}
