//! Which factors of an experiment move a score, and by how much: an analysis of variance over a
//! full factorial.

mod anova;
mod factorial;
mod words;

use crate::evidence::{Evidence, Ranks};
use crate::text::key_text;
use anova::{Anova, Draws};
use dml_spec::EffectsSpec;
use factorial::Factorial;
pub(crate) use words::csv;

/// The effects of a specification, the largest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effects {
    /// Anchor, and file stem of the figure.
    pub(crate) name: String,
    /// One line.
    pub(crate) title: String,
    /// Effects of one factor or more, then the seed, then what is left; none without a whole seed.
    pub(crate) rows: Vec<Effect>,
    /// All named effects.
    pub(crate) together: Option<Share>,
    /// What has to be said under the table, a sentence or more each.
    pub(crate) notes: Vec<String>,
}

/// A part of the variance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effect {
    /// `beta × embedding`.
    pub(crate) label: String,
    /// Whether it is neither the seed's part nor what is left.
    pub(crate) named: bool,
    /// Of the whole variance.
    pub(crate) share: Share,
}

/// A part of a whole with its 95% bootstrap interval over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    /// Between 0 and 1.
    pub(crate) share: f64,
    /// `None` of one seed.
    pub(crate) interval: Option<(f64, f64)>,
}

/// The shares of the effects at these places, summed up.
struct Sum<'d> {
    draws: &'d Draws,
}

impl Sum<'_> {
    fn of(&self, places: &[usize]) -> Share {
        self.draws.share(|shares| places.iter().map(|&place| shares[place]).sum())
    }
}

impl Effects {
    /// Analyses the trials of a specification, which its check has passed, so that they are a full
    /// factorial of the factors. Results may be missing: the analysis then says so.
    pub(crate) fn build(spec: &EffectsSpec, trials: &[Evidence], ranks: &Ranks) -> Self {
        let factorial = Factorial::of(spec, trials, ranks);
        let (name, title) = (spec.name.clone(), spec.title.clone());
        let mut effects = Self { name, title, rows: Vec::new(), together: None, notes: Vec::new() };
        effects.notes.extend(factorial.missing_words(&spec.score));
        let blocks = factorial.scores(&spec.score);
        // Without a trial no factor has a level.
        let anova = (factorial.n_seeds() > 0).then(|| Anova::new(factorial.levels(), spec.order));
        let drawn = anova.and_then(|anova| Draws::of(&anova, &blocks).map(|draws| (anova, draws)));
        let Some((anova, draws)) = drawn else {
            effects.notes.push(words::nothing(&spec.score, blocks.len()));
            return effects;
        };
        let sum = Sum { draws: &draws };
        let n_named = anova.effects.len();
        let mut order: Vec<usize> = (0..n_named).collect();
        order.sort_by(|&a, &b| sum.of(&[b]).share.total_cmp(&sum.of(&[a]).share));
        let name = |place: &usize| {
            let of = anova.effects[*place].iter().map(|&factor| key_text(&spec.factors[factor]));
            of.collect::<Vec<_>>().join(" × ")
        };
        let named = order.iter().map(|p| Effect { label: name(p), named: true, share: sum.of(&[*p]) });
        let (seed, left) = (sum.of(&[n_named]), sum.of(&[n_named + 1]));
        effects.rows = named.collect();
        effects.rows.push(Effect { label: "seed".into(), named: false, share: seed });
        effects.rows.push(Effect { label: "what is left".into(), named: false, share: left });
        let enough = (1..=n_named).map(|n| sum.of(&order[..n]));
        let enough: Vec<Share> = enough.collect();
        effects.together = enough.last().copied();
        let seeds = words::Seeds {
            whole: blocks.len(),
            asked: factorial.n_seeds(),
            diverged: factorial.n_diverged(),
        };
        effects.notes.extend(words::notes(spec, &effects.rows, &seeds, &enough));
        effects
    }
}

#[cfg(test)]
mod tests;
