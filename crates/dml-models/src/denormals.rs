//! Arithmetic without denormal numbers.

use std::hint::black_box;

/// Has this thread, and every thread that it starts from now on, take numbers below 1.2e-38 (f32)
/// and 2.2e-308 (f64) as zero; or, with false, as they are.
///
/// A processor computes with such denormal numbers some hundred times slower than with others, and
/// training makes many: the second moments of weights at a picture's black border are squares of
/// gradients near zero. No score notices that they become zero.
///
/// The switch is a thread's own, and a new thread inherits it (POSIX, `pthread_create`).
/// [`device`](crate::device) and [`train_epoch`](crate::Stack::train_epoch) set it, so the threads
/// that LibTorch or Rayon start after either have it as well.
///
/// Gives false where the processor has no such switch (it has on x86-64, FTZ and DAZ, and on
/// aarch64, FZ).
#[expect(unsafe_code, reason = "tch does not expose the switch, a function of LibTorch")]
pub fn set_flush_denormal(flush: bool) -> bool {
    use libloading::os::unix::Library;
    // SAFETY: the mangled name states this very signature, the static `bool
    // at::Context::setFlushDenormal(bool)`. It sets two bits of this thread's floating-point
    // control register; no constant of this workspace is computed with denormal numbers at compile
    // time.
    unsafe {
        Library::this()
            .get::<extern "C" fn(bool) -> bool>(b"_ZN2at7Context16setFlushDenormalEb\0")
            .is_ok_and(|set| set(flush))
    }
}

/// Whether this thread takes a denormal result, and a denormal operand, as zero, by trying both in
/// f32 and f64.
pub fn flushes_denormals() -> bool {
    let result = black_box(f32::MIN_POSITIVE) * black_box(0.5);
    let of_operand = black_box(f32::from_bits(1)) * black_box(1e30);
    let in_f64 = black_box(f64::MIN_POSITIVE) * black_box(0.5);
    result.to_bits() == 0 && of_operand.to_bits() == 0 && in_f64.to_bits() == 0
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::{flushes_denormals as flushes, set_flush_denormal};

    #[test]
    fn every_thread_that_computes_flushes_denormals() {
        std::thread::spawn(|| {
            set_flush_denormal(false);
            assert!(!flushes(), "the switch is what makes the difference");
            assert!(set_flush_denormal(true));
            assert!(flushes(), "the thread itself");
            assert!(std::thread::spawn(flushes).join().unwrap(), "a thread that it starts");
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            assert_eq!(pool.broadcast(|_| flushes()), [true; 3], "Rayon's");
            // Long enough that LibTorch cuts it into one part for each of its threads.
            tch::set_num_threads(4);
            let tiny = Tensor::full([1 << 20], f64::from(f32::MIN_POSITIVE), (Kind::Float, tch::Device::Cpu));
            assert_eq!((tiny * 0.5).count_nonzero(0).int64_value(&[]), 0, "OpenMP's");
        })
        .join()
        .unwrap();
    }
}
