//! Trials as a full factorial: every combination of the factors' levels once a seed.

use std::collections::BTreeMap;

use dml_spec::EffectsSpec;
use dml_store::Ending;
use toml::Value;

use crate::error::ReportError;
use crate::evidence::{Evidence, MISSING, Ranks, SEED, group, varying_keys};
use crate::text::{key_text, score_text, value_text};

/// Combinations of factors, at most.
const MOST_CELLS: usize = 10_000;

/// A checked factorial.
pub(super) struct Factorial<'t, 'a> {
    /// The levels of each factor, in the order of the sweep.
    levels: Vec<Vec<Value>>,
    /// For each seed the trials of all cells, the last factor's levels running fastest.
    blocks: Vec<Vec<&'t Evidence<'a>>>,
}

impl<'t, 'a> Factorial<'t, 'a> {
    pub(super) fn of(
        spec: &EffectsSpec,
        trials: &'t [Evidence<'a>],
        ranks: &Ranks,
    ) -> Result<Self, ReportError> {
        let wrong = |why: String| ReportError::Spec(format!("effects \"{}\": {why}", spec.name));
        let selected: Vec<&Evidence> = trials.iter().filter(|t| spec.select.matches(t.trial)).collect();
        if !(1..=spec.factors.len()).contains(&spec.order) {
            let n = spec.factors.len();
            return Err(wrong(format!(
                "order is {}; a number from 1 to that of its factors, {n}, would be right",
                spec.order
            )));
        }
        if !(0.0..1.0).contains(&spec.bar) {
            return Err(wrong(format!(
                "bar is {}; a share from 0 to 1, such as 0.8, would be right",
                spec.bar
            )));
        }
        let levels = spec.factors.iter().map(|key| levels(key, &selected, ranks).map_err(wrong));
        let levels = levels.collect::<Result<Vec<_>, _>>()?;
        let seeds = group(selected, &[SEED.to_string()], ranks, Evidence::value);
        let blocks = seeds.into_iter().map(|(_, of_seed)| block(&spec.factors, &levels, of_seed));
        let blocks = blocks.collect::<Result<_, _>>().map_err(wrong)?;
        Ok(Self { levels, blocks })
    }

    /// Number of levels of each factor.
    pub(super) fn levels(&self) -> Vec<usize> {
        self.levels.iter().map(Vec::len).collect()
    }

    /// Number of seeds that the sweep asks for.
    pub(super) fn n_seeds(&self) -> usize {
        self.blocks.len()
    }

    /// The scores of the seeds all of whose trials have one.
    pub(super) fn scores(&self, score: &str) -> Vec<Vec<f64>> {
        let of_block = |block: &Vec<&Evidence>| block.iter().map(|trial| trial.score(score)).collect();
        self.blocks.iter().filter_map(of_block).collect()
    }

    /// Which seeds are left out, and why.
    pub(super) fn missing_words(&self, score: &str) -> Option<String> {
        let all = || self.blocks.iter().flatten();
        let complete = self.scores(score).len();
        let diverged = all().filter(|trial| trial.diverged()).count();
        let missing = all().filter(|trial| trial.score(score).is_none()).count() - diverged;
        let causes = [(missing, MISSING.to_owned()), (diverged, Ending::Diverged.to_string())];
        let causes: Vec<String> =
            causes.into_iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{n} {why}")).collect();
        (complete < self.blocks.len()).then(|| {
            format!(
                "{complete} of {} seeds are whole and analysed; {} of {} trials are without a {} ({}).",
                self.blocks.len(),
                missing + diverged,
                all().count(),
                score_text(score),
                causes.join(", ")
            )
        })
    }
}

/// The values of a factor, two or more.
fn levels(key: &str, trials: &[&Evidence], ranks: &Ranks) -> Result<Vec<Value>, String> {
    let mut levels = BTreeMap::new();
    for trial in trials {
        let value = trial.leaves.get(key).ok_or_else(|| {
            format!("trial {} has no {key}, which is a factor; select trials that have it", trial.id)
        })?;
        levels.entry(value_text(value)).or_insert_with(|| (*value).clone());
    }
    let mut levels: Vec<Value> = levels.into_values().collect();
    levels.sort_by(|a, b| ranks.order(key, Some(a), Some(b)));
    if levels.len() < 2 {
        let values = levels.first().map_or_else(|| "no value".to_string(), value_text);
        return Err(format!("its factor {key} has {values} alone; two values or more would be right"));
    }
    Ok(levels)
}

/// The trials of one seed in the order of the cells.
fn block<'t, 'a>(
    factors: &[String],
    levels: &[Vec<Value>],
    trials: Vec<&'t Evidence<'a>>,
) -> Result<Vec<&'t Evidence<'a>>, String> {
    let seed = trials[0].seed();
    let place = |trial: &Evidence| {
        let level = |(key, levels): (&String, &Vec<Value>)| {
            let found = value_text(trial.leaves[key]);
            (levels.len(), levels.iter().position(|level| value_text(level) == found).expect("a level"))
        };
        factors.iter().zip(levels).map(level).fold(0, |place, (n, level)| place * n + level)
    };
    let n_cells = levels.iter().map(Vec::len).fold(1, usize::saturating_mul);
    if n_cells > MOST_CELLS {
        return Err(format!(
            "its factors have more than {MOST_CELLS} combinations, and a full factorial has every one once a seed; name fewer factors"
        ));
    }
    let mut cells: Vec<Option<&Evidence>> = vec![None; n_cells];
    for trial in trials {
        if let Some(other) = cells[place(trial)].replace(trial) {
            let keys = varying_keys(&[other, trial]).join(", ");
            return Err(format!(
                "two trials of seed {seed} have the same factors and differ in {keys}; select one value, or name the key among the factors"
            ));
        }
    }
    if let Some(missing) = cells.iter().position(Option::is_none) {
        let mut rest = missing;
        let level = |(key, levels): (&String, &Vec<Value>)| {
            let text = format!("{} {}", key_text(key), value_text(&levels[rest % levels.len()]));
            rest /= levels.len();
            text
        };
        let mut cell: Vec<String> = factors.iter().zip(levels).rev().map(level).collect();
        cell.reverse();
        return Err(format!(
            "no trial of seed {seed} has {}; a full factorial has every combination of its factors once a seed",
            cell.join(", ")
        ));
    }
    Ok(cells.into_iter().flatten().collect())
}
