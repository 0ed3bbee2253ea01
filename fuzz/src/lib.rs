//! What the targets share: a limit on memory, and files that inputs are written to.

use std::alloc::System;
use std::fs;
use std::path::{Path, PathBuf};

use cap::Cap;

/// What one input may make a target allocate, all at once: far more than an honest file of its
/// length needs, and far less than a lying header asks for. Asking for more ends the process, which
/// libFuzzer takes for a crash.
const MOST_BYTES: usize = 256 << 20;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MOST_BYTES);

/// Lets a target take more memory.
pub fn allow(bytes: usize) {
    ALLOCATOR.set_limit(bytes).expect("it is more than what is taken");
}

/// An empty folder of this process, in TMPDIR, which the caller of the process removes.
pub fn folder(target: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("{target}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("TMPDIR can be written");
    folder
}

/// Puts an input where the product finds it.
pub fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("TMPDIR can be written");
}

/// A sentence about a file names it, and is not empty.
pub fn names(path: &Path, sentence: &str) {
    let name = path.display().to_string();
    assert!(sentence.contains(&name) && sentence.len() > name.len() + 2, "{sentence}");
}
