//! Treatment and control side by side, equal in everything that the proposal does not touch.

use dml_spec::{ChoiceSpec, Selection, VerdictSpec, is_in};
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
    /// What was chosen for the tuned keys has no trial that is judged.
    ChosenNotJudged,
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
    /// Keys in which pairs differ, over which a seed is the mean.
    pub(super) pooled: Vec<String>,
    /// Whether a seed has pairs of other kinds than another.
    pub(super) uneven: bool,
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
        let [of_treatment, of_control] = [&spec.choose, &spec.choose_control].map(Option::as_ref);
        let on: Vec<&Selection> = of_treatment.iter().chain(&of_control).map(|choose| &choose.on).collect();
        let (deciding, judged): (Vec<&Evidence>, Vec<&Evidence>) =
            trials.iter().partition(|t| on.iter().any(|on| on.matches(t.trial)));
        let alike = Alike { loose: loose_keys(spec), on };
        let is_treated = |t: &Evidence| spec.treatment.matches(t.trial);
        let strata = strata(&judged, &alike, is_treated);
        let mut pairs = Self::default();
        let mut incomplete = BTreeSet::new();
        let mut treatment = Side::new("treatment", of_treatment, Cause::TreatmentDiverged);
        let mut control = Side::new("control", of_control, Cause::ControlDiverged);
        let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut kept = Vec::new();
        for (signed, stratum) in &strata {
            let one = stratum.values().next().map(|(controls, _)| controls[0]);
            kept.extend(one);
            let judged = one.map(|t| alike.but_for_on(t));
            // Each side by its own: the two may be chosen on other trials.
            let decides = |t: &&Evidence, choose: Option<&ChoiceSpec>| {
                Some(alike.but_for_on(t)) == judged && choose.is_some_and(|choose| choose.on.matches(t.trial))
            };
            let deciding = deciding.iter().copied();
            treatment.deciding =
                deciding.clone().filter(|t| is_treated(t) && decides(t, of_treatment)).collect();
            control.deciding = deciding.filter(|t| !is_treated(t) && decides(t, of_control)).collect();
            for (seed, (controls, treatments)) in stratum {
                pairs.asked += 1;
                kinds.entry(seed).or_default().insert(signed);
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
        pairs.pooled = differing(&kept, &alike);
        pairs.uneven = kinds.values().any(|of| Some(of) != kinds.values().next());
        let choices = [treatment.words(), control.words()];
        pairs.choice = choices.into_iter().flatten().collect::<Vec<_>>().join(" ");
        pairs
    }
}

/// What has to be equal.
struct Alike<'s> {
    /// Keys in which a pair's trials may differ.
    loose: Vec<String>,
    /// By which trials what is tuned is chosen.
    on: Vec<&'s Selection>,
}

impl Alike<'_> {
    fn is_free(&self, key: &str) -> bool {
        key == SEED || self.loose.iter().any(|loose| is_in(key, loose))
    }

    /// Of all trials of a pair.
    fn signature(&self, trial: &Evidence) -> String {
        rest(trial, |key| self.is_free(key))
    }

    /// Of a pair and of what decides for it, which differ in the keys of `on`, too.
    fn but_for_on(&self, trial: &Evidence) -> String {
        rest(trial, |key| self.is_free(key) || self.on.iter().any(|on| on.0.contains_key(key)))
    }
}

/// The strata of trials that have both sides, by signature.
fn strata<'t, 'a>(
    trials: &[&'t Evidence<'a>],
    alike: &Alike,
    is_treated: impl Fn(&Evidence) -> bool,
) -> BTreeMap<String, Stratum<'t, 'a>> {
    let mut strata: BTreeMap<String, Stratum> = BTreeMap::new();
    for trial in trials {
        let (controls, treatments) =
            strata.entry(alike.signature(trial)).or_default().entry(trial.seed()).or_default();
        if is_treated(trial) { treatments.push(trial) } else { controls.push(trial) }
    }
    for stratum in strata.values_mut() {
        stratum.retain(|_, (controls, treatments)| !controls.is_empty() && !treatments.is_empty());
    }
    strata
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
    /// For how many of them another setting was as good.
    tied: usize,
}

