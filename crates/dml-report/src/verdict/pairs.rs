//! Treatment and control side by side, equal in everything that the proposal does not touch.

use dml_spec::{ChoiceSpec, VerdictSpec, is_in};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::two_way::ByImage;
use crate::evidence::{Evidence, SEED, varying_keys};
use crate::text::{key_text, score_text, value_text};

/// Why a pair is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The treatment diverged.
    TreatmentDiverged,
    /// The control diverged.
    ControlDiverged,
    /// A result is missing, of the pair or of a trial that the tuned keys are chosen by.
    NoResult,
    /// No trial decides the tuned keys: none is equal to the pair's in all but the keys of `on`.
    NothingDecides,
    /// Another pair of the same seed is lost: a seed counts with all its pairs or not at all.
    OtherPair,
}

/// How many pairs are lost for each cause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lost(BTreeMap<Cause, usize>);

impl Lost {
    pub(crate) fn to(&self, cause: Cause) -> usize {
        self.0.get(&cause).copied().unwrap_or(0)
    }

    fn add(&mut self, cause: Cause, pairs: usize) {
        *self.0.entry(cause).or_default() += pairs;
    }
}

/// Whether a trial of the treatment diverged, and one of the control. The seeds that are left are
/// those on which that side went well, so they flatter it: after a divergence of the treatment
/// nothing is supported (a loss all the more), after one of the control nothing refuted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Diverged {
    pub(crate) treatment: bool,
    pub(crate) control: bool,
}

/// A difference that the sweep gives.
pub(super) struct Pair {
    pub(super) seed: String,
    pub(super) difference: f64,
    pub(super) null: Option<f64>,
    /// The same image by image, where the results say it.
    pub(super) by_image: Option<ByImage>,
    /// Keys in which the trials of a side differ.
    pub(super) averaged: Vec<String>,
}

/// All pairs of a case.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) found: Vec<Pair>,
    pub(super) asked: usize,
    pub(super) lost: Lost,
    pub(super) diverged: Diverged,
    pub(super) choice: String,
}

/// Trials that are equal in all but the seed and what the proposal touches: by seed, the controls
/// and the treatments.
type Stratum<'t, 'a> = BTreeMap<String, (Vec<&'t Evidence<'a>>, Vec<&'t Evidence<'a>>)>;

impl Pairs {
    pub(super) fn of(spec: &VerdictSpec, trials: &[&Evidence]) -> Self {
        let loose = loose_keys(spec);
        let [of_treatment, of_control] = [&spec.choose, &spec.choose_control].map(Option::as_ref);
        let selections: Vec<_> = of_treatment.iter().chain(&of_control).map(|choose| &choose.on).collect();
        let (deciding, judged): (Vec<&Evidence>, Vec<&Evidence>) =
            trials.iter().partition(|t| selections.iter().any(|on| on.matches(t.trial)));
        let on_keys: Vec<&str> = selections.iter().flat_map(|on| on.0.keys()).map(String::as_str).collect();
        let signature = |t: &Evidence| {
            rest(t, |key| key == SEED || loose.iter().any(|l| is_in(key, l)) || on_keys.contains(&key))
        };
        let is_treated = |t: &Evidence| spec.treatment.matches(t.trial);

        let mut strata: BTreeMap<String, Stratum> = BTreeMap::new();
        for trial in judged {
            let (controls, treatments) =
                strata.entry(signature(trial)).or_default().entry(trial.seed()).or_default();
            if is_treated(trial) { treatments.push(trial) } else { controls.push(trial) }
        }
        let mut pairs = Self::default();
        let mut incomplete = BTreeSet::new();
        let mut treatment = Side::new("treatment", of_treatment, Cause::TreatmentDiverged);
        let mut control = Side::new("control", of_control, Cause::ControlDiverged);
        for (signed, stratum) in &strata {
            // Each side by its own: the two may be chosen on other trials.
            let decides = |t: &&Evidence, choose: Option<&ChoiceSpec>| {
                signature(t) == *signed && choose.is_some_and(|choose| choose.on.matches(t.trial))
            };
            let deciding = deciding.iter().copied();
            treatment.deciding =
                deciding.clone().filter(|t| is_treated(t) && decides(t, of_treatment)).collect();
            control.deciding = deciding.filter(|t| !is_treated(t) && decides(t, of_control)).collect();
            for (seed, (controls, treatments)) in stratum {
                if controls.is_empty() || treatments.is_empty() {
                    continue;
                }
                pairs.asked += 1;
                let (treatments, controls) = (treatment.tuned(treatments), control.tuned(controls));
                pairs.diverged.treatment |= treatment.diverged(&treatments);
                pairs.diverged.control |= control.diverged(&controls);
                let pair = treatments.and_then(|treatments| Pair::of(spec, seed, &controls?, &treatments));
                match pair {
                    Ok(pair) => pairs.found.push(pair),
                    Err(why) => {
                        pairs.lost.add(why, 1);
                        incomplete.insert(seed.clone());
                    }
                }
            }
        }
        // The mean of such a seed would go over other strata than those of the other seeds.
        let before = pairs.found.len();
        pairs.found.retain(|pair| !incomplete.contains(&pair.seed));
        pairs.lost.add(Cause::OtherPair, before - pairs.found.len());
        let choices = [treatment.words(), control.words()];
        pairs.choice = choices.into_iter().flatten().collect::<Vec<_>>().join(" ");
        pairs
    }
}

/// A side of the pairs, whose tuned keys may be chosen.
struct Side<'t, 'a> {
    name: &'static str,
    choose: Option<&'t ChoiceSpec>,
    /// What is lost where all its deciding trials diverged.
    all_diverged: Cause,
    /// Its trials that decide in this stratum.
    deciding: Vec<&'t Evidence<'a>>,
    /// How many pairs each setting was chosen for.
    chosen: BTreeMap<String, usize>,
}

