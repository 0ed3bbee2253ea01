//! A random forest of many classes, in a process of its own, whose memory is looked at.

use std::fs;

use dml_eval::readout::{Classifier, RandomForest};
use ndarray::{Array2, s};

/// The most memory that this process has had so far, in MiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() >> 10
}

/// Votes of all rows for all classes would be 320 MB of `f32` here.
#[test]
#[cfg(target_os = "linux")]
fn memory_holds_no_votes_of_four_thousand_classes() {
    let (classes, rows) = (4_000_u16, 5);
    let labels: Vec<u16> = (0..classes).flat_map(|class| [class; 5]).collect();
    // Classes on a grid of 64 x 63, their rows near each other.
    let embeddings = Array2::from_shape_fn((labels.len(), 2), |(row, axis)| {
        let place = if axis == 0 { labels[row] % 64 } else { labels[row] / 64 };
        f32::from(place) + (row % rows) as f32 * 0.01
    });
    let before = peak();
    let forest = RandomForest { n_trees: 20, seed: 1 };
    let predicted = forest.fit_predict(embeddings.view(), &labels, embeddings.slice(s![..;2, ..])).unwrap();
    let right = predicted.iter().zip(labels.iter().step_by(2)).filter(|(a, b)| a == b).count();
    assert!(right > 9_900, "{right} of 10,000 are right");
    let grown = peak() - before;
    assert!(grown < 256, "{grown} MiB");
}