impl<'t, 'a> Side<'t, 'a> {
    fn new(name: &'static str, choose: Option<&'t ChoiceSpec>, all_diverged: Cause) -> Self {
        Self { name, choose, all_diverged, deciding: Vec::new(), chosen: BTreeMap::new(), tied: 0 }
    }

    /// Of a pair's trials those with the setting that is best on the deciding ones; all of them
    /// where nothing is tuned.
    fn tuned(&mut self, trials: &[&'t Evidence<'a>]) -> Result<Vec<&'t Evidence<'a>>, Cause> {
        let Some(choose) = self.choose else { return Ok(trials.to_vec()) };
        if self.deciding.is_empty() {
            return Err(Cause::NothingDecides);
        }
        let (best, is_tied) = best(choose, &self.deciding)?.ok_or(self.all_diverged)?;
        let trials: Vec<_> = trials.iter().filter(|t| setting(t, choose) == best).copied().collect();
        *self.chosen.entry(best).or_insert(0) += 1;
        self.tied += usize::from(is_tied);
        if trials.is_empty() { Err(Cause::ChosenNotJudged) } else { Ok(trials) }
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
        let (side, tied) = (self.name, self.tied);
        let tied = match tied {
            0 => String::new(),
            n => format!(" In {n} of {total} another was as good, and the first in the sweep was taken."),
        };
        Some(format!(
            "The {side}’s {keys} was chosen by the mean {by} of the trials with {on}, which are not judged: {counts} pairs.{tied} Nothing is chosen before all trials that decide have ended; a setting that diverged in one comes last."
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

/// The tuned setting with the best mean on the deciding trials of all seeds, the first in the sweep
/// of several, and whether there are several; settings under which some trials diverged come last.
/// An error while one of these trials has not ended; `None` when all of them diverged.
fn best(choose: &ChoiceSpec, deciding: &[&Evidence]) -> Result<Option<(String, bool)>, Cause> {
    let mut settings: Vec<(String, usize, Vec<f64>)> = Vec::new();
    for voter in deciding {
        let own = setting(voter, choose);
        let place = settings.iter().position(|(other, ..)| *other == own).unwrap_or(settings.len());
        if place == settings.len() {
            settings.push((own, 0, Vec::new()));
        }
        let (_, diverged, scores) = &mut settings[place];
        match voter.score(&choose.by) {
            Some(score) => scores.push(score),
            None if voter.diverged() => *diverged += 1,
            None => return Err(Cause::NoResult),
        }
    }
    settings.retain(|(.., scores)| !scores.is_empty());
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let order = |(_, n, x): &(String, usize, Vec<f64>), (_, m, y): &(String, usize, Vec<f64>)| {
        n.cmp(m).then(mean(y).total_cmp(&mean(x)))
    };
    // Stable, so the first of several stays the first.
    settings.sort_by(order);
    let is_tied = settings.len() > 1 && order(&settings[0], &settings[1]).is_eq();
    Ok(settings.into_iter().next().map(|(setting, ..)| (setting, is_tied)))
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

/// Keys that are not free in which trials differ.
fn differing(trials: &[&Evidence], alike: &Alike) -> Vec<String> {
    let Some(first) = trials.first() else { return Vec::new() };
    let keys: BTreeSet<&String> = trials.iter().flat_map(|t| t.leaves.keys()).collect();
    let differs = |key: &str| trials.iter().any(|t| t.leaves.get(key) != first.leaves.get(key));
    keys.into_iter().filter(|key| !alike.is_free(key) && differs(key)).cloned().collect()
}

fn rest(trial: &Evidence, is_loose: impl Fn(&str) -> bool) -> String {
    let kept = trial.leaves.iter().filter(|(key, _)| !is_loose(key));
    kept.map(|(key, value)| format!("{key}={}", value_text(value))).collect::<Vec<_>>().join(";")
}
