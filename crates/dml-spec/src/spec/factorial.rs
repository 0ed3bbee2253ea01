//! Whether the trials of an analysis of effects are a full factorial: every combination of the
//! factors' values once a seed.

use std::collections::{BTreeMap, BTreeSet};

use dml_store::{flatten, lookup, trial_id};

use super::EffectsSpec;
use crate::select::value_text;

/// Combinations of factors, at most.
const MOST_CELLS: usize = 10_000;

impl EffectsSpec {
    /// Whether it can be made of these trials, and is said to hold for a share.
    pub(super) fn check(&self, trials: &[toml::Table]) -> Result<(), String> {
        let n = self.factors.len();
        if !(1..=n).contains(&self.order) {
            return Err(format!(
                "order is {}; a number from 1 to that of its factors, {n}, would be right",
                self.order
            ));
        }
        if !(0.0..1.0).contains(&self.bar) {
            return Err(format!(
                "bar is {}; a share of 0 or more and below 1, such as 0.8, would be right",
                self.bar
            ));
        }
        if trials.is_empty() {
            return Ok(());
        }
        let selected: Vec<&toml::Table> = trials.iter().filter(|t| self.select.matches(t)).collect();
        let levels = self.factors.iter().map(|key| levels(key, &selected)).collect::<Result<Vec<_>, _>>()?;
        let n_cells = levels.iter().map(Vec::len).fold(1, usize::saturating_mul);
        if n_cells > MOST_CELLS {
            return Err(format!(
                "its factors have more than {MOST_CELLS} combinations, and a full factorial has every one once a seed; name fewer factors"
            ));
        }
        // The last factor's values run fastest.
        let cell = |mut place: usize| -> Vec<String> {
            let mut cell: Vec<String> = Vec::new();
            for levels in levels.iter().rev() {
                cell.insert(0, levels[place % levels.len()].clone());
                place /= levels.len();
            }
            cell
        };
        for (seed, cells) in self.seeds(&selected)? {
            if let Some(missing) = (0..n_cells).map(cell).find(|cell| !cells.contains(cell)) {
                let named = self.factors.iter().zip(missing).map(|(key, value)| format!("{key} {value}"));
                return Err(format!(
                    "no trial of seed {seed} has {}; a full factorial has every combination of its factors once a seed",
                    named.collect::<Vec<_>>().join(", ")
                ));
            }
        }
        Ok(())
    }

    /// The combinations that each seed has.
    fn seeds(&self, trials: &[&toml::Table]) -> Result<BTreeMap<String, BTreeSet<Vec<String>>>, String> {
        let mut seen: BTreeMap<String, BTreeMap<Vec<String>, &toml::Table>> = BTreeMap::new();
        for trial in trials {
            let text = |key: &str| lookup(trial, key).map_or_else(String::new, value_text);
            let (seed, cell) = (text("seed"), self.factors.iter().map(|key| text(key)).collect());
            let other = seen.entry(seed.clone()).or_default().insert(cell, trial);
            if let Some(other) = other.filter(|other| other != trial) {
                let (a, b) = (flatten(other), flatten(trial));
                let keys: Vec<&str> =
                    a.iter().filter(|(key, v)| b.get(*key) != Some(v)).map(|(key, _)| key.as_str()).collect();
                return Err(format!(
                    "two trials of seed {seed} have the same factors and differ in {}; select one value, or name the key among the factors",
                    keys.join(", ")
                ));
            }
        }
        Ok(seen.into_iter().map(|(seed, cells)| (seed, cells.into_keys().collect())).collect())
    }
}

/// The values of a factor, two or more.
fn levels(key: &str, trials: &[&toml::Table]) -> Result<Vec<String>, String> {
    let value = |trial: &&toml::Table| {
        lookup(trial, key).map(value_text).ok_or_else(|| {
            let id = trial_id(trial);
            format!("trial {id} has no {key}, which is a factor; select trials that have it")
        })
    };
    let levels: BTreeSet<String> = trials.iter().map(value).collect::<Result<_, _>>()?;
    if levels.len() < 2 {
        let values = levels.first().map_or("no value", String::as_str);
        return Err(format!("its factor {key} has {values} alone; two values or more would be right"));
    }
    Ok(levels.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 x 2 x 2 trials of each of two seeds, the first factor's values running fastest.
    fn trials() -> Vec<toml::Table> {
        let level = |cell: i64, factor: i64| 2 * (cell >> factor & 1) - 1;
        let trial = |seed: i64, cell: i64| {
            let [a, b, c] = [0, 1, 2].map(|factor| level(cell, factor));
            format!("seed = {seed}\na = {a}\nb = {b}\nc = {c}").parse().unwrap()
        };
        (0..2).flat_map(|seed| (0..8).map(move |cell| trial(seed, cell))).collect()
    }

    fn checked(spec: &str, trials: &[toml::Table]) -> Result<(), String> {
        let spec = format!("name = 'e'\ntitle = 'T'\nscore = 'y'\nbar = 0.8\n{spec}");
        toml::from_str::<EffectsSpec>(&spec).unwrap().check(trials)
    }

    const ALL: &str = "factors = ['a', 'b', 'c']\norder = 3";

    #[test]
    fn what_is_no_full_factorial_is_refused_with_what_is_missing() {
        let mut trials = trials();
        let refused = |spec: &str, trials: &[toml::Table]| checked(spec, trials).unwrap_err();
        assert_eq!(checked(ALL, &trials), Ok(()));
        assert_eq!(checked("factors = ['a', 'b']\norder = 1\nselect = { c = 1 }", &trials), Ok(()));
        assert_eq!(
            refused("factors = ['a', 'b']\norder = 2", &trials),
            "two trials of seed 0 have the same factors and differ in c; select one value, or name the key among the factors"
        );
        assert_eq!(
            refused("factors = ['a', 'b', 'c']\norder = 1\nselect = { c = 1 }", &trials),
            "its factor c has 1 alone; two values or more would be right"
        );
        assert!(
            refused("factors = ['a', 'd']\norder = 1", &trials)
                .ends_with(" has no d, which is a factor; select trials that have it")
        );
        assert_eq!(
            refused("factors = ['a', 'b', 'c']\norder = 4", &trials),
            "order is 4; a number from 1 to that of its factors, 3, would be right"
        );
        trials.remove(13);
        assert_eq!(
            refused(ALL, &trials),
            "no trial of seed 1 has a 1, b -1, c 1; a full factorial has every combination of its factors once a seed"
        );
    }

    #[test]
    fn more_combinations_than_anyone_trains_are_refused_before_memory_is_taken_for_them() {
        // Of 40 factors one differs at a time.
        let row = |one: Option<usize>| {
            let values = (0..40).map(|factor| format!("f{factor} = {}\n", u8::from(one == Some(factor))));
            format!("seed = 0\n{}", values.collect::<String>()).parse::<toml::Table>().unwrap()
        };
        let trials: Vec<toml::Table> = [None].into_iter().chain((0..40).map(Some)).map(row).collect();
        let factors: Vec<String> = (0..40).map(|factor| format!("f{factor}")).collect();
        assert_eq!(
            checked(&format!("factors = {factors:?}\norder = 1"), &trials).unwrap_err(),
            "its factors have more than 10000 combinations, and a full factorial has every one once a seed; name fewer factors"
        );
    }
}
