//! The AMI of read-outs against what their embeddings can hold, one dot a trial.

use plotters::coord::combinators::IntoLogRange;
use plotters::element::PathElement;
use plotters::style::Color;

use super::chart::{Area, Drawing, Names, axes, canvas, dot, legend, legend_height};
use super::theme::Theme;
use super::{Drawn, Group, left_out_words};
use crate::information::largest_ami;
use crate::text::score_text;

const HEIGHT: u32 = 1000;
/// Colours of groups; that of the bound is not among them.
const COLOURS: [usize; 10] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10];
const BOUND: usize = 6;
/// Points of the bound's line.
const STEPS: u32 = 200;

/// Scores on the axes, and the entropy of the classes in nats.
pub(super) struct Axes<'s> {
    pub(super) ami: &'s str,
    pub(super) kl: &'s str,
    pub(super) entropy: f64,
}

/// A group's trials: what the embedding can hold, and the AMI.
type Dots = Vec<(f64, f64)>;

pub(super) fn draw(groups: &[Group], of: &Axes) -> Drawn {
    let held = |kl: f64| kl.clamp(1e-9, of.entropy);
    let dots = |group: &Group| -> Dots {
        let trials = group.trials.iter();
        trials.filter_map(|t| Some((held(t.score(of.kl)?), t.score(of.ami)?))).collect()
    };
    let all: Vec<(&Group, Dots)> =
        groups.iter().map(|group| (group, dots(group))).filter(|(_, dots)| !dots.is_empty()).collect();
    if all.is_empty() {
        return Drawn::nothing(format!("No trial of this figure has a {} yet.", score_text(of.kl)));
    }
    let drawn = &all[..all.len().min(COLOURS.len())];
    let left_out = left_out_words(all.len() - drawn.len(), "groups");
    let what = format!(
        "A dot is a trial. The line is the largest AMI that a read-out of a sample can have: 2K / (K + H), where K is the KL at the end of training, \
         or the entropy of the classes, H = {:.2} nats, where that is less. No sample can lie above it; the mean of a posterior can, because it is no \
         sample: its scale is not seen by a read-out.",
        of.entropy
    );
    let caption = [Some(what), left_out].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let bound = "largest AMI of a sample".to_string();
    let labels: Vec<String> = drawn.iter().map(|(group, _)| group.label.clone()).chain([bound]).collect();
    let colours: Vec<usize> = COLOURS[..drawn.len()].iter().copied().chain([BOUND]).collect();
    Drawn::with(caption, |theme| {
        canvas(theme, HEIGHT + legend_height(&labels), |area| {
            let (top, bottom) = area.split_vertically(HEIGHT);
            panel(&top, theme, drawn, of)?;
            legend(&bottom, theme, &labels, &colours)
        })
    })
}

fn panel(area: &Area, theme: &Theme, drawn: &[(&Group, Dots)], of: &Axes) -> Drawing {
    let points = || drawn.iter().flat_map(|(_, dots)| dots);
    let low = points().map(|p| p.0).fold(of.entropy / 10.0, f64::min) / 2.0;
    let bottom = points().map(|p| p.1).fold(0.0, f64::min) - 0.05;
    let names = Names {
        x: "KL at the end of training, at most the entropy of the classes (nats)",
        y: "AMI",
        x_ticks: 8,
    };
    let mut chart = axes(area, theme, (low..of.entropy * 1.5).log_scale(), bottom..1.05, &names)?;
    let at = |step: u32| low * (of.entropy / low).powf(f64::from(step) / f64::from(STEPS));
    let line = (0..=STEPS).map(at).map(|held| (held, largest_ami(held, of.entropy)));
    chart.draw_series([PathElement::new(line.collect::<Vec<_>>(), theme.colour(BOUND).stroke_width(4))])?;
    for ((_, dots), &colour) in drawn.iter().zip(&COLOURS) {
        chart.draw_series(dots.iter().map(|&place| dot(place, 9, theme, colour)))?;
    }
    Ok(())
}
