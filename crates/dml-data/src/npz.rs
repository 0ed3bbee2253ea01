//! `NumPy`'s npz format: a zip of npy arrays, read by name, checksums compared, and written.

mod member;

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use ndarray::{Array2, ArrayView1, ArrayView2};
use npyz::{AutoSerialize, WriterBuilder};
use zip::{CompressionMethod, ZipArchive, ZipWriter, result::ZipError, write::FileOptions};

use crate::{DataError, ImageShape, files::Aside, npy};

/// An npz file that is open for reading.
#[derive(Debug)]
pub struct Npz {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
}

impl Npz {
    /// Opens an npz file.
    ///
    /// # Errors
    /// When the file cannot be read or is no npz (zip) file.
    pub fn open(path: &Path) -> Result<Npz, DataError> {
        if path.is_dir() {
            return Err(DataError::format(path)("is a folder: an npz file is expected".to_owned()));
        }
        let mut start = Vec::new();
        let file = File::open(path).map_err(DataError::io(path))?;
        (&file).take(8).read_to_end(&mut start).map_err(DataError::io(path))?;
        let archive = ZipArchive::new(BufReader::with_capacity(1 << 16, file))
            .map_err(|error| DataError::format(path)(what_it_is(&start, &error)))?;
        Ok(Npz { path: path.to_owned(), archive })
    }

