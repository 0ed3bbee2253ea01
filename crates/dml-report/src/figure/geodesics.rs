//! Latent planes shaded by volume, with geodesics and straight lines, and images along both.

use dml_store::{RunStore, names};
use ndarray::Array2;
use resvg::tiny_skia::{ColorU8, Pixmap};

use super::chart::{TEXT, WIDTH};
use super::images::{self, Picture};
use super::svg::{self, Enlarged};
use super::theme::{Rgb, Theme, hex};
use super::{Drawn, Group, left_out_words};
use crate::error::ReportError;
use crate::geodesics::Geodesics;
use crate::latent::Latent;

const MOST_PANELS: usize = 6;
/// Embeddings that are drawn as dots; more hide the shade.
const MOST_POINTS: usize = 600;
/// Size of numbers and letters.
const SMALL: u32 = 26;
/// Room for a panel's title.
const HEAD: f64 = 66.0;
/// Room for the scale beneath a plane.
const FOOT: f64 = 160.0;
/// Left edges of the plane, of what stands before the rows of images, and of these.
const LEFT: [f64; 3] = [40.0, 862.0, 1060.0];
/// Side of the plane, which the images are not higher than.
const SIDE: f64 = 790.0;
/// How blue the largest volume is; curves are to be seen on it.
const FULL: f64 = 0.85;
/// Steps of the scale's colours.
const STEPS: usize = 64;
/// Colour of a geodesic; a straight line is in ink.
const GEODESIC: usize = 1;

struct Panel {
    title: String,
    geodesics: Geodesics,
    /// A row along each geodesic, and beneath it one along its line.
    images: Option<Picture>,
    embeddings: Vec<[f64; 2]>,
}

pub(super) fn draw(groups: &[Group], store: &RunStore) -> Result<Drawn, ReportError> {
    let mut panels = Vec::new();
    for group in groups {
        for trial in group.trials.iter().filter(|trial| trial.result.is_some()) {
            if let Some(panel) = read(store, &trial.id, &group.label)? {
                panels.push(panel);
                break;
            }
        }
    }
    if panels.is_empty() {
        let nothing = "No trial of this figure has left geodesics (geodesics.npz) yet: with evaluation.geodesic_pairs above 0, model.latent_dim = 2 and a decoder one does.";
        return Ok(Drawn::nothing(nothing));
    }
    let missing = groups.len() - panels.len();
    let left_out = panels.len().saturating_sub(MOST_PANELS);
    panels.truncate(MOST_PANELS);
    let what = "The bluer the plane, the more the decoded image changes with a step there: its shade is the volume of the decoder's metric, sqrt(det G), on the scale beneath. Ways run between examples, with their classes at the ends: the geodesic solid, the straight line dashed. Beside the plane are nine images along each, and its decoded length. Dots are evaluated images.";
    let missing = (missing > 0).then(|| format!("{missing} more have left no geodesics yet."));
    let sentences = [Some(what.to_string()), missing, left_out_words(left_out, "planes")];
    let caption = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Ok(Drawn::with(caption, |theme| {
        let height = HEAD + SIDE + FOOT;
        let of_panel = |(i, panel): (usize, &Panel)| panel.elements(theme, i as f64 * height);
        let elements: Vec<String> = panels.iter().enumerate().flat_map(of_panel).collect();
        svg::document((panels.len() as f64 * height) as u32, theme.ground, &elements)
    }))
}

fn read(store: &RunStore, id: &str, title: &str) -> Result<Option<Panel>, ReportError> {
    let directory = store.trial_directory(id);
    let Some(geodesics) = Geodesics::read(&directory)? else { return Ok(None) };
    let images = images::read(store, id, names::ALONG_GEODESICS)?;
    let latent = Latent::read(&directory)?.filter(|latent| latent.embeddings.ncols() == 2);
    let points = latent.map_or_else(|| Array2::zeros((0, 2)), |l| l.truncated(MOST_POINTS).embeddings);
    let embeddings = points.outer_iter().map(|point| [f64::from(point[0]), f64::from(point[1])]).collect();
    Ok(Some(Panel { title: title.to_string(), geodesics, images, embeddings }))
}

impl Panel {
    fn elements(&self, theme: &Theme, top: f64) -> Vec<String> {
        let title =
            svg::text([f64::from(WIDTH) / 2.0, top + HEAD - 24.0], "middle", TEXT, theme.ink, &self.title);
        let top = top + HEAD;
        let scale = Scale::of(&self.geodesics.log10_volume);
        let mut elements = vec![title];
        elements.extend(self.plane(theme, top, &scale));
        elements.extend(scale.elements(theme, top + SIDE + 20.0));
        elements.extend(self.rows(theme, top));
        elements.extend(legend(theme, top + SIDE + 56.0));
        elements
    }

    /// Where a point of the plane is drawn.
    fn at(&self, [x, y]: [f64; 2], top: f64) -> [f64; 2] {
        let [part_x, part_y] = [(x, 0), (y, 1)].map(|(value, d)| {
            let [low, high] = self.geodesics.window[d];
            (value - low) / (high - low)
        });
        [LEFT[0] + SIDE * part_x, top + SIDE * (1.0 - part_y)]
    }

