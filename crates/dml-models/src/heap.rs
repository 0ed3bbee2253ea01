//! Keeps a step's memory in the process for the next step.

use std::sync::Once;

/// Tells the C library, once, not to give freed memory back to the system.
///
/// A step frees its gradients and activations, and the next one wants as much again. glibc maps
/// large blocks apart and unmaps them when they are freed, and gives back what is free at the top
/// of its heap, so each step would have the system clear its pages anew: an eighth to a quarter of
/// a training with convolutions. Here every block comes from the heap, which is never trimmed
/// (mallopt(3), `M_MMAP_MAX` and `M_TRIM_THRESHOLD`). Other C libraries take no notice.
pub(crate) fn keep_freed_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(never_trim);
}

#[expect(unsafe_code, reason = "mallopt is a function of C")]
fn never_trim() {
    use libloading::os::unix::Library;
    const TRIM_THRESHOLD: i32 = -1;
    const MMAP_MAX: i32 = -4;
    // SAFETY: the signature is that of mallopt(3), which may be called at any time; numbers of
    // parameters that a library does not know are ignored.
    unsafe {
        if let Ok(set) = Library::this().get::<extern "C" fn(i32, i32) -> i32>(b"mallopt\0") {
            set(MMAP_MAX, 0);
            set(TRIM_THRESHOLD, -1);
        }
    }
}
