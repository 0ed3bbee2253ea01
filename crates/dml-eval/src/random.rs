use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator of one purpose under one seed: purposes do not disturb one another's draws.
pub(crate) fn generator(seed: u64, purpose: &str) -> ChaCha8Rng {
    // FNV-1a names the stream.
    let stream = purpose.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}
