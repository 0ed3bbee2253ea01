//! A `latent.npz` as a trial writes it, for tests and for the example.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use npyz::WriterBuilder;
use zip::ZipWriter;
use zip::write::FileOptions;

pub(crate) struct Npz(ZipWriter<File>);

impl Npz {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(ZipWriter::new(File::create(path)?)))
    }

    /// Adds an array, its values in C order.
    pub(crate) fn put<T: npyz::AutoSerialize + Copy>(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        self.0.start_file(format!("{name}.npy"), FileOptions::default())?;
        let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
        let mut bytes = Vec::new();
        let mut npy =
            npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
        npy.extend(values)?;
        npy.finish()?;
        self.0.write_all(&bytes)
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.finish()?;
        Ok(())
    }
}
