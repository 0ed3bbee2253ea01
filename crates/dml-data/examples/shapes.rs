//! Draws 1,000 pictures of five shapes, of which 30 are sorted, to try things with.
//!
//! `cargo run -p dml-data --features pictures --example shapes -- FOLDER` makes `FOLDER/pictures`,
//! a folder for each shape with six pictures and one, `unlabelled`, with the others; and
//! `FOLDER/truth`, where the pictures of `unlabelled` are sorted.

use std::error::Error;
use std::f32::consts::TAU;
use std::fs;
use std::path::PathBuf;

use dml_data::rand::Rng;
use dml_data::random::keyed;
use image::{GrayImage, Luma};

const SHAPES: [&str; 5] = ["circle", "cross", "ring", "square", "triangle"];
const PICTURES: usize = 1000;
const SORTED: usize = 30;
const SIZE: u32 = 40;

/// A shape somewhere in a picture: how far a point is inside it, in pixels.
struct Shape {
    kind: usize,
    centre: (f32, f32),
    radius: f32,
    turn: f32,
    stretch: f32,
}

impl Shape {
    fn draw(random: &mut impl Rng, kind: usize) -> Self {
        let middle = SIZE as f32 / 2.0;
        let centre = (middle + random.gen_range(-5.0..5.0), middle + random.gen_range(-5.0..5.0));
        let (radius, turn) = (random.gen_range(10.0..15.0), random.gen_range(-0.4..0.4));
        Self { kind, centre, radius, turn, stretch: random.gen_range(0.8..1.25) }
    }

    fn depth(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x - self.centre.0, y - self.centre.1);
        let (sin, cos) = self.turn.sin_cos();
        let (x, y) = ((x * cos + y * sin) * self.stretch, (y * cos - x * sin) / self.stretch);
        let (r, far) = (self.radius, x.hypot(y));
        match SHAPES[self.kind] {
            "circle" => r - far,
            "ring" => (r - far).min(far - 0.55 * r),
            "square" => 0.85 * r - x.abs().max(y.abs()),
            "cross" => (r - x.abs().max(y.abs())).min(0.3 * r - x.abs().min(y.abs())),
            _ => {
                let side = |k: f32| 0.6 * r - x * (k * TAU / 3.0).cos() - y * (k * TAU / 3.0).sin();
                side(0.0).min(side(1.0)).min(side(2.0))
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder to draw into")?);
    let [pictures, truth] = ["pictures", "truth"].map(|name| folder.join(name));
    for shape in SHAPES {
        fs::create_dir_all(pictures.join(shape))?;
        fs::create_dir_all(truth.join(shape))?;
    }
    fs::create_dir_all(pictures.join("unlabelled"))?;
    let mut random = keyed(0, "shapes", 0);
    for number in 0..PICTURES {
        let kind = number % SHAPES.len();
        let shape = Shape::draw(&mut random, kind);
        let (paper, ink) = (random.gen_range(0.0..90.0_f32), random.gen_range(130.0..255.0_f32));
        let picture = GrayImage::from_fn(SIZE, SIZE, |x, y| {
            let share = (shape.depth(x as f32, y as f32) + 0.5).clamp(0.0, 1.0);
            let noise = random.gen_range(-12.0..12.0);
            Luma([(paper + share * (ink - paper) + noise).clamp(0.0, 255.0) as u8])
        });
        let name = format!("{number:04}.png");
        if number < SORTED {
            picture.save(pictures.join(SHAPES[kind]).join(name))?;
        } else {
            picture.save(pictures.join("unlabelled").join(&name))?;
            picture.save(truth.join(SHAPES[kind]).join(name))?;
        }
    }
    println!("{}: {PICTURES} pictures, {SORTED} of them sorted", pictures.display());
    Ok(())
}
