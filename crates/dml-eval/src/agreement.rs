//! How well two labelings of the same points agree.
//!
//! Scores follow scikit-learn's `metrics.cluster`, special cases included, and are symmetric unless
//! said otherwise. Names of classes do not matter, except to [`accuracy`].

mod assignment;
mod contingency;
mod expected;

use crate::label::{Classes, Label};
use assignment::most_agreeing;
use contingency::Contingency;
use expected::expected_mutual_information;

/// The share of points with `truth[i] == predicted[i]`, in [0, 1]; 1 where there are no points.
pub fn accuracy<L: Label>(truth: &[L], predicted: &[L]) -> f64 {
    assert_eq!(truth.len(), predicted.len(), "both labelings must cover the same points");
    let hits = truth.iter().zip(predicted).filter(|(a, b)| a == b).count();
    if truth.is_empty() { 1.0 } else { hits as f64 / truth.len() as f64 }
}

/// Adjusted mutual information (Vinh, Epps & Bailey 2010), at most 1, and 0 on average for chance:
/// (MI - E\[MI\]) / ((H(a) + H(b)) / 2 - E\[MI\]).
///
/// The expectation is exact, under the hypergeometric model. Special cases: 1 where the labelings
/// are the same but for names, also where each has one class, or no points; as scikit-learn has it,
/// 0 where one of them has one class, and numerator and denominator are kept an epsilon from zero.
pub fn adjusted_mutual_information<A: Label, B: Label>(a: &[A], b: &[B]) -> f64 {
    let table = Contingency::of(a, b);
    if table.is_one_to_one() {
        return 1.0;
    }
    if table.a.len() == 1 || table.b.len() == 1 {
        return 0.0;
    }
    let expected = expected_mutual_information(&table.a, &table.b);
    let mean_entropy = f64::midpoint(table.entropy_a(), table.entropy_b());
    let off_zero = |x: f64| if x < 0.0 { x.min(-f64::EPSILON) } else { x.max(f64::EPSILON) };
    off_zero(table.mutual_information() - expected) / off_zero(mean_entropy - expected)
}

/// Normalized mutual information, in [0, 1]: MI / ((H(a) + H(b)) / 2); 1 where the labelings are
/// the same but for names, also where each has one class, or no points.
pub fn normalized_mutual_information<A: Label, B: Label>(a: &[A], b: &[B]) -> f64 {
    let table = Contingency::of(a, b);
    if table.is_one_to_one() {
        return 1.0;
    }
    table.mutual_information() / f64::midpoint(table.entropy_a(), table.entropy_b())
}

/// Adjusted Rand index (Hubert & Arabie 1985), in [-0.5, 1]: agreement on pairs of points, 0 on
/// average for chance; 1 where the labelings agree on every pair.
pub fn adjusted_rand<A: Label, B: Label>(a: &[A], b: &[B]) -> f64 {
    let table = Contingency::of(a, b);
    let squares = |counts: &[u32]| counts.iter().map(|&n| i128::from(n).pow(2)).sum::<i128>();
    let n = a.len() as i128;
    let both = table.cells.iter().map(|cell| i128::from(cell.n).pow(2)).sum::<i128>();
    let (in_a, in_b) = (squares(&table.a), squares(&table.b));
    // Ordered pairs that are together in both, in b alone, in a alone, in neither.
    let (together, only_b, only_a) = (both - n, in_b - both, in_a - both);
    let apart = n * n - in_a - in_b + both;
    if only_a == 0 && only_b == 0 {
        return 1.0;
    }
    let chance = (together + only_a) * (only_a + apart) + (together + only_b) * (only_b + apart);
    2.0 * (together * apart - only_a * only_b) as f64 / chance as f64
}

/// What [`homogeneity_completeness_v`] returns; each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homogeneity {
    /// 1 where every cluster holds points of one class only.
    pub homogeneity: f64,
    /// 1 where all points of a class lie in one cluster.
    pub completeness: f64,
    /// The harmonic mean of the two.
    pub v_measure: f64,
}

/// Homogeneity MI / H(truth), completeness MI / H(predicted) and their harmonic mean (Rosenberg &
/// Hirschberg 2007). Without entropy a part is 1. Not symmetric.
pub fn homogeneity_completeness_v<A: Label, B: Label>(truth: &[A], predicted: &[B]) -> Homogeneity {
    let table = Contingency::of(truth, predicted);
    if table.is_one_to_one() {
        return Homogeneity { homogeneity: 1.0, completeness: 1.0, v_measure: 1.0 };
    }
    let information = table.mutual_information();
    let share = |entropy: f64| if entropy == 0.0 { 1.0 } else { information / entropy };
    let (homogeneity, completeness) = (share(table.entropy_a()), share(table.entropy_b()));
    let sum = homogeneity + completeness;
    let v_measure = if sum == 0.0 { 0.0 } else { 2.0 * homogeneity * completeness / sum };
    Homogeneity { homogeneity, completeness, v_measure }
}

/// Clustering accuracy, in [0, 1]: the share of points that agree under the best one-to-one
/// assignment of clusters to classes (Yang et al. 2010); 1 where there are no points.
///
/// Takes memory for the pairs of class and cluster that occur, and seldom more than a few looks at
/// each.
pub fn clustering_accuracy<A: Label, B: Label>(truth: &[A], predicted: &[B]) -> f64 {
    let table = Contingency::of(truth, predicted);
    if truth.is_empty() { 1.0 } else { most_agreeing(&table) as f64 / truth.len() as f64 }
}

#[cfg(test)]
mod tests;
