//! Grounds and colours.

use plotters::style::{FontFamily, FontStyle, IntoFont, RGBColor, TextStyle};

/// A colour as red, green, blue.
pub(crate) type Rgb = (u8, u8, u8);

/// Colours of a figure.
#[derive(Debug)]
pub(crate) struct Theme {
    /// The ground.
    pub(crate) ground: Rgb,
    /// Text and axes.
    pub(crate) ink: Rgb,
    /// Grid lines.
    pub(crate) grid: Rgb,
    /// Lines and classes: Okabe & Ito (2008), then three of Tol (2021) for up to 11 classes. Both
    /// are made to be told apart by colour-blind people.
    pub(crate) palette: [Rgb; 11],
}

/// On white. Okabe and Ito's yellow is darkened to be seen there.
pub(crate) const LIGHT: Theme = Theme {
    ground: (255, 255, 255),
    ink: (28, 32, 36),
    grid: (225, 228, 232),
    palette: [
        (0, 114, 178),
        (213, 94, 0),
        (0, 158, 115),
        (204, 121, 167),
        (86, 180, 233),
        (230, 159, 0),
        (60, 60, 60),
        (136, 34, 85),
        (205, 185, 10),
        (150, 150, 150),
        (51, 34, 136),
    ],
};

/// On near-black. The dark colours are lightened to be seen there.
pub(crate) const DARK: Theme = Theme {
    ground: (20, 23, 26),
    ink: (228, 231, 235),
    grid: (50, 55, 61),
    palette: [
        (51, 153, 221),
        (240, 120, 30),
        (0, 178, 130),
        (221, 145, 187),
        (125, 200, 245),
        (240, 175, 40),
        (225, 225, 225),
        (200, 80, 140),
        (240, 228, 66),
        (140, 140, 140),
        (135, 120, 230),
    ],
};

impl Theme {
    /// The colour of a line or a class; they repeat after 11.
    pub(super) fn colour(&self, index: usize) -> RGBColor {
        rgb(self.palette[index % self.palette.len()])
    }

    pub(super) fn text(&self, size: u32) -> TextStyle<'static> {
        (FontFamily::SansSerif, f64::from(size), FontStyle::Normal).into_font().color(&rgb(self.ink))
    }
}

/// As SVG and CSS write a colour.
pub(crate) fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

pub(super) fn rgb((r, g, b): Rgb) -> RGBColor {
    RGBColor(r, g, b)
}