    fn plane(&self, theme: &Theme, top: f64, scale: &Scale) -> Vec<String> {
        let corner = [LEFT[0], top];
        let shade = scale.picture(&self.geodesics.log10_volume, theme);
        let mut elements = vec![svg::picture(corner, [SIDE, SIDE], Enlarged::Smoothly, &shade)];
        elements.extend(self.dots(theme, top));
        let pairs = &self.geodesics.pairs;
        let curves: Vec<Vec<[f64; 2]>> = pairs
            .iter()
            .map(|pair| pair.geodesic.iter().map(|&point| self.at(point, top)).collect())
            .collect();
        for curve in &curves {
            let line = [curve[0], curve[curve.len() - 1]];
            elements.extend(way(&line, theme, Kind::Line));
        }
        elements.extend(curves.iter().flat_map(|curve| way(curve, theme, Kind::Geodesic)));
        let mut taken = Vec::new();
        for (curve, pair) in curves.iter().zip(pairs) {
            for (end, class) in [curve[0], curve[curve.len() - 1]].into_iter().zip(pair.classes) {
                elements.extend(mark(end, theme, &class.to_string(), theme.ink));
                taken.push(end);
            }
        }
        for (place, curve) in curves.iter().enumerate() {
            let at = farthest(curve, &taken);
            elements.extend(mark(at, theme, &letter(place), theme.palette[GEODESIC]));
            taken.push(at);
        }
        elements.push(format!(
            "<rect x=\"{}\" y=\"{top}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            LEFT[0],
            hex(theme.ink)
        ));
        elements
    }

    /// The embeddings that the window shows.
    fn dots(&self, theme: &Theme, top: f64) -> Option<String> {
        let window = self.geodesics.window;
        let is_shown = |p: &&[f64; 2]| (0..2).all(|d| window[d][0] < p[d] && p[d] < window[d][1]);
        let place = |&point: &[f64; 2]| {
            let [x, y] = self.at(point, top);
            format!("M{x:.1} {y:.1}h0")
        };
        let places: String = self.embeddings.iter().filter(is_shown).map(place).collect();
        let ink = hex(theme.ink);
        let path = format!(
            "<path d=\"{places}\" fill=\"none\" stroke=\"{ink}\" stroke-opacity=\"0.4\" stroke-width=\"5\" stroke-linecap=\"round\"/>"
        );
        (!places.is_empty()).then_some(path)
    }

    /// The images along the ways, each row with its kind and length before it.
    fn rows(&self, theme: &Theme, top: f64) -> Vec<String> {
        let Some(picture) = &self.images else { return Vec::new() };
        let [width, height] = [picture.width, picture.height].map(f64::from);
        let enlarged = ((f64::from(WIDTH) - LEFT[2] - LEFT[0]) / width).min(SIDE / height);
        let [width, height] = [width * enlarged, height * enlarged];
        let mut elements =
            vec![svg::picture([LEFT[2], top], [width, height], Enlarged::Squares, &picture.png)];
        let row = height / (2 * self.geodesics.pairs.len()) as f64;
        for (place, pair) in self.geodesics.pairs.iter().enumerate() {
            let middle = top + row * (2 * place + 1) as f64;
            elements.extend(mark([LEFT[1] + 10.0, middle], theme, &letter(place), theme.palette[GEODESIC]));
            for (kind, length, y) in [
                (Kind::Geodesic, pair.lengths[0], middle - row / 2.0),
                (Kind::Line, pair.lengths[1], middle + row / 2.0),
            ] {
                elements.extend(way(&[[LEFT[1] + 48.0, y], [LEFT[1] + 104.0, y]], theme, kind));
                let words = format!("{length:.1}");
                elements.push(svg::text([LEFT[2] - 16.0, y + 9.0], "end", SMALL, theme.ink, &words));
            }
        }
        elements
    }
}

/// The point of a curve that has most room around it.
fn farthest(curve: &[[f64; 2]], taken: &[[f64; 2]]) -> [f64; 2] {
    let room = |at: &[f64; 2]| {
        let apart = taken.iter().map(|other| (at[0] - other[0]).hypot(at[1] - other[1]));
        apart.fold(f64::INFINITY, f64::min)
    };
    *curve.iter().max_by(|a, b| room(a).total_cmp(&room(b))).expect("a geodesic has two points at least")
}

/// A, B, C and so on.
fn letter(place: usize) -> String {
    char::from(b'A' + (place % 26) as u8).to_string()
}

#[derive(Clone, Copy)]
enum Kind {
    Geodesic,
    Line,
}

/// A way through points, seen on any shade, and told from the other kind without colours.
fn way(points: &[[f64; 2]], theme: &Theme, kind: Kind) -> [String; 2] {
    let places: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    let places = places.join(" ");
    let stroke = |colour: Rgb, width: u32, dashes: &str| {
        format!(
            "<polyline points=\"{places}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}/>",
            hex(colour)
        )
    };
    match kind {
        Kind::Geodesic => [stroke(theme.ground, 12, ""), stroke(theme.palette[GEODESIC], 7, "")],
        Kind::Line => [stroke(theme.ground, 8, ""), stroke(theme.ink, 4, " stroke-dasharray=\"14 9\"")],
    }
}

