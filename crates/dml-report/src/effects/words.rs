//! Effects as a table, in words, and as a file of numbers.

use super::{Effect, Effects, Share};
use crate::bootstrap::N_DRAWS;
use crate::table::{escape_html, pipes};
use crate::text::score_text;
use dml_spec::EffectsSpec;

/// In the place of effects, where no seed is whole or nothing varies.
pub(super) fn nothing(score: &str, seeds: usize) -> String {
    match seeds {
        0 => "No seed is whole yet, so nothing is analysed.".to_string(),
        _ => format!("The {} does not vary, so there is nothing to explain.", score_text(score)),
    }
}

/// How many seeds are analysed, and how many the sweep asks for.
pub(super) struct Seeds {
    pub(super) whole: usize,
    pub(super) asked: usize,
    /// Those of which a trial diverged.
    pub(super) diverged: usize,
}

/// What the numbers say; `enough` has for each n the share of the n largest effects together.
pub(super) fn notes(spec: &EffectsSpec, rows: &[Effect], seeds: &Seeds, enough: &[Share]) -> Vec<String> {
    let so_far = if seeds.whole + seeds.diverged < seeds.asked { " so far" } else { "" };
    let has_diverged = seeds.diverged > 0;
    let seeds = seeds.whole;
    let whole = enough[enough.len() - 1];
    let intervals = match seeds {
        1 => "One seed: there are no intervals.".to_string(),
        _ => format!(
            "Intervals: 95%, percentiles of {N_DRAWS} draws of the {seeds} seeds with replacement, drawn out as so few seeds call for (Hesterberg 2015), not corrected for being many."
        ),
    };
    let read = format!(
        "A share (eta²) is that of the variance of the {}, with the seed as block; all shares add up to 100%. {intervals}",
        score_text(&spec.score)
    );
    let together = format!(
        "Together the {} named effects, of up to {} factors, explain {} of the variance.",
        enough.len(),
        spec.order,
        whole.text()
    );
    let bar = percent(spec.bar);
    let reaches = |share: &Share| share.interval.is_some_and(|(low, _)| low >= spec.bar);
    let found = match enough.iter().position(reaches) {
        _ if has_diverged => format!(
            "Whether the lower end of their interval is above {bar} is not judged: trials diverged, and the seeds left are those on which they went well."
        ),
        _ if whole.interval.is_none() => {
            format!("Whether the lower end of an interval reaches {bar} cannot be said of one seed.")
        }
        None => format!("Not held{so_far}: the lower end of their interval is below {bar}."),
        Some(last) => {
            let labels: Vec<&str> = rows[..=last].iter().map(|row| row.label.as_str()).collect();
            let (few, verb) = match labels.len() {
                1 => ("the largest alone is".to_string(), "explains"),
                n => (format!("the {n} largest are"), "explain"),
            };
            format!(
                "Held{so_far}: the lower end of their interval is above {bar}, and {few} enough for that: {} {verb} {}.",
                labels.join(", "),
                enough[last].text()
            )
        }
    };
    vec![read, together, found]
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

impl Share {
    /// `81.2% (79.0% to 83.1%)`
    pub(crate) fn text(&self) -> String {
        let interval = self.interval_text().map_or_else(String::new, |text| format!(" ({text})"));
        format!("{}{interval}", percent(self.share))
    }

    fn interval_text(&self) -> Option<String> {
        self.interval.map(|(low, high)| format!("{} to {}", percent(low), percent(high)))
    }
}

const HEADER: [&str; 3] = ["effect", "share of the variance", "95% interval"];

impl Effects {
    fn cells(row: &Effect) -> [String; 3] {
        let interval = row.share.interval_text().unwrap_or_else(|| "–".to_string());
        [row.label.clone(), percent(row.share.share), interval]
    }

    /// A pipe table under its title, the notes under it.
    pub(crate) fn markdown(&self) -> String {
        let mut lines = vec![format!("### {}", self.title), String::new()];
        if !self.rows.is_empty() {
            lines.extend([pipes(&HEADER), pipes(&["---", "--:", "--:"])]);
            lines.extend(self.rows.iter().map(|row| pipes(&Self::cells(row))));
            lines.push(String::new());
        }
        lines.join("\n") + "\n" + &self.notes.join("\n\n") + "\n"
    }

    /// A `<table>` with its notes as paragraphs.
    pub(crate) fn html(&self) -> String {
        let head: String = HEADER.map(|cell| format!("<th>{cell}</th>")).concat();
        let row = |row: &Effect| {
            let [label, share, interval] = Self::cells(row);
            format!(
                "<tr><td class=key>{}</td><td>{share}</td><td>{interval}</td></tr>\n",
                escape_html(&label)
            )
        };
        let rows: String = self.rows.iter().map(row).collect();
        let note = |note: &String| format!("<p class=note>{}</p>\n", escape_html(note));
        let notes: String = self.notes.iter().map(note).collect();
        let table = format!(
            "<div class=scroll><table class=scores><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>\n"
        );
        let table = if rows.is_empty() { String::new() } else { table };
        format!("<h3>{}</h3>\n{table}{notes}", escape_html(&self.title))
    }
}

/// What the CSV calls all named effects together.
const TOGETHER: &str = "all named";

/// All effects as CSV, one a line, then all named ones together.
pub(crate) fn csv(all: &[Effects]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["effects", "effect", "share", "low", "high"]).expect("memory");
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6}"));
    for effects in all {
        let together = effects.together.map(|share| (TOGETHER, share));
        let rows = effects.rows.iter().map(|row| (row.label.as_str(), row.share));
        for (label, Share { share, interval }) in rows.chain(together) {
            let [share, low, high] = [Some(share), interval.map(|i| i.0), interval.map(|i| i.1)].map(number);
            writer.write_record([&effects.name, label, &share, &low, &high]).expect("memory");
        }
    }
    String::from_utf8(writer.into_inner().expect("memory")).expect("made of strings")
}
