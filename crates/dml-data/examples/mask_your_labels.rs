//! Your own labels, and which of them a model may see: `cargo run -p dml-data --example
//! mask_your_labels`

use dml_data::{DataError, Mask, Sampling};

fn main() -> Result<(), DataError> {
    // Yours: 300 rows of three classes, the last one rare.
    let labels: Vec<u8> = (0..300).map(|row| if row % 10 == 9 { 2 } else { row as u8 % 2 }).collect();

    for percent in [1.0, 10.0] {
        let mask = Mask::draw(&labels, 3, percent, Sampling::Stratified, 42)?;
        let mut n_labelled = [0; 3];
        for &row in mask.rows() {
            n_labelled[usize::from(labels[row])] += 1;
        }
        println!("{percent} %: {} labelled rows, by class {n_labelled:?}", mask.rows().len());
    }
    Ok(())
}
