//! Stateless randomness: every draw of data and of training comes from a generator keyed by what it
//! is for.
//!
//! The folds, forests and clusters of dml-eval, which does not know this crate, come from
//! generators of its own, seeded in the same spirit.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A generator that depends on its three arguments only.
///
/// `seed` is the trial's, `purpose` names the draw (`"mask"`, `"batch order"`), `index` tells draws
/// of one purpose apart (mostly the epoch). There is no global state: the same trial draws the same
/// numbers alone, in a stack, after a resume, on any machine.
///
/// The 32-byte key of `ChaCha8` (Bernstein 2008) is the SHA-256 of `seed` (8 bytes, little-endian),
/// `index` (8 bytes, little-endian) and `purpose` (UTF-8, to the end), so no two triples give the
/// same bytes.
pub fn keyed(seed: u64, purpose: &str, index: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(index.to_le_bytes());
    hash.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use rand::RngCore;

    use super::*;

    fn first(seed: u64, purpose: &str, index: u64) -> [u64; 2] {
        let mut generator = keyed(seed, purpose, index);
        [generator.next_u64(), generator.next_u64()]
    }

    /// A changed number here changes every result of the project: old runs could not be repeated.
    /// The numbers are those of a `ChaCha8` written out in Python over hashlib's SHA-256.
    #[test]
    fn the_first_values_are_what_they_always_were() {
        assert_eq!(first(0, "mask", 0), [13_517_674_496_866_531_609, 17_100_512_102_370_987_495]);
        assert_eq!(first(7, "batch order", 3), [17_175_396_558_578_731_217, 12_782_929_958_525_991_786]);
    }

    #[test]
    fn each_argument_changes_the_numbers() {
        let base = first(1, "noise", 2);
        assert_eq!(base, first(1, "noise", 2));
        for other in [first(2, "noise", 2), first(1, "noisy", 2), first(1, "noise", 1), first(2, "noise", 1)]
        {
            assert_ne!(base, other);
        }
    }
}
