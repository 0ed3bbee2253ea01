//! Figures: SVG by plotters, PNG from it, each for a light and a dark ground.

mod bars;
mod chart;
mod curves;
mod geodesics;
mod images;
mod information;
mod latent;
mod raster;
mod score;
mod svg;
mod theme;

use std::collections::BTreeSet;

use dml_spec::{FigureSpec, Selection};
use dml_store::RunStore;
use toml::Value;

use crate::effects::Effects;
use crate::error::ReportError;
use crate::evidence::{Evidence, Ranks, group, varying_keys};
use crate::text::{key_text, value_text};
pub(crate) use theme::{DARK, LIGHT, Theme, hex};

/// A figure, drawn on both grounds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// File stem and anchor.
    pub(crate) name: String,
    /// One line.
    pub(crate) title: String,
    /// How to read it, and what is missing.
    pub(crate) caption: String,
    /// SVG and PNG on the light and on the dark ground; `None` when there is nothing to draw yet.
    pub(crate) pictures: Option<[Picture; 2]>,
}

/// One drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    /// SVG text.
    pub(crate) svg: String,
    /// PNG file.
    pub(crate) png: Vec<u8>,
}

/// What a kind of figure gives: a drawing for a theme, and its caption.
struct Drawn {
    svgs: Option<[String; 2]>,
    caption: String,
}

impl Drawn {
    fn nothing(caption: impl Into<String>) -> Self {
        Self { svgs: None, caption: caption.into() }
    }

    fn with(caption: String, draw: impl Fn(&Theme) -> String) -> Self {
        Self { svgs: Some([draw(&LIGHT), draw(&DARK)]), caption }
    }

    /// With more to say in the caption, drawn or not.
    fn saying(self, words: &str) -> Self {
        Self { caption: self.caption + words, ..self }
    }
}

/// Draws a figure of a specification.
pub(crate) fn draw(
    spec: &FigureSpec,
    trials: &[Evidence],
    ranks: &Ranks,
    store: &RunStore,
) -> Result<Figure, ReportError> {
    let drawn = match spec {
        FigureSpec::Latent { select, panels, .. } => {
            latent::draw(&groups(trials, select, panels, ranks), store)?
        }
        FigureSpec::Geodesics { select, panels, .. } => {
            geodesics::draw(&groups(trials, select, panels, ranks), store)?
        }
        FigureSpec::Curves { select, curves, lines, .. } => {
            let groups = groups(trials, select, lines, ranks);
            curves::draw(&groups, curves).saying(&varying_words(&groups, lines))
        }
        FigureSpec::Score { select, x, score, lines, .. } => {
            let groups = groups(trials, select, lines, ranks);
            let shown = [lines.as_slice(), std::slice::from_ref(x)].concat();
            score::draw(&groups, x, score).saying(&varying_words(&groups, &shown))
        }
        FigureSpec::Information { select, ami, kl, classes, lines, .. } => {
            let axes = information::Axes { ami, kl, entropy: f64::from(*classes).ln() };
            information::draw(&groups(trials, select, lines, ranks), &axes)
        }
        FigureSpec::Images { select, file, panels, .. } => {
            images::draw(&groups(trials, select, panels, ranks), file, store)?
        }
    };
    Figure::of(spec.name(), spec.title(), drawn)
}

/// Draws the shares of an analysis of effects.
pub(crate) fn draw_effects(effects: &Effects) -> Result<Figure, ReportError> {
    Figure::of(&effects.name, &effects.title, bars::draw(&effects.rows))
}

impl Figure {
    fn of(name: &str, title: &str, drawn: Drawn) -> Result<Self, ReportError> {
        let picture = |svg: String| raster::png(&svg).map(|png| Picture { svg, png });
        let pictures = drawn
            .svgs
            .map(|[light, dark]| Ok::<_, ReportError>([picture(light)?, picture(dark)?]))
            .transpose()?;
        Ok(Self { name: name.into(), title: title.into(), caption: drawn.caption, pictures })
    }
}

/// Trials under one label.
struct Group<'t, 'a> {
    label: String,
    trials: Vec<&'t Evidence<'a>>,
}

fn groups<'t, 'a>(
    trials: &'t [Evidence<'a>],
    select: &Selection,
    keys: &[String],
    ranks: &Ranks,
) -> Vec<Group<'t, 'a>> {
    let selected = trials.iter().filter(|t| select.matches_but_for(t.trial, |key| !t.is_relevant(key)));
    let grouped = group(selected, keys, ranks, Evidence::value).into_iter();
    grouped.map(|(values, trials)| Group { label: group_label(keys, &values), trials }).collect()
}

/// Names alone, numbers with their key: `dml, latent dim 2`; `–` where none of the keys means
/// anything.
fn group_label(keys: &[String], values: &[Option<Value>]) -> String {
    let parts: Vec<String> = keys
        .iter()
        .zip(values)
        .filter_map(|(key, value)| match value {
            Some(Value::String(text)) => Some(text.clone()),
            Some(value) => Some(format!("{} {}", key_text(key), value_text(value))),
            None => None,
        })
        .collect();
    if parts.is_empty() && !keys.is_empty() { "–".to_string() } else { parts.join(", ") }
}

/// Says over which keys a figure's means go besides the seed.
fn varying_words(groups: &[Group], shown: &[String]) -> String {
    let keys: BTreeSet<String> = groups.iter().flat_map(|group| varying_keys(&group.trials)).collect();
    let keys: Vec<String> = keys.into_iter().filter(|key| !shown.contains(key)).collect();
    if keys.is_empty() {
        String::new()
    } else {
        format!(" Careful: the means also go over {}.", keys.join(", "))
    }
}

/// Says of how many trials there is no result yet; empty of none.
fn missing_words<'g, 't: 'g, 'a: 't>(groups: impl IntoIterator<Item = &'g Group<'t, 'a>>) -> String {
    let trials = groups.into_iter().flat_map(|group| &group.trials);
    match trials.filter(|trial| trial.result.is_none()).count() {
        0 => String::new(),
        1 => " 1 trial has no result yet.".to_string(),
        n => format!(" {n} trials have no result yet."),
    }
}

fn left_out_words(n: usize, what: &str) -> Option<String> {
    (n > 0).then(|| format!("{n} further {what} are left out."))
}

#[cfg(test)]
mod tests;
