//! What all figures share: a canvas, panels side by side, axes, a legend.
//!
//! Plotters' SVG has whole-number coordinates, so figures are drawn large, to be shown at half
//! size.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Rectangle, Text};
use plotters::prelude::{Cartesian2d, SVGBackend};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::theme::{Theme, rgb};

/// Width of every figure.
pub(super) const WIDTH: u32 = 1800;
/// Size of ordinary text, which is half of that where a figure is shown.
pub(super) const TEXT: u32 = 30;
/// Height of a line of it.
pub(super) const LINE: u32 = TEXT + 6;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawing<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;
type Chart<'b, 'a, X> =
    ChartContext<'b, SVGBackend<'a>, Cartesian2d<<X as AsRangedCoord>::CoordDescType, RangedCoordf64>>;

/// A figure of a height on the ground of a theme.
pub(super) fn canvas(theme: &Theme, height: u32, draw: impl FnOnce(&Area) -> Drawing) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        area.fill(&rgb(theme.ground))
            .and_then(|()| draw(&area))
            .and_then(|()| area.present())
            .expect("SVG in memory");
    }
    join_dots(&svg)
}

/// Height of a legend of these labels.
pub(super) fn legend_height(labels: &[String]) -> u32 {
    let rows = places(labels).last().map_or(0, |&(_, row)| row + 1);
    rows * (TEXT + 16) + 20
}

/// A swatch and a label each, in rows over the whole width.
pub(super) fn legend(area: &Area, theme: &Theme, labels: &[String], colours: &[usize]) -> Drawing {
    let row_height = TEXT as i32 + 16;
    for ((label, &colour), (x, row)) in labels.iter().zip(colours).zip(places(labels)) {
        let (x, y) = (x as i32, row as i32 * row_height + row_height / 2);
        area.draw(&Rectangle::new([(x, y - 11), (x + 30, y + 11)], theme.colour(colour).filled()))?;
        let style = theme.text(TEXT).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(label.clone(), (x + 42, y), style))?;
    }
    Ok(())
}

/// Left edge and row of each label.
fn places(labels: &[String]) -> Vec<(u32, u32)> {
    let (mut x, mut row) = (40, 0);
    let mut places = Vec::new();
    for label in labels {
        let width = 90 + label.chars().count() as u32 * TEXT * 6 / 10;
        if x + width > WIDTH && x > 40 {
            (x, row) = (40, row + 1);
        }
        places.push((x, row));
        x += width;
    }
    places
}

/// Lines of text over a panel; returns what is left under them.
pub(super) fn titled<'a>(area: &Area<'a>, theme: &Theme, lines: &[impl AsRef<str>]) -> Drawing<Area<'a>> {
    let (head, body) = area.split_vertically(lines.len() as u32 * LINE + 18);
    let style = theme.text(TEXT).pos(Pos::new(HPos::Center, VPos::Center));
    let middle = head.dim_in_pixel().0 as i32 / 2;
    for (line, y) in lines.iter().zip((0..).map(|i| 9 + i * LINE as i32 + LINE as i32 / 2)) {
        head.draw(&Text::new(line.as_ref().to_string(), (middle, y), style.clone()))?;
    }
    Ok(body)
}

/// Titles of panels of a width, in as many lines each, one at least, broken behind commas.
pub(super) fn in_lines(titles: &[&str], width: u32) -> Vec<Vec<String>> {
    // A letter is not half as wide as it is high.
    let most = (2 * width / TEXT) as usize;
    let broken = |title: &&str| {
        let mut lines = Vec::<String>::new();
        for part in title.split_inclusive(", ") {
            match lines.last_mut() {
                Some(line) if (line.clone() + part.trim_end()).chars().count() <= most => *line += part,
                _ => lines.push(part.to_string()),
            }
        }
        lines
    };
    let mut all: Vec<Vec<String>> = titles.iter().map(broken).collect();
    let lines = all.iter().map(Vec::len).max().unwrap_or(0).max(1);
    for own in &mut all {
        own.resize(lines, String::new());
    }
    all
}

