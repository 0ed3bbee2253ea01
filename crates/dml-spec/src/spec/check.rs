//! Whether a sweep file asks for what can be made.

use std::collections::{BTreeMap, BTreeSet};

use dml_store::{flatten, lookup};

use super::{EquivalenceSpec, FigureSpec, PUBLISHED, PredictionSpec, ReportSpecs, SpecError};
use crate::select::{Selection, is_in, number, value_text};

impl ReportSpecs {
    /// Whether any part judges, which it may not on what is left after trials were stopped early.
    pub fn judge(&self) -> bool {
        let judging = [
            self.verdict.is_empty(),
            self.equivalence.is_empty(),
            self.prediction.is_empty(),
            self.effects.is_empty(),
        ];
        judging.contains(&false)
    }

    /// Names become file names and anchors, so they must be plain and told apart; keys must be
    /// those of trials.
    ///
    /// # Errors
    /// Names the offending one, and says what would be right.
    pub fn check(&self, trials: &[toml::Table]) -> Result<(), SpecError> {
        let known: BTreeSet<String> = trials.iter().flat_map(|trial| flatten(trial).into_keys()).collect();
        let mut seen = BTreeSet::new();
        for (kind, name, keys) in self.parts() {
            let wrong = |why: String| Err(SpecError(format!("{kind} \"{name}\": {why}")));
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return wrong("a name has only a-z, 0-9 and - in it".to_string());
            }
            // An analysis of effects has a figure, too.
            if !seen.insert((if kind == "effects" { "figure" } else { kind }, name)) {
                return wrong("it is there twice; give the second another name".to_string());
            }
            if let Some(key) = keys.into_iter().find(|key| !known.is_empty() && !known.contains(*key)) {
                let table = key.split_once('.').map_or("", |(table, _)| table);
                let beside = |other: &&String| other.split_once('.').is_some_and(|(of, _)| of == table);
                let beside: Vec<String> =
                    known.iter().filter(beside).map(|key| format!("\"{key}\"")).collect();
                let there = if beside.is_empty() { "none like it".to_string() } else { beside.join(", ") };
                return wrong(format!("no trial of the sweep has the key \"{key}\"; there are {there}"));
            }
        }
        for verdict in &self.verdict {
            let unknown = |of: &&String| !known.is_empty() && !known.iter().any(|key| is_in(key, of));
            if let Some(key) = verdict.unpaired.iter().find(unknown) {
                return Err(SpecError(format!(
                    "verdict \"{}\": unpaired has \"{key}\", which is neither a key nor a table of the sweep's trials",
                    verdict.name
                )));
            }
        }
        self.check_selections(trials)?;
        for equivalence in &self.equivalence {
            let named = |why| SpecError(format!("equivalence \"{}\": {why}", equivalence.name));
            equivalence.check(trials).map_err(named)?;
        }
        for effects in &self.effects {
            let named = |why| SpecError(format!("effects \"{}\": {why}", effects.name));
            effects.check(trials).map_err(named)?;
        }
        let of_predictions = self.prediction.iter().filter_map(|prediction| match prediction {
            PredictionSpec::Information { name, classes, .. } => Some(("prediction", name, *classes)),
            PredictionSpec::Range { .. } => None,
        });
        let of_figures = self.figure.iter().filter_map(|figure| match figure {
            FigureSpec::Information { name, classes, .. } => Some(("figure", name, *classes)),
            _ => None,
        });
        if let Some((kind, name, classes)) = of_predictions.chain(of_figures).find(|&(.., n)| n < 2) {
            return Err(SpecError(format!("{kind} \"{name}\": classes is {classes}; it must be at least 2")));
        }
        self.check_tables()?;
        self.check_axes(trials)?;
        self.check_bounds()
    }

    fn check_tables(&self) -> Result<(), SpecError> {
        for table in &self.table {
            if let Some(published) =
                table.published.as_ref().filter(|name| !PUBLISHED.contains(&name.as_str()))
            {
                let (name, known) = (&table.name, PUBLISHED.join(", "));
                return Err(SpecError(format!(
                    "table \"{name}\": published is \"{published}\", and no published table has that name; there are {known}"
                )));
            }
            if let Some(key) = table.best_within.iter().find(|key| !table.rows.contains(key)) {
                let name = &table.name;
                return Err(SpecError(format!(
                    "table \"{name}\": best_within has \"{key}\", which is not among its rows"
                )));
            }
            if let Some(score) = table.lower_is_better.iter().find(|score| !table.scores.contains(score)) {
                let name = &table.name;
                return Err(SpecError(format!(
                    "table \"{name}\": lower_is_better has \"{score}\", which is not among its scores"
                )));
            }
        }
        Ok(())
    }

    /// Refuses a prediction that any number keeps, or none.
    fn check_bounds(&self) -> Result<(), SpecError> {
        for prediction in &self.prediction {
            let wrong = match *prediction {
                PredictionSpec::Range { at_least: None, below: None, .. } => {
                    "any number would be right; at_least, below or both are its bounds".to_string()
                }
                PredictionSpec::Range { at_least: Some(low), below: Some(high), .. } if low >= high => {
                    format!("at_least is {low} and below {high}; no number would be right")
                }
                PredictionSpec::Information { tolerance, .. } if tolerance.is_nan() || tolerance < 0.0 => {
                    format!("tolerance is {tolerance}; 0 or more nats, such as 0.01, would be right")
                }
                _ => continue,
            };
            return Err(SpecError(format!("prediction \"{}\": {wrong}", prediction.name())));
        }
        Ok(())
    }

    /// Refuses a score figure whose x no trial has as a number.
    fn check_axes(&self, trials: &[toml::Table]) -> Result<(), SpecError> {
        let has_number =
            |key: &str| trials.iter().any(|t| lookup(t, key).is_some_and(|v| number(v).is_some()));
        let of_figures = self.figure.iter().filter_map(|figure| match figure {
            FigureSpec::Score { name, x, .. } => Some((name, x)),
            _ => None,
        });
        match of_figures.into_iter().find(|(_, x)| !trials.is_empty() && !has_number(x)) {
            Some((name, x)) => Err(SpecError(format!(
                "figure \"{name}\": x is \"{x}\", which is a number in no trial; a key of numbers would be right"
            ))),
            None => Ok(()),
        }
    }

    /// Refuses what compares trials that the sweep does not have, and would vanish from its report.
    fn check_selections(&self, trials: &[toml::Table]) -> Result<(), SpecError> {
        let is_met = |selections: &[&Selection]| {
            trials.is_empty() || trials.iter().any(|trial| selections.iter().all(|s| s.matches(trial)))
        };
        for verdict in &self.verdict {
            for (side, selection) in [("treatment", &verdict.treatment), ("control", &verdict.control)] {
                if !is_met(&[selection, &verdict.select]) {
                    let name = &verdict.name;
                    return Err(SpecError(format!(
                        "verdict \"{name}\": no trial of the sweep has the values of its {side} and select"
                    )));
                }
            }
        }
        match self.equivalence.iter().find(|equivalence| !is_met(&[&equivalence.select])) {
            Some(EquivalenceSpec { name, .. }) => Err(SpecError(format!(
                "equivalence \"{name}\": no trial of the sweep has the values of its select"
            ))),
            None => Ok(()),
        }
    }

    /// Kind and name of each part, and the trial keys that it speaks of. What `[ignore]` lists may
    /// be a key of another sweep, which takes it over.
    fn parts(&self) -> Vec<(&'static str, &str, Vec<&String>)> {
        let tables = self.table.iter();
        let tables = tables.map(|t| ("table", t.name.as_str(), t.select.0.keys().chain(&t.rows).collect()));
        let verdicts = self.verdict.iter().map(|v| {
            let selected = [&v.treatment, &v.control, &v.select].into_iter().flat_map(|s| s.0.keys());
            let choices = v.choose.iter().chain(&v.choose_control);
            let chosen = choices.flat_map(|choose| choose.keys.iter().chain(choose.on.0.keys()));
            ("verdict", v.name.as_str(), selected.chain(&v.each).chain(chosen).collect())
        });
        let figures = self.figure.iter().map(|figure| {
            let (select, keys, x) = match figure {
                FigureSpec::Latent { select, panels, .. }
                | FigureSpec::Geodesics { select, panels, .. }
                | FigureSpec::Images { select, panels, .. } => (select, panels, None),
                FigureSpec::Curves { select, lines, .. } | FigureSpec::Information { select, lines, .. } => {
                    (select, lines, None)
                }
                FigureSpec::Score { select, lines, x, .. } => (select, lines, Some(x)),
            };
            ("figure", figure.name(), select.0.keys().chain(keys).chain(x).collect())
        });
        let equivalences = self.equivalence.iter().map(|e| {
            ("equivalence", e.name.as_str(), e.select.0.keys().chain(&e.each).chain(&e.across).collect())
        });
        let predictions = self.prediction.iter().map(|prediction| {
            let each = match prediction {
                PredictionSpec::Range { each, .. } => each.as_slice(),
                PredictionSpec::Information { .. } => &[],
            };
            ("prediction", prediction.name(), prediction.select().0.keys().chain(each).collect())
        });
        let effects = self
            .effects
            .iter()
            .map(|e| ("effects", e.name.as_str(), e.select.0.keys().chain(&e.factors).collect()));
        let sections =
            [("baselines", self.baselines.0.keys().collect()), ("ignore", self.ignore.keys().collect())];
        let sections = sections.into_iter().map(|(name, keys)| ("section", name, keys));
        sections
            .chain(tables)
            .chain(verdicts)
            .chain(equivalences)
            .chain(predictions)
            .chain(effects)
            .chain(figures)
            .collect()
    }
}

impl EquivalenceSpec {
    /// Whether there is something to compare.
    fn check(&self, trials: &[toml::Table]) -> Result<(), String> {
        if self.margin.is_nan() || self.margin <= 0.0 {
            return Err(format!(
                "margin is {}; a difference above 0, such as 0.01, would be right",
                self.margin
            ));
        }
        let (least, word) = if self.across.is_some() { (1, "one") } else { (2, "two") };
        if self.scores.len() < least {
            return Err(format!("scores has {}; {word} or more would be right", self.scores.len()));
        }
        // What a case has of a key, by what it is a case of.
        let differs = |key: &String| {
            let mut cases: BTreeMap<Vec<Option<String>>, BTreeSet<Option<String>>> = BTreeMap::new();
            for trial in trials.iter().filter(|trial| self.select.matches(trial)) {
                let value = |key: &String| lookup(trial, key).map(value_text);
                cases.entry(self.each.iter().map(value).collect()).or_default().insert(value(key));
            }
            cases.values().any(|values| values.len() > 1)
        };
        match &self.across {
            Some(key) if !trials.is_empty() && !differs(key) => Err(format!(
                "all trials of a case have the same \"{key}\"; a key of which they have several values would be right"
            )),
            _ => Ok(()),
        }
    }
}
