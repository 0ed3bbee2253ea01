use rand::seq::SliceRandom;

use crate::random::generator;

/// Rows to fit on and rows to ask, `k` times, every row asked once: scikit-learn's `KFold(k,
/// shuffle=True)`, whose first `n % k` folds have one row more. Rows ascend.
///
/// # Panics
/// When `k` is 0.
pub fn folds(n: usize, k: usize, seed: u64) -> Vec<(Vec<usize>, Vec<usize>)> {
    assert!(k > 0, "there must be at least one fold");
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut generator(seed, "folds"));
    let mut fold_of = vec![0; n];
    for (place, &row) in order.iter().enumerate() {
        // The long folds come first.
        let (short, n_long) = (n / k, n % k);
        let in_long = n_long * (short + 1);
        fold_of[row] = if place < in_long { place / (short + 1) } else { n_long + (place - in_long) / short };
    }
    (0..k).map(|fold| (0..n).partition(|&row| fold_of[row] != fold)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_of_10000_have_3334_3333_and_3333_rows_and_cover_each_row_once() {
        let folds = folds(10_000, 3, 7);
        let sizes: Vec<usize> = folds.iter().map(|(_, ask)| ask.len()).collect();
        assert_eq!(sizes, [3334, 3333, 3333]);
        let mut asked = folds.iter().flat_map(|(_, ask)| ask.clone()).collect::<Vec<_>>();
        asked.sort_unstable();
        assert_eq!(asked, (0..10_000).collect::<Vec<_>>());
        assert!(folds.iter().all(|(fit, ask)| fit.len() + ask.len() == 10_000));
    }

    #[test]
    #[should_panic(expected = "there must be at least one fold")]
    fn no_folds_are_refused() {
        folds(9, 0, 1);
    }
}
