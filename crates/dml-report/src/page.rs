//! The report as one page: self-contained, opened from disk, without any request.

mod attachments;
mod data;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use dml_spec::Request;
use dml_store::RunStore;

use crate::effects::Effects;
use crate::error::ReportError;
use crate::evidence::Evidence;
use crate::figure::{DARK, Figure, LIGHT, Theme, hex};
use crate::prediction::{self, Prediction};
use crate::table::{Table, escape_html};
use crate::verdict::{
    Equivalence, Judged, Verdict, by_proposal, by_saying, equivalence_summary, scope, summary,
};

const TEMPLATE: &str = include_str!("../assets/page.html");
/// Around the name of a slot of the template.
const SLOT: (&str, &str) = ("<!--slot ", "-->");

/// Tables longer than this open on a click.
const LONG_TABLE: usize = 60;

/// All parts of a report that the page shows.
pub(crate) struct Parts<'a> {
    pub(crate) request: &'a Request,
    pub(crate) trials: &'a [Evidence<'a>],
    pub(crate) tables: &'a [Table],
    pub(crate) judged: &'a Judged,
    /// Why there are none, although the sweep asks for some.
    pub(crate) unjudged: Option<&'a str>,
    pub(crate) predictions: &'a [Prediction],
    pub(crate) effects: &'a [Effects],
    pub(crate) figures: &'a [Figure],
}

/// The page's text.
pub(crate) fn page(parts: &Parts, store: &RunStore) -> Result<String, ReportError> {
    let request = parts.request;
    let attachments = attachments::collect(parts, store)?;
    Ok(filled(TEMPLATE, |slot| match slot {
        "name" => escape_html(&request.name),
        "colours" => format!(
            ":root{{{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}",
            colours(&LIGHT),
            colours(&DARK)
        ),
        "claim" => escape_html(request.claim.trim()),
        "progress" => progress(parts),
        "command" => escape_html(&request.command),
        "written" if request.written.is_empty() => String::new(),
        "written" => format!("<p>{}</p>\n", escape_html(&request.written)),
        "verdicts" => or_none(verdicts(parts), "verdict"),
        "predictions" => predictions(parts.predictions),
        "effects" => effects(parts.effects),
        "figures" => or_none(parts.figures.iter().map(figure).collect(), "figure"),
        "tables" => or_none(parts.tables.iter().map(table).collect(), "table"),
        "left-out" => attachments.left_out.clone(),
        "trials" => data::json(parts.trials),
        "attachments" => attachments.json.clone(),
        other => panic!("page.html has a slot {other:?} that nothing fills"),
    }))
}

/// A template with what `fill` gives for the name of each slot.
fn filled(template: &str, fill: impl Fn(&str) -> String) -> String {
    let (begin, end) = SLOT;
    let mut pieces = template.split(begin);
    let mut page = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let (slot, text) = piece.split_once(end).expect("a slot ends");
        page.push_str(&fill(slot));
        page.push_str(text);
    }
    page
}

/// The figures' colours as CSS variables, so that the page's own drawings match.
fn colours(theme: &Theme) -> String {
    let classes = theme.palette.iter().enumerate().map(|(i, &colour)| format!("--c{i}:{};", hex(colour)));
    let base = [("ground", theme.ground), ("ink", theme.ink), ("grid", theme.grid)];
    base.into_iter().map(|(name, colour)| format!("--{name}:{};", hex(colour))).chain(classes).collect()
}

fn progress(parts: &Parts) -> String {
    let (n, stopped) = (parts.trials.len(), parts.request.stopped);
    let done = parts.trials.iter().filter(|t| t.result.is_some()).count();
    let diverged = parts.trials.iter().filter(|t| t.diverged()).count();
    let early = match stopped {
        0 => String::new(),
        _ => format!(" {stopped} of {n} trials were stopped early: they have no result."),
    };
    format!("{done} of {n} trials have a result; of these {diverged} diverged.{early}")
}

fn or_none(html: String, what: &str) -> String {
    if html.is_empty() { format!("<p>This sweep asks for no {what}.</p>") } else { html }
}