    /// The names of its members, without `.npy`, sorted.
    pub fn names(&self) -> Vec<String> {
        let is_array = |name: &&str| !name.ends_with('/');
        let mut names: Vec<String> =
            self.archive.file_names().filter(is_array).map(|name| without_npy(name).to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Whether it has an array called `name`, as `name.npy` or `name`, or one of these in a folder.
    pub fn has(&self, name: &str) -> bool {
        !self.find(name).is_empty()
    }

    /// The members that are called so, those outside folders alone where there are some.
    fn find(&self, name: &str) -> Vec<String> {
        let outside = [format!("{name}.npy"), name.to_owned()];
        if let Some(found) =
            outside.into_iter().find(|name| self.archive.file_names().any(|other| other == name))
        {
            return vec![found];
        }
        let is_called = |member: &&str| without_npy(member).rsplit('/').next() == Some(name);
        let mut found: Vec<String> = self.archive.file_names().filter(is_called).map(str::to_owned).collect();
        found.sort_unstable();
        found
    }

    /// The two-dimensional array `name` of any number type as `f32`, rounded where it must be.
    /// `[n, d]`
    ///
    /// # Errors
    /// When there is no such array, it is damaged, or it is not two-dimensional or not of numbers
    /// that fit an `f32`.
    pub fn read_f32(&mut self, name: &str) -> Result<Array2<f32>, DataError> {
        self.member(name, |reader| npy::parse_f32(reader))
    }

    /// The two-dimensional array `name` of any number type, not rounded. `[n, d]`
    ///
    /// # Errors
    /// When there is no such array, it is damaged, or it is not two-dimensional or not of numbers
    /// that fit an `f64`.
    pub fn read_numbers(&mut self, name: &str) -> Result<npy::Numbers, DataError> {
        self.member(name, |reader| npy::parse_numbers(reader))
    }

    /// The mask `name`: booleans, or integers that are 0 or 1, of shape `[n]` or `[n, 1]`.
    ///
    /// # Errors
    /// When there is no such array, it is damaged, or it is not of that shape or no mask.
    pub fn read_mask(&mut self, name: &str) -> Result<Vec<bool>, DataError> {
        self.member(name, |reader| npy::parse_mask(reader))
    }

    /// The integers or booleans `name` of any integer type and byte order, of shape `[n]` or `[n,
    /// 1]`.
    ///
    /// # Errors
    /// When there is no such array, it is damaged, or it is not of that shape or not of integers
    /// that fit an `i64`.
    pub fn read_labels(&mut self, name: &str) -> Result<Vec<i64>, DataError> {
        self.member(name, |reader| npy::parse_labels(reader))
    }

    /// Gives `parse` the bytes of the array `name`, and checks their CRC-32.
    pub(crate) fn member<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&mut BufReader<Box<dyn Read + '_>>) -> Result<T, String>,
    ) -> Result<T, DataError> {
        let found = self.find(name);
        let parsed = match &found[..] {
            [] => Err(format!("has no array {name}: it has {}", self.names().join(", "))),
            [member] => {
                parse_member(&mut self.archive, member, parse).map_err(|reason| format!("{name} {reason}"))
            }
            several => Err(format!("has more than one array {name}: {}", several.join(", "))),
        };
        parsed.map_err(DataError::format(&self.path))
    }
}

fn without_npy(name: &str) -> &str {
    name.strip_suffix(".npy").unwrap_or(name)
}

fn parse_member<T>(
    archive: &mut ZipArchive<BufReader<File>>,
    name: &str,
    parse: impl FnOnce(&mut BufReader<Box<dyn Read + '_>>) -> Result<T, String>,
) -> Result<T, String> {
    // Without this buffer every element would go through inflate and checksum on its own.
    let mut reader = BufReader::with_capacity(1 << 16, member::open(archive, name)?);
    let parsed = parse(&mut reader);
    // The checksum is looked at where a member ends, so all of it is read. What cannot be parsed is
    // too, because damage is then a better reason than what it did.
    io::copy(&mut reader, &mut io::sink()).map_err(|error| damaged(&error))?;
    parsed
}

/// What is said of a member whose checksum or compressed bytes are not right.
fn damaged(error: &io::Error) -> String {
    let cause = error.to_string();
    let cause = match cause.as_str() {
        member::WRONG_CHECKSUM => "its bytes do not have the CRC-32 that the file states",
        other => other,
    };
    format!("is damaged ({cause}): copy or download the file again")
}

/// What is said of a file that does not open as a zip and starts with `start`.
fn what_it_is(start: &[u8], error: &ZipError) -> String {
    let npz = "an npz is expected, as np.savez writes";
    match start {
        [b'P', b'K', ..] => {
            format!("is a damaged or incomplete npz file ({error}): copy or download it again")
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => format!("is an npy file, which holds one array: {npz}"),
        [0, 0, 8, ..] | [0x1f, 0x8b, ..] => format!(
            "is an idx file or gzipped: {npz}, with train_images, train_labels, test_images and test_labels for a data set; `dml data import --images` makes one of idx files"
        ),
        [] => format!("is empty: {npz}"),
        _ => format!("is no npz file: {npz}"),
    }
}

/// Writes an npz file that `NumPy` opens, aside, and gives it its name at the end.
pub struct NpzWriter {
    path: PathBuf,
    names: Vec<String>,
    zip: ZipWriter<BufWriter<Aside>>,
}

impl fmt::Debug for NpzWriter {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("NpzWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl NpzWriter {
    /// Begins a file that will be called `path`; its folder has to be there.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(path: &Path) -> Result<NpzWriter, DataError> {
        let file = Aside::create(path).map_err(DataError::io(path))?;
        Ok(NpzWriter { path: path.to_owned(), names: Vec::new(), zip: ZipWriter::new(BufWriter::new(file)) })
    }

    /// Adds embeddings. `[n, d]`
    ///
    /// # Errors
    /// When the file cannot be written or has an array of that name.
    pub fn add_f32(&mut self, name: &str, values: ArrayView2<f32>) -> Result<(), DataError> {
        self.add(name, &[values.nrows(), values.ncols()], values.iter().copied())
    }

    /// Adds images: `[n, pixels]`, channel first within a row, which become `[n, height, width]`,
    /// or `[n, height, width, 3]` where they have colours.
    ///
    /// # Errors
    /// When the file cannot be written or has an array of that name, when rows are not of that
    /// shape, and when it has neither one channel nor three.
    pub fn add_images(
        &mut self,
        name: &str,
        images: ArrayView2<u8>,
        shape: ImageShape,
    ) -> Result<(), DataError> {
        let ImageShape { channels, height, width } = shape;
        if images.ncols() != shape.pixels() || ![1, 3].contains(&channels) {
            let n = images.ncols();
            let why = format!(
                "{name}: rows of {n} values are no images of {channels} x {height} x {width}, of 1 or 3 channels"
            );
            return Err(DataError::format(&self.path)(why));
        }
        let plane = height * width;
        let mut sides = vec![images.nrows(), height, width];
        if channels > 1 {
            sides.push(channels);
        }
        let of_row = |row: ArrayView1<u8>| {
            (0..plane * channels).map(|i| row[i % channels * plane + i / channels]).collect::<Vec<u8>>()
        };
        self.add(name, &sides, images.rows().into_iter().flat_map(of_row))
    }

    /// Adds integers. `[n]`
    ///
    /// # Errors
    /// When the file cannot be written or has an array of that name.
    pub fn add_i64(&mut self, name: &str, values: &[i64]) -> Result<(), DataError> {
        self.add(name, &[values.len()], values.iter().copied())
    }

    /// Adds a mask. `[n]`
    ///
    /// # Errors
    /// When the file cannot be written or has an array of that name.
    pub fn add_bool(&mut self, name: &str, values: &[bool]) -> Result<(), DataError> {
        self.add(name, &[values.len()], values.iter().copied())
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> Result<(), DataError> {
        self.finish_after(|| Ok(()))
    }

    /// Ends the file, calls `others` once all its bytes are on disk, which writes the files that
    /// belong to it, and gives it its name: where it is, they are there as well.
    ///
    /// # Errors
    /// When the file cannot be written, and those of `others`.
    pub fn finish_after<E: From<DataError>>(
        mut self,
        others: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let writer = self.zip.finish().map_err(|error| DataError::format(&self.path)(error.to_string()))?;
        let file = writer.into_inner().map_err(|error| DataError::io(&self.path)(error.into_error()))?;
        file.sync().map_err(DataError::io(&self.path))?;
        others()?;
        Ok(file.finish().map_err(DataError::io(&self.path))?)
    }

    /// Adds an array of `shape`, in row-major order.
    pub(crate) fn add<T: AutoSerialize>(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl IntoIterator<Item = T>,
    ) -> Result<(), DataError> {
        if self.names.iter().any(|other| other == name) {
            let reason = format!("has an array {name} already: each array needs a name of its own");
            return Err(DataError::format(&self.path)(reason));
        }
        self.names.push(name.to_owned());
        let n_bytes = shape.iter().product::<usize>() * size_of::<T>();
        // One date for all files: the same arrays give the same bytes.
        let options = FileOptions::default()
            .last_modified_time(zip::DateTime::default())
            .compression_method(CompressionMethod::Stored)
            .large_file(n_bytes > u32::MAX as usize - 1024);
        let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
        let zip = &mut self.zip;
        let write = || -> Result<(), String> {
            zip.start_file(format!("{name}.npy"), options).map_err(|error| error.to_string())?;
            let buffer = BufWriter::with_capacity(1 << 16, &mut *zip);
            let builder = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(buffer);
            let mut array = builder.begin_nd().map_err(|error| error.to_string())?;
            array.extend(values).and_then(|()| array.finish()).map_err(|error| error.to_string())?;
            zip.flush().map_err(|error| error.to_string())
        };
        write().map_err(|reason| DataError::format(&self.path)(format!("{name} cannot be written: {reason}")))
    }
}
