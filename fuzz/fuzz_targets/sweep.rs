//! A sweep file, and the trials that it makes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "xtask uses more of its modules than this target does")]
#[path = "../../xtask/src/experiment"]
mod experiment {
    pub(crate) mod expand;
    pub(crate) mod file;
    mod stop_early;
    pub(crate) mod trial;
}

use experiment::{expand::expand, file::parse};

/// More trials than this take the time of many inputs.
const MOST_TRIALS: usize = 200;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (Some(file), mistakes) = parse(text) else { return };
    assert!(mistakes.iter().all(|mistake| !mistake.what.is_empty()));
    let values = |grid: &toml::Table| {
        let lengths = grid.values().map(|value| value.as_array().map_or(1, |values| values.len().max(1)));
        lengths.fold(1, usize::saturating_mul)
    };
    let all = file.grid.iter().map(values).fold(1, usize::saturating_add);
    let is_refused = file.seeds as usize > 100_000;
    if is_refused || all.saturating_mul(file.seeds as usize) <= MOST_TRIALS {
        let _ = expand(&file.base, &file.grid, file.seeds).map(|trials| assert!(trials.len() <= MOST_TRIALS));
    }
});