/// A word in a ring.
fn mark([x, y]: [f64; 2], theme: &Theme, word: &str, ring: Rgb) -> [String; 2] {
    let [ground, ring] = [theme.ground, ring].map(hex);
    [
        format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"16\" fill=\"{ground}\" stroke=\"{ring}\" stroke-width=\"4\"/>"
        ),
        svg::text([x, y + 8.0], "middle", SMALL - 4, theme.ink, word),
    ]
}

fn legend(theme: &Theme, y: f64) -> Vec<String> {
    let mut elements = Vec::new();
    for (kind, x, words) in
        [(Kind::Geodesic, LEFT[2], "geodesic"), (Kind::Line, LEFT[2] + 260.0, "straight line")]
    {
        elements.extend(way(&[[x, y], [x + 70.0, y]], theme, kind));
        elements.push(svg::text([x + 86.0, y + 10.0], "start", TEXT, theme.ink, words));
    }
    let beneath = [LEFT[2], y + 52.0];
    elements.push(svg::text(beneath, "start", SMALL, theme.ink, "numbers: decoded length, in pixel values"));
    elements
}

/// Which volume has which shade: the logarithms from lightest to bluest.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// Over the middle 98% of the plane, so that a corner does not take all shades.
    fn of(log10_volume: &Array2<f32>) -> Self {
        let mut values: Vec<f32> = log10_volume.iter().copied().collect();
        values.sort_by(f32::total_cmp);
        let at = |share: f64| f64::from(values[((values.len() - 1) as f64 * share).round() as usize]);
        Self { low: at(0.01), high: at(0.99).max(at(0.01) + 1e-3) }
    }

    fn shade(&self, value: f64, theme: &Theme) -> Rgb {
        let part = FULL * ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let mix =
            |from: u8, to: u8| (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8;
        let ((r, g, b), (blue_r, blue_g, blue_b)) = (theme.ground, theme.palette[0]);
        (mix(r, blue_r), mix(g, blue_g), mix(b, blue_b))
    }

    /// A pixel for each value.
    fn picture(&self, values: &Array2<f32>, theme: &Theme) -> Vec<u8> {
        let (height, width) = values.dim();
        let mut pixmap = Pixmap::new(width as u32, height as u32).expect("a grid of an npz is not empty");
        for (pixel, &value) in pixmap.pixels_mut().iter_mut().zip(values) {
            let (r, g, b) = self.shade(f64::from(value), theme);
            *pixel = ColorU8::from_rgba(r, g, b, 255).premultiply();
        }
        pixmap.encode_png().expect("a picture in memory")
    }

    /// The scale with its ticks and its name, over the width of the plane.
    fn elements(&self, theme: &Theme, y: f64) -> Vec<String> {
        let step = |(_, i): (usize, usize)| {
            (self.low + (self.high - self.low) * i as f64 / (STEPS - 1) as f64) as f32
        };
        let png = self.picture(&Array2::from_shape_fn((1, STEPS), step), theme);
        let mut elements = vec![svg::picture([LEFT[0], y], [SIDE, 24.0], Enlarged::Smoothly, &png)];
        let ink = hex(theme.ink);
        elements.push(format!(
            "<rect x=\"{}\" y=\"{y}\" width=\"{SIDE}\" height=\"24\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"2\"/>",
            LEFT[0]
        ));
        for (place, words) in self.ticks() {
            let x = LEFT[0] + SIDE * place;
            let (from, to) = (y + 24.0, y + 34.0);
            elements.push(format!(
                "<path d=\"M{x:.1} {from}V{to}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"2\"/>"
            ));
            elements.push(svg::text([x, y + 62.0], "middle", SMALL, theme.ink, &words));
        }
        let name = "volume of the metric, sqrt(det G), in squared pixel values";
        elements.push(svg::text([LEFT[0] + SIDE / 2.0, y + 104.0], "middle", SMALL, theme.ink, name));
        elements
    }

    /// Places from 0 to 1, and what stands there: powers of ten, and where these are few, their
    /// doubles and fivefolds.
    fn ticks(&self) -> Vec<(f64, String)> {
        let among = |factors: &[f64]| -> Vec<(f64, String)> {
            let exponents = self.low.floor() as i32..=self.high.ceil() as i32;
            let values = exponents.flat_map(|k| factors.iter().map(move |factor| factor * 10_f64.powi(k)));
            let place = |value: f64| (value.log10() - self.low) / (self.high - self.low);
            let placed = values.map(|value| (place(value), short(value)));
            placed.filter(|(place, _)| (0.03..=0.97).contains(place)).collect()
        };
        let powers = among(&[1.0]);
        if powers.len() < 3 { among(&[1.0, 2.0, 5.0]) } else { powers }
    }
}

/// One digit, and what it stands for.
fn short(value: f64) -> String {
    if (1e-3..1e5).contains(&value) {
        ((value * 1e6).round() / 1e6).to_string()
    } else {
        format!("{value:.0e}")
    }
}
