//! Trials as a full factorial: every combination of the factors' levels once a seed.

use std::slice::from_ref;

use dml_spec::EffectsSpec;
use dml_store::Ending;
use toml::Value;

use crate::evidence::{Evidence, MISSING, Ranks, SEED, group};
use crate::text::score_text;

/// A full factorial.
pub(super) struct Factorial<'t, 'a> {
    /// Number of levels of each factor.
    levels: Vec<usize>,
    /// For each seed the trials of all cells, the last factor's levels running fastest.
    blocks: Vec<Vec<&'t Evidence<'a>>>,
}

impl<'t, 'a> Factorial<'t, 'a> {
    /// Of trials that the check of the specification has passed.
    pub(super) fn of(spec: &EffectsSpec, trials: &'t [Evidence<'a>], ranks: &Ranks) -> Self {
        let selected: Vec<&Evidence> = trials.iter().filter(|t| spec.select.matches(t.trial)).collect();
        let n_levels = |factor| group(selected.iter().copied(), from_ref(factor), ranks, leaf).len();
        let levels = spec.factors.iter().map(n_levels).collect();
        let seeds = group(selected.iter().copied(), &[SEED.to_string()], ranks, leaf);
        let cells = |of_seed: Vec<&'t Evidence<'a>>| {
            let cells = group(of_seed, &spec.factors, ranks, leaf);
            cells.into_iter().map(|(_, trials)| trials[0]).collect()
        };
        Self { levels, blocks: seeds.into_iter().map(|(_, of_seed)| cells(of_seed)).collect() }
    }

    /// Number of levels of each factor.
    pub(super) fn levels(&self) -> &[usize] {
        &self.levels
    }

    /// Number of seeds that the sweep asks for.
    pub(super) fn n_seeds(&self) -> usize {
        self.blocks.len()
    }

    /// Number of seeds of which a trial diverged.
    pub(super) fn n_diverged(&self) -> usize {
        self.blocks.iter().filter(|block| block.iter().any(|trial| trial.diverged())).count()
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

/// The value of a key, whether or not it means something.
fn leaf<'a>(trial: &Evidence<'a>, key: &str) -> Option<&'a Value> {
    trial.leaves.get(key).copied()
}
