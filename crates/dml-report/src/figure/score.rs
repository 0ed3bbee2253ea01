//! A score against a numeric key, one line a group, with bands for the intervals.

use dml_spec::number;
use std::ops::Range;

use plotters::coord::combinators::IntoLogRange;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::element::{PathElement, Polygon};
use plotters::style::Color;

use super::chart::{Area, Drawing, Names, WIDTH, axes, canvas, dot, legend, legend_height, padded};
use super::theme::Theme;
use super::{Drawn, Group, left_out_words, missing_words};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Seeds};
use crate::text::{key_text, score_text};

const HEIGHT: u32 = 1000;
const MOST_LINES: usize = 11;

/// A group: x and the estimate there, in the order of x.
type Line = Vec<(f64, Estimate)>;

pub(super) fn draw(groups: &[Group], x: &str, score: &str) -> Drawn {
    let all: Vec<(&Group, Line)> =
        groups.iter().map(|g| (g, line(g, x, score))).filter(|(_, line)| !line.is_empty()).collect();
    let drawn = &all[..all.len().min(MOST_LINES)];
    let lines: Vec<&Line> = drawn.iter().map(|(_, line)| line).collect();
    let points = || lines.iter().flat_map(|line| line.iter());
    let (Some(x_range), Some(y_range)) = (
        padded(points().map(|p| p.0)),
        padded(
            points()
                .flat_map(|(_, e)| [e.interval().0.max(e.mean - 0.25), e.interval().1.min(e.mean + 0.25)]),
        ),
    ) else {
        return Drawn::nothing(format!("No trial of this figure has a {} yet.", score_text(score)));
    };
    let (low, high) = points().fold((f64::INFINITY, 0.0_f64), |(low, high), p| (low.min(p.0), high.max(p.0)));
    let logarithmic = low > 0.0 && high / low >= 20.0;
    let seeds = points().map(|(_, e)| e.n).max().unwrap_or(0);
    let what = match seeds > 1 {
        true if points().any(|(_, e)| e.n == 1) => {
            "Mean over seeds; the band is its 95% t interval, which a point with one seed has not."
        }
        true => "Mean over seeds; the band is its 95% t interval.",
        false => "One seed, so without intervals.",
    };
    let left_out = left_out_words(all.len() - drawn.len(), "lines")
        .map_or_else(String::new, |words| format!(" {words}"));
    let diverged = match groups.iter().flat_map(|group| &group.trials).filter(|t| t.diverged()).count() {
        0 => String::new(),
        1 => " 1 trial diverged: its seed is left out there, which flatters its line.".to_string(),
        n => format!(" {n} trials diverged: their seeds are left out there, which flatters their lines."),
    };
    let missing = missing_words(groups);
    let caption = format!("{what}{left_out}{diverged}{missing}");
    let labels: Vec<String> = drawn.iter().map(|(g, _)| g.label.clone()).collect();
    let (x_name, score_name) = (key_text(x), score_text(score));
    Drawn::with(caption, |theme| {
        canvas(theme, HEIGHT + legend_height(&labels), |area| {
            let (top, bottom) = area.split_vertically(HEIGHT);
            let names = &Names { x: &x_name, y: &score_name, x_ticks: 8 };
            if logarithmic {
                panel(&top, theme, (low * 0.7..high * 1.4).log_scale(), &y_range, names, &lines)?;
            } else {
                panel(&top, theme, x_range.clone(), &y_range, names, &lines)?;
            }
            legend(&bottom, theme, &labels, &(0..labels.len()).collect::<Vec<_>>())
        })
    })
}

fn panel<X>(area: &Area, theme: &Theme, x: X, y: &Range<f64>, names: &Names, lines: &[&Line]) -> Drawing
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    debug_assert!(area.dim_in_pixel().0 == WIDTH, "drawn over the whole width");
    let mut chart = axes(area, theme, x, y.clone(), names)?;
    for (index, line) in lines.iter().enumerate() {
        let has_interval = |(_, e): &(f64, Estimate)| e.half_width.is_some();
        let runs = line.chunk_by(|a, b| has_interval(a) == has_interval(b));
        for run in runs.filter(|run| has_interval(&run[0])) {
            let lower = run.iter().map(|(x, e)| (*x, e.interval().0.max(y.start)));
            let upper = run.iter().rev().map(|(x, e)| (*x, e.interval().1.min(y.end)));
            let band: Vec<(f64, f64)> = lower.chain(upper).collect();
            chart.draw_series([Polygon::new(band, theme.colour(index).mix(0.18))])?;
        }
    }
    for (index, line) in lines.iter().enumerate() {
        let points: Vec<(f64, f64)> = line.iter().map(|(x, e)| (*x, e.mean)).collect();
        chart.draw_series([PathElement::new(points.clone(), theme.colour(index).stroke_width(4))])?;
        chart.draw_series(points.into_iter().map(|at| dot(at, 9, theme, index)))?;
    }
    Ok(())
}

/// One estimate for each x, as in a table.
pub(super) fn line(group: &Group, x: &str, score: &str) -> Line {
    let mut by_x: Vec<(f64, Vec<&Evidence>)> = Vec::new();
    for trial in &group.trials {
        let Some(at) = trial.leaves.get(x).and_then(|v| number(v)) else { continue };
        match by_x.iter_mut().find(|(x, _)| x.total_cmp(&at).is_eq()) {
            Some((_, trials)) => trials.push(trial),
            None => by_x.push((at, vec![trial])),
        }
    }
    by_x.sort_by(|a, b| a.0.total_cmp(&b.0));
    let estimate = |trials: &[&Evidence]| Estimate::of(&Seeds::of(trials, score).means);
    by_x.iter().filter_map(|(x, trials)| Some((*x, estimate(trials)?))).collect()
}
