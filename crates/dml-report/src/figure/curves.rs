//! Loss curves over epochs.

use plotters::element::PathElement;
use plotters::style::Color;

use super::chart::{Area, Drawing, Names, axes, canvas, legend, legend_height, padded, titled};
use super::theme::Theme;
use super::{Drawn, Group, left_out_words, missing_words};

const MOST_LINES: usize = 11;
const PANEL_HEIGHT: u32 = 680;

/// A curve of a group: epoch and mean over its trials, where any of them has a value.
type Line = Vec<(f64, f64)>;

pub(super) fn draw(groups: &[Group], curves: &[String]) -> Drawn {
    let some_curve = |g: &&Group| curves.iter().any(|curve| !mean_curve(g, curve).is_empty());
    let all: Vec<&Group> = groups.iter().filter(some_curve).collect();
    let drawn = &all[..all.len().min(MOST_LINES)];
    if drawn.is_empty() {
        return Drawn::nothing("No trial of this figure has curves yet.");
    }
    let left_out = left_out_words(all.len() - drawn.len(), "lines")
        .map_or_else(String::new, |words| format!(" {words}"));
    let caption =
        format!("Loss terms over epochs, mean over seeds.{left_out}{}", missing_words(all.iter().copied()));
    let labels: Vec<String> = drawn.iter().map(|g| g.label.clone()).collect();
    let panels: Vec<(&String, Vec<Line>)> =
        curves.iter().map(|curve| (curve, drawn.iter().map(|g| mean_curve(g, curve)).collect())).collect();
    Drawn::with(caption, |theme| {
        let columns = if panels.len() == 4 { 2 } else { panels.len().clamp(1, 3) };
        let rows = panels.len().div_ceil(columns);
        canvas(theme, rows as u32 * PANEL_HEIGHT + legend_height(&labels), |area| {
            let (top, bottom) = area.split_vertically(rows as u32 * PANEL_HEIGHT);
            for (place, (curve, lines)) in top.split_evenly((rows, columns)).iter().zip(&panels) {
                panel(place, theme, &curve.replace('_', " "), lines)?;
            }
            legend(&bottom, theme, &labels, &(0..labels.len()).collect::<Vec<_>>())
        })
    })
}

fn panel(area: &Area, theme: &Theme, name: &str, lines: &[Line]) -> Drawing {
    let area = titled(area, theme, &[name])?;
    let points = || lines.iter().flatten();
    let (Some(x), Some(y)) = (padded(points().map(|p| p.0)), padded(points().map(|p| p.1))) else {
        return titled(&area, theme, &["(no values)"]).map(drop);
    };
    let x_ticks = points().map(|p| p.0).fold(1.0, f64::max).min(8.0) as usize;
    let mut chart = axes(&area, theme, x, y, &Names { x: "epoch", y: "", x_ticks })?;
    for (index, line) in lines.iter().enumerate() {
        let style = theme.colour(index).stroke_width(4);
        chart.draw_series([PathElement::new(line.clone(), style)])?;
        chart.draw_series(line.iter().map(|&at| super::chart::dot(at, 6, theme, index)))?;
    }
    Ok(())
}

fn mean_curve(group: &Group, curve: &str) -> Line {
    let curves: Vec<&Vec<Option<f64>>> =
        group.trials.iter().filter_map(|t| t.result?.curves.get(curve)).collect();
    let epochs = curves.iter().map(|c| c.len()).max().unwrap_or(0);
    let mean = |epoch: usize| {
        let values: Vec<f64> =
            curves.iter().filter_map(|c| *c.get(epoch)?).filter(|x| x.is_finite()).collect();
        (!values.is_empty()).then(|| ((epoch + 1) as f64, values.iter().sum::<f64>() / values.len() as f64))
    };
    (0..epochs).filter_map(mean).collect()
}
