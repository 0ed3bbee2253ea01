//! Latent spaces side by side, coloured by class, with the prior's components.

use dml_store::RunStore;
use ndarray::Array2;
use plotters::element::{Circle, PathElement, Text};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{
    Area, Drawing, LINE, Names, TEXT, WIDTH, axes, canvas, dot, in_lines, legend, legend_height, titled,
};
use super::theme::{Theme, rgb};
use super::{Drawn, Group, left_out_words};
use crate::error::ReportError;
use crate::latent::{Latent, plane, t_sne};

const MOST_PANELS: usize = 12;
/// Axes of a latent space mean nothing.
const NO_NAMES: Names = Names { x: "", y: "", x_ticks: 6 };
/// More than this only hides more.
const MOST_POINTS: usize = 1000;

struct Panel {
    title: String,
    points: Array2<f64>,
    labels: Vec<u16>,
    /// Centre and the two standard deviations.
    components: Vec<([f64; 2], [f64; 2])>,
}

pub(super) fn draw(groups: &[Group], store: &RunStore) -> Result<Drawn, ReportError> {
    let mut found = Vec::new();
    for group in groups {
        for trial in &group.trials {
            if trial.result.is_some()
                && let Some(latent) = Latent::read(&store.trial_directory(&trial.id))?
            {
                found.push((group.label.clone(), latent.truncated(MOST_POINTS)));
                break;
            }
        }
    }
    if found.is_empty() {
        return Ok(Drawn::nothing("No trial of this figure has left a latent space (latent.npz) yet."));
    }
    let missing = groups.len() - found.len();
    let left_out = found.len().saturating_sub(MOST_PANELS);
    found.truncate(MOST_PANELS);
    let caption = caption(&found, missing, left_out);
    let panels: Vec<Panel> = std::thread::scope(|scope| {
        let started: Vec<_> =
            found.into_iter().map(|(title, latent)| scope.spawn(|| panel(title, latent))).collect();
        started.into_iter().map(|thread| thread.join().expect("drawing does not panic")).collect()
    });
    let mut classes: Vec<u16> = panels.iter().flat_map(|p| p.labels.iter().copied()).collect();
    classes.sort_unstable();
    classes.dedup();
    let names: Vec<String> = classes.iter().map(u16::to_string).collect();
    let colours: Vec<usize> = classes.iter().map(|&c| usize::from(c)).collect();
    Ok(Drawn::with(caption, |theme| {
        let columns = panels.len().min(3);
        let rows = panels.len().div_ceil(columns);
        let side = WIDTH / columns.max(2) as u32;
        let titles = in_lines(&panels.iter().map(|panel| panel.title.as_str()).collect::<Vec<_>>(), side);
        let height = rows as u32 * (side + (titles[0].len() as u32 - 1) * LINE);
        canvas(theme, height + legend_height(&names), |area| {
            let (top, bottom) = area.split_vertically(height);
            for ((place, panel), title) in top.split_evenly((rows, columns)).iter().zip(&panels).zip(&titles)
            {
                draw_panel(place, theme, panel, (title, side))?;
            }
            legend(&bottom, theme, &names, &colours)
        })
    }))
}

