//! Shares of a whole as bars, with their intervals.

use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Area, Drawing, TEXT, canvas};
use super::theme::{Theme, rgb};
use super::{Drawn, left_out_words};
use crate::effects::Effect;

const MOST_BARS: usize = 15;
const BAR_HEIGHT: u32 = 50;
const LABEL_WIDTH: i32 = 760;

/// The largest effects, then what else the variance is.
pub(super) fn draw(effects: &[Effect]) -> Drawn {
    let (named, others): (Vec<&Effect>, Vec<&Effect>) = effects.iter().partition(|effect| effect.named);
    if named.is_empty() {
        return Drawn::nothing("Nothing is analysed yet.");
    }
    let shown = &named[..named.len().min(MOST_BARS)];
    let left_out = left_out_words(named.len() - shown.len(), "effects, each smaller than these,");
    let has_intervals = named.iter().any(|effect| effect.share.interval.is_some());
    let what = if has_intervals {
        "Share of the variance; the line is its 95% bootstrap interval over seeds."
    } else {
        "Share of the variance; one seed, so without intervals."
    };
    let caption = [Some(what.to_string()), left_out].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let bars: Vec<&Effect> = shown.iter().chain(&others).copied().collect();
    Drawn::with(caption, |theme| {
        canvas(theme, bars.len() as u32 * BAR_HEIGHT + 150, |area| panel(area, theme, &bars))
    })
}

fn panel(area: &Area, theme: &Theme, bars: &[&Effect]) -> Drawing {
    let end = |effect: &&Effect| effect.share.interval.map_or(0.0, |(_, high)| high).max(effect.share.share);
    let most = bars.iter().map(end).fold(0.01, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .margin_right(150)
        .set_label_area_size(LabelAreaPosition::Left, LABEL_WIDTH)
        .x_label_area_size(95)
        .build_cartesian_2d(0.0..most, 0.0..bars.len() as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(rgb(theme.grid).mix(0.0))
        .bold_line_style(rgb(theme.grid).stroke_width(2))
        .axis_style(rgb(theme.ink).stroke_width(2))
        .label_style(theme.text(TEXT))
        .axis_desc_style(theme.text(TEXT))
        .x_labels(8)
        .x_label_formatter(&|x| format!("{:.0}%", 100.0 * x))
        .x_desc("share of the variance")
        .draw()?;
    for (place, effect) in bars.iter().rev().enumerate() {
        let (y, share) = (place as f64 + 0.5, effect.share.share);
        let colour = theme.colour(if effect.named { 0 } else { 9 });
        chart.draw_series([Rectangle::new([(0.0, y - 0.3), (share, y + 0.3)], colour.filled())])?;
        if let Some((low, high)) = effect.share.interval {
            let line = PathElement::new(vec![(low, y), (high, y)], rgb(theme.ink).stroke_width(4));
            chart.draw_series([line])?;
        }
        let style = |side| theme.text(TEXT).pos(Pos::new(side, VPos::Center));
        let (x, row) = chart.backend_coord(&(0.0, y));
        area.draw(&Text::new(effect.label.clone(), (x - 16, row), style(HPos::Right)))?;
        let (x, _) = chart.backend_coord(&(end(effect), y));
        area.draw(&Text::new(format!("{:.1}%", 100.0 * share), (x + 14, row), style(HPos::Left)))?;
    }
    Ok(())
}