impl<'t, 'a> Side<'t, 'a> {
    fn new(name: &'static str, choose: Option<&'t ChoiceSpec>, all_diverged: Cause) -> Self {
        Self { name, choose, all_diverged, deciding: Vec::new(), chosen: BTreeMap::new() }
    }

    /// Of a pair's trials those with the setting that is best on the deciding ones; all of them
    /// where nothing is tuned.
    fn tuned(&mut self, trials: &[&'t Evidence<'a>]) -> Result<Vec<&'t Evidence<'a>>, Cause> {
        let Some(choose) = self.choose else { return Ok(trials.to_vec()) };
        if self.deciding.is_empty() {
            return Err(Cause::NothingDecides);
        }
        let best = best(choose, &self.deciding)?.ok_or(self.all_diverged)?;
        let trials = trials.iter().filter(|t| setting(t, choose) == best).copied().collect();
        *self.chosen.entry(best).or_insert(0) += 1;
        Ok(trials)
    }

    fn diverged(&self, tuned: &Result<Vec<&Evidence>, Cause>) -> bool {
        match tuned {
            Ok(trials) => trials.iter().any(|t| t.diverged()),
            Err(why) => *why == self.all_diverged,
        }
    }

    /// What was chosen, and by what; `None` where nothing was.
    fn words(&self) -> Option<String> {
        let choose = self.choose.filter(|_| !self.chosen.is_empty())?;
        let keys = choose.keys.iter().map(|key| key_text(key)).collect::<Vec<_>>().join(" and ");
        let by = score_text(&choose.by);
        let on = choose.on.0.iter().map(|(k, v)| format!("{} {}", key_text(k), value_text(v)));
        let on = on.collect::<Vec<_>>().join(", ");
        let total: usize = self.chosen.values().sum();
        let counts = self.chosen.iter().map(|(setting, n)| format!("{setting} in {n} of {total}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let side = self.name;
        Some(format!(
            "The {side}’s {keys} was chosen by the mean {by} of the trials with {on}, which are not judged: {counts} pairs. Nothing is chosen before all trials that decide have ended; a setting that diverged in one comes last."
        ))
    }
}

impl Pair {
    /// The difference, or why there is none.
    fn of(
        spec: &VerdictSpec,
        seed: &str,
        controls: &[&Evidence],
        treatments: &[&Evidence],
    ) -> Result<Self, Cause> {
        let lost = |trials: &[&Evidence], why| {
            if trials.iter().any(|t| t.diverged()) { why } else { Cause::NoResult }
        };
        let treatment =
            mean(treatments, &spec.score).ok_or_else(|| lost(treatments, Cause::TreatmentDiverged))?;
        let control = mean(controls, &spec.score).ok_or_else(|| lost(controls, Cause::ControlDiverged))?;
        let null = spec.null_score.as_ref().and_then(|score| mean(treatments, score));
        let by_image = ByImage::of(&spec.score, treatments, controls);
        let averaged = [varying_keys(treatments), varying_keys(controls)].concat();
        Ok(Self { seed: seed.to_string(), difference: treatment - control, null, by_image, averaged })
    }
}

/// The tuned setting with the best mean on the deciding trials of all seeds; settings under which
/// some trials diverged come last. An error while one of these trials has not ended; `None` when
/// all of them diverged.
fn best(choose: &ChoiceSpec, deciding: &[&Evidence]) -> Result<Option<String>, Cause> {
    let mut settings: BTreeMap<String, (usize, Vec<f64>)> = BTreeMap::new();
    for voter in deciding {
        let (diverged, scores) = settings.entry(setting(voter, choose)).or_default();
        match voter.score(&choose.by) {
            Some(score) => scores.push(score),
            None if voter.diverged() => *diverged += 1,
            None => return Err(Cause::NoResult),
        }
    }
    let ranked = settings.into_iter().filter(|(_, (_, scores))| !scores.is_empty());
    let ranked = ranked.map(|(setting, (diverged, scores))| {
        (Reverse(diverged), scores.iter().sum::<f64>() / scores.len() as f64, setting)
    });
    let best = ranked.max_by(|(a, x, _), (b, y, _)| a.cmp(b).then(x.total_cmp(y)));
    Ok(best.map(|(_, _, setting)| setting))
}

/// `None` unless all trials have the score: a mean over some of them is of something else.
pub(super) fn mean(trials: &[&Evidence], score: &str) -> Option<f64> {
    let scores: Vec<f64> = trials.iter().map(|t| t.score(score)).collect::<Option<_>>()?;
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

fn setting(trial: &Evidence, choose: &ChoiceSpec) -> String {
    let of = |key: &String| {
        let value = trial.leaves.get(key).map_or_else(|| "–".to_string(), |v| value_text(v));
        format!("{} {value}", key_text(key))
    };
    choose.keys.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// Keys in which treatment and control may differ. What stands beside a `kind` differs with it.
fn loose_keys(spec: &VerdictSpec) -> Vec<String> {
    let chosen = spec.choose.iter().chain(&spec.choose_control).flat_map(|choose| &choose.keys);
    let keys = spec.treatment.0.keys().chain(spec.control.0.keys()).chain(chosen).chain(&spec.unpaired);
    keys.map(|key| key.strip_suffix(".kind").unwrap_or(key).to_string()).collect()
}

fn rest(trial: &Evidence, is_loose: impl Fn(&str) -> bool) -> String {
    let kept = trial.leaves.iter().filter(|(key, _)| !is_loose(key));
    kept.map(|(key, value)| format!("{key}={}", value_text(value))).collect::<Vec<_>>().join(";")
}