fn caption(found: &[(String, Latent)], missing: usize, left_out: usize) -> String {
    let says = |holds: bool, text: &str| holds.then(|| text.to_string());
    let circles = found.iter().any(|(_, l)| l.embeddings.ncols() == 2 && l.components.is_some());
    let sentences = [
        says(
            true,
            "The evaluated split, coloured by class; a number marks the median of its class where there is room.",
        ),
        says(circles, "Circles: components of the prior, with their standard deviation as radius."),
        says(
            found.iter().any(|(_, l)| l.embeddings.ncols() > 2),
            "More than two dimensions are shown by t-SNE, in which distances between groups mean little.",
        ),
        (missing > 0).then(|| format!("{missing} more have left no latent space yet.")),
        left_out_words(left_out, "panels"),
    ];
    sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn panel(title: String, latent: Latent) -> Panel {
    let d = latent.embeddings.ncols();
    let components = latent.components.filter(|_| d == 2).map_or_else(Vec::new, |(mean, logvar)| {
        let two = |row: ndarray::ArrayView1<f32>| [f64::from(row[0]), f64::from(row[1])];
        let rows = mean.outer_iter().zip(logvar.outer_iter());
        rows.map(|(mean, logvar)| (two(mean), two(logvar).map(|l| (l / 2.0).exp()))).collect()
    });
    let (points, how) =
        if d > 2 { (t_sne(&latent.embeddings), " (t-SNE)") } else { (plane(&latent.embeddings), "") };
    Panel { title: title + how, points, labels: latent.labels, components }
}

fn draw_panel(area: &Area, theme: &Theme, panel: &Panel, (title, side): (&[String], u32)) -> Drawing {
    let (width, _) = area.dim_in_pixel();
    let margin = width.saturating_sub(side) as i32 / 2;
    let area = titled(&area.margin(0, 0, margin, margin), theme, title)?;
    // A square window, so that circles are circles.
    let reach = |axis: usize| {
        let points = panel.points.column(axis).to_vec();
        let circles = panel.components.iter().flat_map(move |(c, s)| [c[axis] - s[axis], c[axis] + s[axis]]);
        let values = points.into_iter().chain(circles);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ((x_low, x_high), (y_low, y_high)) = (reach(0), reach(1));
    let half = ((x_high - x_low).max(y_high - y_low) / 2.0).max(1e-6) * 1.06;
    let window = |low: f64, high: f64| f64::midpoint(low, high) - half..f64::midpoint(low, high) + half;
    let mut chart = axes(&area, theme, window(x_low, x_high), window(y_low, y_high), &NO_NAMES)?;
    let mut classes: Vec<u16> = panel.labels.clone();
    classes.sort_unstable();
    classes.dedup();
    for &class in &classes {
        let of_class = panel.points.outer_iter().zip(&panel.labels).filter(|(_, label)| **label == class);
        chart.draw_series(of_class.map(|(p, _)| dot((p[0], p[1]), 4, theme, usize::from(class))))?;
    }
    let pixels = f64::from(chart.plotting_area().dim_in_pixel().0) / (2.0 * half);
    for &([x, y], [along_x, along_y]) in &panel.components {
        let style = rgb(theme.ink).stroke_width(3);
        if (along_x - along_y).abs() * pixels < 1.0 {
            chart.draw_series([Circle::new((x, y), (along_x * pixels).round() as i32, style)])?;
        } else {
            let angles = (0..=64).map(|k| f64::from(k) * std::f64::consts::TAU / 64.0);
            let ring: Vec<_> = angles.map(|a| (x + along_x * a.cos(), y + along_y * a.sin())).collect();
            chart.draw_series([PathElement::new(ring, style)])?;
        }
        chart.draw_series([Circle::new((x, y), 3, rgb(theme.ink).filled())])?;
    }
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for &class in &classes {
        let median = |axis: usize| {
            let of_class = panel.points.column(axis).to_vec().into_iter().zip(&panel.labels);
            let mut values: Vec<f64> =
                of_class.filter(|(_, label)| **label == class).map(|(x, _)| x).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let at = (median(0), median(1));
        if taken.iter().any(|other| (other.0 - at.0).hypot(other.1 - at.1) < 0.14 * half) {
            continue;
        }
        taken.push(at);
        let centred =
            |style: plotters::style::TextStyle<'static>| style.pos(Pos::new(HPos::Center, VPos::Center));
        chart.draw_series([Circle::new(at, 17, rgb(theme.ground).mix(0.8).filled())])?;
        chart.draw_series([Text::new(class.to_string(), at, centred(theme.text(TEXT)))])?;
    }
    Ok(())
}
