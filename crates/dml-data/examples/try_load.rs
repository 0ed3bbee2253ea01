//! try
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let t = std::time::Instant::now();
    let source = dml_data::Source::from_env(std::env::args().nth(2).is_some())?;
    match dml_data::load(&std::env::args().nth(1).unwrap(), &source, true) {
        Err(e) => println!("ERR {e}"),
        Ok(d) => {
            println!(
                "{} {:?} {:?} train {} val {:?} test {} classes {}",
                d.name,
                d.release,
                d.shape,
                d.train.labels.len(),
                d.validation.as_ref().map(|v| v.labels.len()),
                d.test.labels.len(),
                d.n_classes
            );
            println!("{:?} {:?}", t.elapsed(), dml_data::class_counts(&d.train, d.n_classes));
            std::fs::write("/tmp/sheet.png", dml_data::sample_sheet(&d.train, d.shape, d.n_classes, 10, 1)?)?;
        }
    }
    println!("{:?}", t.elapsed());
    Ok(())
}
