use super::*;

#[test]
fn relabelling_a_perfect_match_scores_one_except_for_accuracy() {
    let (a, b) = ([0_u8, 0, 1, 1, 2, 2], [7_u32, 7, 3, 3, 5, 5]);
    assert!((adjusted_mutual_information(&a, &b) - 1.0).abs() < 1e-15);
    assert!((normalized_mutual_information(&a, &b) - 1.0).abs() < 1e-15);
    assert!((adjusted_rand(&a, &b) - 1.0).abs() < 1e-15);
    assert!((clustering_accuracy(&a, &b) - 1.0).abs() < 1e-15);
    assert!((accuracy(&a, &[1_u8, 1, 0, 0, 2, 2]) - 1.0 / 3.0).abs() < 1e-15);
}
