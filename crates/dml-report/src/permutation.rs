//! The sign-flip permutation test of paired differences.

use dml_data::random::keyed;
use rand::Rng as _;

/// Of up to so many differences all signs are tried.
const MOST_EXACT: usize = 16;
/// Of more, so many are drawn.
const N_DRAWN: usize = 65_535;

/// Sums that differ by less than this part of the largest possible one are equal.
const ROUNDING: f64 = 1e-12;

/// Two-sided p that there is no difference, if differences are as likely to have the other sign
/// (Fisher 1935): the share of all signs under which the sum is at least as far from 0 as the one
/// found. It supposes no normal distribution. Exact for up to 16 differences, of which it is at
/// least 2 / 2^n; for more it is of the found signs and 65,535 drawn ones (Phipson & Smyth 2010).
/// `None` of fewer than two.
pub(crate) fn sign_flip_p(differences: &[f64]) -> Option<f64> {
    let n = differences.len();
    let largest: f64 = differences.iter().map(|d| d.abs()).sum();
    let found = differences.iter().sum::<f64>().abs() - ROUNDING * largest;
    let reaches = |flipped: &dyn Fn(usize) -> bool| {
        let signed = differences.iter().enumerate().map(|(i, d)| if flipped(i) { -d } else { *d });
        signed.sum::<f64>().abs() >= found
    };
    match n {
        0 | 1 => None,
        2..=MOST_EXACT => {
            let all = 1_u32 << n;
            let as_far = (0..all).filter(|signs| reaches(&|i| signs >> i & 1 == 1)).count();
            Some(as_far as f64 / f64::from(all))
        }
        _ => {
            let mut random = keyed(0, "sign flips", 0);
            let mut draw = || (0..n).map(|_| random.r#gen()).collect::<Vec<bool>>();
            let as_far = (0..N_DRAWN).filter(|_| {
                let signs = draw();
                reaches(&|i| signs[i])
            });
            Some((as_far.count() + 1) as f64 / (N_DRAWN + 1) as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_differences_are_flipped_in_all_ways() {
        // All of one sign: only they and their mirror image are as far from 0.
        assert_eq!(sign_flip_p(&[0.1, 0.2, 0.3]), Some(2.0 / 8.0));
        assert_eq!(sign_flip_p(&[-0.01; 10]), Some(2.0 / 1024.0));
        // By hand: sums of ±1 ±2 ±3 ±4 that reach 1 + 2 - 3 + 4 = 4 are 10, 8, 6, 4, 4 and their
        // mirror images.
        assert_eq!(sign_flip_p(&[1.0, 2.0, -3.0, 4.0]), Some(10.0 / 16.0));
        // Equal but for rounding: 0.1 + 0.2 is not 0.3.
        assert_eq!(sign_flip_p(&[0.1, 0.2, -0.3]), Some(1.0));
        assert_eq!(sign_flip_p(&[0.5]), None);
    }

    #[test]
    fn many_differences_are_flipped_at_random_and_never_give_0() {
        let clear = vec![0.1; 20];
        assert_eq!(sign_flip_p(&clear), Some(1.0 / 65_536.0));
        // As many of either sign: every draw is at least as far from 0.
        let balanced: Vec<f64> = (0..20).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        assert_eq!(sign_flip_p(&balanced), Some(1.0));
        // 15 of 20 positive: the binomial test has p = 0.0414.
        let most: Vec<f64> = (0..20).map(|i| if i < 15 { 0.1 } else { -0.1 }).collect();
        let p = sign_flip_p(&most).unwrap();
        assert!((p - 0.041_39).abs() < 0.003, "{p}: four standard deviations of 65,535 draws");
    }
}