/// What stands at the axes.
pub(super) struct Names<'s> {
    pub(super) x: &'s str,
    pub(super) y: &'s str,
    pub(super) x_ticks: usize,
}

/// Axes with grid, ticks and names.
pub(super) fn axes<'a, 'b, X>(
    area: &'b Area<'a>,
    theme: &Theme,
    x: X,
    y: Range<f64>,
    names: &Names,
) -> Drawing<Chart<'b, 'a, X>>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .margin_right(40)
        .x_label_area_size(if names.x.is_empty() { 50 } else { 95 })
        .y_label_area_size(if names.y.is_empty() { 80 } else { 150 })
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(rgb(theme.grid).mix(0.0))
        .bold_line_style(rgb(theme.grid).stroke_width(2))
        .axis_style(rgb(theme.ink).stroke_width(2))
        .label_style(theme.text(TEXT))
        .axis_desc_style(theme.text(TEXT))
        .x_labels(names.x_ticks)
        .y_labels(7)
        .x_label_formatter(&|x| tick(*x))
        .y_label_formatter(&|y| tick(*y))
        .x_desc(names.x)
        .y_desc(names.y)
        .draw()?;
    Ok(chart)
}

/// A tick as short as it can be said.
fn tick(x: f64) -> String {
    let text = format!("{x:.4}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    match short {
        "-0" | "0" if x.abs() > 1e-12 => format!("{x:.0e}"),
        "-0" => "0".to_string(),
        _ => short.to_string(),
    }
}

/// A range with a little room on both sides; around a single value, room enough.
pub(super) fn padded(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let room = if high > low { (high - low) * 0.05 } else { low.abs().max(1.0) * 0.05 };
    (low <= high).then_some(low - room..high + room)
}

/// A dot, as a circle that [`join_dots`] gathers.
pub(super) fn dot(at: (f64, f64), radius: i32, theme: &Theme, colour: usize) -> Circle<(f64, f64), i32> {
    Circle::new(at, radius, theme.colour(colour).filled())
}

/// Writes runs of equal dots as one path of round line ends: a tenth of the bytes of a `<circle>`
/// each.
fn join_dots(svg: &str) -> String {
    let lines: Vec<(&str, Option<Dot>)> = svg.lines().map(|line| (line, Dot::parse(line))).collect();
    let alike = |a: Option<Dot>, b: Option<Dot>| a.zip(b).is_some_and(|(a, b)| a.style == b.style);
    let runs = lines.chunk_by(|(_, a), (_, b)| alike(*a, *b));
    runs.map(|run| run[0].1.map_or_else(|| format!("{}\n", run[0].0), |first| first.path(run))).collect()
}

/// `<circle cx="1" cy="2" r="3" opacity="1" fill="#0072B2" stroke="none" stroke-width="1"/>`
#[derive(Clone, Copy)]
struct Dot<'a> {
    x: &'a str,
    y: &'a str,
    /// All the rest.
    style: &'a str,
}

impl<'a> Dot<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (x, rest) = line.strip_prefix("<circle cx=\"")?.split_once("\" cy=\"")?;
        let (y, style) = rest.split_once("\" r=\"")?;
        (style.contains("opacity=\"1\"") && style.contains("stroke=\"none\"")).then_some(Self { x, y, style })
    }

    /// The path of a run of dots in the style of this one.
    fn path(self, run: &[(&str, Option<Dot>)]) -> String {
        let places: String =
            run.iter().filter_map(|(_, dot)| dot.map(|d| format!("M{} {}h0", d.x, d.y))).collect();
        let (radius, rest) = self.style.split_once('"').unwrap_or(("1", self.style));
        let fill = rest.split_once("fill=\"").and_then(|(_, fill)| fill.split('"').next()).unwrap_or("none");
        let width = 2.0 * radius.parse::<f64>().unwrap_or(1.0);
        format!(
            "<path d=\"{places}\" fill=\"none\" stroke=\"{fill}\" stroke-width=\"{width}\" stroke-linecap=\"round\"/>\n"
        )
    }
}
