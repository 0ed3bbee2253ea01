//! Writes 10,000 digits of MNIST as PNG files, 60 of them sorted, to try things with.
//!
//! `cargo run -p dml-data --features pictures --example digits -- FOLDER` makes `FOLDER/pictures`,
//! a folder for each digit with six pictures and one, `unlabelled`, with the others; and
//! `FOLDER/truth`, where the pictures of `unlabelled` are sorted. MNIST is fetched where it is not
//! on this machine. More or fewer pictures than 10,000 are had by a number after the folder: beyond
//! the 60,000 training images, they are repeated. A second number is how many of each digit are
//! sorted.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use dml_data::Source;
use image::GrayImage;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder to write into")?);
    let n = arguments.next().map_or(Ok(10_000), |n| n.parse())?;
    let sorted_of_each = arguments.next().map_or(Ok(6), |n| n.parse())?;
    let mnist = dml_data::load("mnist", &Source::from_env(false)?, true)?;
    let (width, height) = (mnist.shape.width as u32, mnist.shape.height as u32);
    let [pictures, truth] = ["pictures", "truth"].map(|name| folder.join(name));
    for digit in 0..mnist.n_classes() {
        fs::create_dir_all(pictures.join(digit.to_string()))?;
        fs::create_dir_all(truth.join(digit.to_string()))?;
    }
    fs::create_dir_all(pictures.join("unlabelled"))?;
    let mut sorted = vec![0; mnist.n_classes()];
    let images = mnist.train.images.outer_iter().zip(&mnist.train.labels).cycle();
    for (number, (pixels, &digit)) in images.take(n).enumerate() {
        let picture =
            GrayImage::from_raw(width, height, pixels.to_vec()).ok_or("an image has other pixels")?;
        let name = format!("{number:06}.png");
        if sorted[digit as usize] < sorted_of_each {
            sorted[digit as usize] += 1;
            picture.save(pictures.join(digit.to_string()).join(name))?;
        } else {
            picture.save(pictures.join("unlabelled").join(&name))?;
            picture.save(truth.join(digit.to_string()).join(name))?;
        }
    }
    println!("{}: {n} pictures, {} of them sorted", pictures.display(), sorted.iter().sum::<usize>());
    Ok(())
}