fn verdicts(parts: &Parts) -> String {
    let verdicts = &parts.judged.verdicts;
    let scale = verdicts
        .iter()
        .filter_map(|v| v.difference.map(|d| d.interval()))
        .flat_map(|(low, high)| [low.abs(), high.abs()])
        .fold(1e-9_f64, f64::max)
        .min(1.0);
    let proposal = |(proposal, verdicts): (&str, Vec<&Verdict>)| {
        let cases: String = verdicts.iter().map(|v| verdict(v, scale)).collect();
        format!("<h3>{}</h3>\n<p>{}</p>\n{cases}", escape_html(proposal), escape_html(&summary(&verdicts)))
    };
    let scope = scope(parts.judged).or_else(|| parts.unjudged.map(str::to_string));
    let scope = scope.map_or_else(String::new, |sentence| format!("<p>{sentence}</p>\n"));
    let saying = |(says, equivalences): (&str, Vec<&Equivalence>)| {
        let cases: String = equivalences.iter().map(|e| equivalence(e)).collect();
        let summary = escape_html(&equivalence_summary(&equivalences));
        format!("<h3>{}</h3>\n<p>{summary}</p>\n{cases}", escape_html(says))
    };
    let of_verdicts: String = by_proposal(verdicts).into_iter().map(proposal).collect();
    let of_equivalences: String = by_saying(&parts.judged.equivalences).into_iter().map(saying).collect();
    scope + &of_verdicts + &of_equivalences
}

fn equivalence(equivalence: &Equivalence) -> String {
    let class = if equivalence.is_shown() { "supported" } else { "undecided" };
    format!(
        "<details class=verdict><summary><span class=\"badge {class}\">{}</span> {}</summary><p>{}</p></details>\n",
        equivalence.word(),
        escape_html(&equivalence.case_text()),
        escape_html(&equivalence.words())
    )
}

fn verdict(verdict: &Verdict, scale: f64) -> String {
    let word = verdict.ruling.word();
    let null = if verdict.null_model { " <span class=\"badge null\">null model</span>" } else { "" };
    format!(
        "<details class=verdict><summary><span class=\"badge {word}\">{word}</span> <span class=case>{}{null}</span>{}</summary>\
         <p>{}</p></details>\n",
        escape_html(&verdict.case_text()),
        interval_bar(verdict, scale),
        escape_html(&verdict.words())
    )
}

/// With its own head, which is there only where there are predictions.
fn predictions(predictions: &[Prediction]) -> String {
    let head = if predictions.is_empty() { "" } else { "<h2 id=\"predictions\">Predictions</h2>\n" };
    head.to_string() + &prediction::html(predictions)
}

/// With its own head, which is there only where there are effects.
fn effects(effects: &[Effects]) -> String {
    let head = if effects.is_empty() { "" } else { "<h2 id=\"effects\">Effects</h2>\n" };
    head.to_string() + &effects.iter().map(Effects::html).collect::<String>()
}

/// The interval of the difference as a bar around 0.
fn interval_bar(verdict: &Verdict, scale: f64) -> String {
    let Some(difference) = verdict.difference else { return String::new() };
    let at = |x: f64| 80.0 + 78.0 * (x / scale).clamp(-1.0, 1.0);
    let (low, high) = difference.interval();
    format!(
        "<span class=bar><svg width=160 height=14 aria-hidden=true><path d=\"M80 0v14\" class=zero /><path d=\"M{:.1} 7H{:.1}\" class=range />\
         <circle cx={:.1} cy=7 r=4 /></svg>{:+.3}</span>",
        at(low),
        at(high),
        at(difference.mean),
        difference.mean
    )
}

fn figure(figure: &Figure) -> String {
    let source = |svg: &str| format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(svg));
    let title = escape_html(&figure.title);
    let picture = figure.pictures.as_ref().map_or_else(String::new, |[light, dark]| {
        format!(
            "<picture><source media=\"(prefers-color-scheme:dark)\" srcset=\"{}\"><img alt=\"{title}\" src=\"{}\"></picture>",
            source(&dark.svg),
            source(&light.svg)
        )
    });
    let caption = escape_html(&figure.caption);
    format!(
        "<figure id=\"figure-{}\"><h3>{title}</h3>{picture}<figcaption>{caption}</figcaption></figure>\n",
        figure.name
    )
}

fn table(table: &Table) -> String {
    let open = if table.rows.len() > LONG_TABLE { "" } else { " open" };
    let (title, rows) = (escape_html(&table.title), table.rows.len());
    format!(
        "<details id=\"table-{}\"{open}><summary>{title} <small>({rows} rows)</small></summary>\n{}</details>\n",
        table.name,
        table.html()
    )
}
