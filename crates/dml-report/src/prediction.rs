//! Predictions that were written down before the results: each held, failed or open.

mod information;
mod range;

use crate::evidence::{Evidence, Ranks};
use crate::table::escape_html;
use dml_spec::PredictionSpec;

/// What became of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// All that it speaks of came so.
    Held,
    /// Results are missing, or do not tell.
    Open,
    /// Something came otherwise.
    Failed,
}

impl Fate {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Open => "open",
            Self::Failed => "failed",
        }
    }
}

/// A prediction and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prediction {
    /// Name of the specification.
    pub(crate) name: String,
    /// The sentence, without its full stop.
    pub(crate) says: String,
    /// What became of it.
    pub(crate) fate: Fate,
    /// The numbers, in sentences.
    pub(crate) found: String,
}

/// Looks at all predictions.
pub(crate) fn check(specs: &[PredictionSpec], trials: &[Evidence], ranks: &Ranks) -> Vec<Prediction> {
    let check = |spec: &PredictionSpec| {
        let selected: Vec<&Evidence> = trials.iter().filter(|t| spec.select().matches(t.trial)).collect();
        let (fate, found) = match spec {
            _ if selected.is_empty() => (Fate::Open, "The sweep has no trial that it speaks of.".to_string()),
            PredictionSpec::Range { each, score, at_least, below, .. } => range::check(
                &selected,
                each,
                ranks,
                &range::Range { score, at_least: *at_least, below: *below },
            ),
            PredictionSpec::Information { ami, kl, classes, tolerance, .. } => {
                let entropy = f64::from(*classes).ln();
                information::check(&selected, &information::Bound { ami, kl, entropy, tolerance: *tolerance })
            }
        };
        Prediction { name: spec.name().to_string(), says: spec.says().to_string(), fate, found }
    };
    specs.iter().map(check).collect()
}

/// Results that are missing, in words.
fn missing_words(trials: &[&Evidence], scores: &[&str]) -> Option<String> {
    let lacks = |t: &&&Evidence| scores.iter().any(|score| t.score(score).is_none());
    let diverged = trials.iter().filter(|t| t.diverged()).count();
    let missing = trials.iter().filter(lacks).count() - diverged;
    let all = trials.len();
    let sentences = [
        (missing > 0).then(|| format!("{missing} of {all} trials have no such score yet.")),
        (diverged > 0).then(|| {
            format!("{diverged} of {all} trials diverged: those that are left are those that went well.")
        }),
    ];
    let words = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then_some(words)
}

/// All predictions as a Markdown list.
pub(crate) fn markdown(predictions: &[Prediction]) -> String {
    let line = |p: &Prediction| format!("- **{}**: {}. {}\n", p.fate.word(), p.says, p.found);
    predictions.iter().map(line).collect()
}

/// All predictions as a list.
pub(crate) fn html(predictions: &[Prediction]) -> String {
    let class = |fate: Fate| match fate {
        Fate::Held => "supported",
        Fate::Open => "undecided",
        Fate::Failed => "refuted",
    };
    let line = |p: &Prediction| {
        format!(
            "<details class=verdict><summary><span class=\"badge {}\">{}</span> {}.</summary><p>{}</p></details>\n",
            class(p.fate),
            p.fate.word(),
            escape_html(&p.says),
            escape_html(&p.found)
        )
    };
    predictions.iter().map(line).collect()
}

/// All predictions as CSV, one a line.
pub(crate) fn csv(predictions: &[Prediction]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["prediction", "says", "fate", "found"]).expect("memory");
    for p in predictions {
        writer.write_record([&p.name, &p.says, p.fate.word(), &p.found]).expect("memory");
    }
    String::from_utf8(writer.into_inner().expect("memory")).expect("made of strings")
}

#[cfg(test)]
mod tests;
