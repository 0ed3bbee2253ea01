//! SVG to PNG, with the compiled-in font only, so that every machine draws the same.

use std::sync::{Arc, LazyLock};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use resvg::tiny_skia::{FilterQuality, Pixmap, PixmapPaint, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

use crate::error::ReportError;

/// Pixels a unit of the SVG.
const SCALE: f32 = 1.0;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(include_bytes!("../../assets/DejaVuSans-subset.ttf").to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// Renders an SVG, and the PNGs in it, which resvg leaves out without its many image formats: each
/// on a line of its own, as [`svg`](super::svg) writes them, over what stands before it.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, ReportError> {
    let wrong = |e: &dyn std::fmt::Display| ReportError::Spec(format!("a figure cannot be rendered: {e}"));
    let options = Options { fontdb: FONTS.clone(), ..Options::default() };
    let parse = |svg: &str| Tree::from_str(svg, &options).map_err(|e| wrong(&e));
    let whole = parse(svg)?;
    let size = whole.size().to_int_size().scale_by(SCALE).ok_or_else(|| wrong(&"it has no size"))?;
    let mut pixmap = Pixmap::new(size.width(), size.height()).ok_or_else(|| wrong(&"it is too large"))?;
    let lines: Vec<&str> = svg.lines().collect();
    let is_picture = |line: &str| line.starts_with("<image ");
    match &lines[..] {
        [head, elements @ .., tail] if elements.iter().any(|line| is_picture(line)) => {
            for run in elements.chunk_by(|a, b| is_picture(a) == is_picture(b)) {
                if is_picture(run[0]) {
                    for line in run {
                        paint(line, &mut pixmap);
                    }
                } else {
                    let part = parse(&[&[*head][..], run, &[*tail]].concat().join("\n"))?;
                    resvg::render(&part, Transform::from_scale(SCALE, SCALE), &mut pixmap.as_mut());
                }
            }
        }
        _ => resvg::render(&whole, Transform::from_scale(SCALE, SCALE), &mut pixmap.as_mut()),
    }
    pixmap.encode_png().map_err(|e| wrong(&e))
}

/// Paints the PNG of an `<image>`.
fn paint(element: &str, pixmap: &mut Pixmap) {
    let number = |name: &str| attribute(element, name).and_then(|text| text.parse::<f32>().ok());
    let data = attribute(element, "href").and_then(|href| href.strip_prefix("data:image/png;base64,"));
    let bytes = data.and_then(|text| BASE64_STANDARD.decode(text).ok());
    let picture = bytes.and_then(|bytes| Pixmap::decode_png(&bytes).ok());
    let place = ["x", "y", "width", "height"].map(number);
    let ([Some(x), Some(y), Some(width), Some(height)], Some(picture)) = (place, picture) else { return };
    let scale = [width / picture.width() as f32, height / picture.height() as f32].map(|s| s * SCALE);
    let transform = Transform::from_translate(SCALE * x, SCALE * y).pre_scale(scale[0], scale[1]);
    let quality =
        if element.contains("pixelated") { FilterQuality::Nearest } else { FilterQuality::Bilinear };
    let paint = PixmapPaint { quality, ..PixmapPaint::default() };
    pixmap.draw_pixmap(0, 0, picture.as_ref(), &paint, transform, None);
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::svg::{Enlarged, picture};

    #[test]
    fn pictures_lie_over_what_stands_before_them_and_under_what_comes_after() {
        let one_pixel = "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'>\n<rect width='1' height='1' fill='#0000ff'/>\n</svg>";
        let blue = png(one_pixel).unwrap();
        let elements = [
            "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='2'>".to_string(),
            "<rect width='4' height='2' fill='#ff0000'/>".to_string(),
            picture([0.0, 0.0], [3.0, 2.0], Enlarged::Squares, &blue),
            "<rect x='1' width='1' height='2' fill='#00ff00'/>".to_string(),
            "</svg>".to_string(),
        ];
        let drawn = Pixmap::decode_png(&png(&elements.join("\n")).unwrap()).unwrap();
        let row: Vec<[u8; 3]> = (0..4)
            .map(|x| drawn.pixel(x, 1).map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).unwrap())
            .collect();
        assert_eq!(row, [[0, 0, 255], [0, 255, 0], [0, 0, 255], [255, 0, 0]]);
    }
}
