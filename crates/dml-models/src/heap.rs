//! Keeps a step's memory in the process for the next step.

use std::hint::black_box;
use std::sync::Once;

/// The largest block whose release glibc takes notice of is 32 MiB, with its header.
const LARGEST: usize = (32 << 20) - (8 << 10);

/// Tells the C library, once, not to give freed memory back to the system.
///
/// A step frees its gradients and activations, and the next one wants as much again. glibc gives
/// back what is free at the top of its heap beyond twice the largest block that was ever mapped and
/// freed (mallopt(3), `M_MMAP_THRESHOLD`), so each step would have the system clear its pages anew.
/// Mapping and freeing such a block once raises that limit to 64 MiB; no page of it is touched.
/// Other C libraries take no notice.
pub(crate) fn keep_freed_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(black_box(Vec::<u8>::with_capacity(LARGEST))));
}
