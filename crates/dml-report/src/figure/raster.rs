//! SVG to PNG, with the compiled-in font only, so that every machine draws the same.

use std::sync::{Arc, LazyLock};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use resvg::tiny_skia::{Pixmap, PixmapPaint, Transform};
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

/// Renders an SVG.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, ReportError> {
    let drawing = |e: &dyn std::fmt::Display| ReportError::Spec(format!("a figure cannot be rendered: {e}"));
    let options = Options { fontdb: FONTS.clone(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|e| drawing(&e))?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| drawing(&"it has no size"))?;
    let mut pixmap = Pixmap::new(size.width(), size.height()).ok_or_else(|| drawing(&"it is too large"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixmap.as_mut());
    paint_pictures(svg, &mut pixmap);
    pixmap.encode_png().map_err(|e| drawing(&e))
}

/// Paints the embedded PNGs of [`images`](super::images), which resvg leaves out without its many
/// image formats.
fn paint_pictures(svg: &str, pixmap: &mut Pixmap) {
    for line in svg.lines().filter(|line| line.starts_with("<image ")) {
        let number = |name: &str| attribute(line, name).and_then(|text| text.parse::<f32>().ok());
        let data = attribute(line, "href").and_then(|href| href.strip_prefix("data:image/png;base64,"));
        let bytes = data.and_then(|text| BASE64_STANDARD.decode(text).ok());
        let picture = bytes.and_then(|bytes| Pixmap::decode_png(&bytes).ok());
        let (Some(x), Some(y), Some(width), Some(picture)) =
            (number("x"), number("y"), number("width"), picture)
        else {
            continue;
        };
        let scale = SCALE * width / picture.width() as f32;
        let place = Transform::from_translate(SCALE * x, SCALE * y).pre_scale(scale, scale);
        pixmap.draw_pixmap(0, 0, picture.as_ref(), &PixmapPaint::default(), place, None);
    }
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
