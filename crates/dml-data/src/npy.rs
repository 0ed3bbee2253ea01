//! `NumPy`'s npy format: embeddings from any number type, labels from any integer type.
//!
//! The headers are npyz's to read, but it trusts them: it asks for as much memory as a header
//! claims to need and multiplies shapes that wrap. So lengths and shapes are checked here first,
//! and memory follows the bytes that are there.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read},
    path::Path,
};

use ndarray::{Array2, ArrayD, Axis, Ix2, IxDyn, ShapeBuilder};
use npyz::{DType, Deserialize, NpyFile, NpyHeader, Order, TypeChar};
use py_literal::Value;

use crate::DataError;

/// `NumPy` itself refuses longer headers.
const LONGEST_HEADER: usize = 10_000;
/// Brackets of a plain array's header: a dict and a shape. A parser that recurses should not meet
/// thousands.
const MOST_BRACKETS: usize = 16;
/// What labels should be, and how to get there.
const LABELS: &str = "integers, as labels.astype(int) makes of whole numbers and np.unique(labels, return_inverse=True)[1] of names, are";
/// What a mask should be, and how to get there.
const MASK: &str = "booleans, or 0 and 1, as labelled.astype(bool) makes of numbers, are";
/// What embeddings should be.
const NUMBERS: &str = "numbers of at most 64 bits are";
/// Up to here an `f64` holds every whole number.
const LARGEST_WHOLE_F64: u64 = 1 << 53;
/// No buffer is reserved beyond this before the bytes are there.
const RESERVED_AT_MOST: usize = 1 << 20;

/// Reads a two-dimensional array of any number type as `f32`, rounded where it must be (an npz also
/// has [`read_numbers`](crate::npz::Npz::read_numbers), which does not round). `[n, d]`
///
/// # Errors
/// When the file cannot be read, or is no two-dimensional npy array of numbers that fit an `f32`.
pub fn read_f32(path: &Path) -> Result<Array2<f32>, DataError> {
    open(path).and_then(parse_f32).map_err(DataError::format(path))
}

/// Reads integer labels of any integer type and byte order, of shape `[n]` or `[n, 1]`.
///
/// # Errors
/// When the file cannot be read, or is no npy array of that shape and of integers that fit an
/// `i64`.
pub fn read_labels(path: &Path) -> Result<Vec<i64>, DataError> {
    open(path).and_then(parse_labels).map_err(DataError::format(path))
}

/// Numbers labels from 0 in ascending order; also returns the labels by number.
///
/// `[7, -1, 7]` becomes `[1, 0, 1]` and `[-1, 7]`.
pub fn compact(labels: &[i64]) -> (Vec<u32>, Vec<i64>) {
    let mut names = labels.to_vec();
    names.sort_unstable();
    names.dedup();
    let number = |label| names.binary_search(label).expect("every label is among the names") as u32;
    (labels.iter().map(number).collect(), names)
}

/// A two-dimensional array of numbers, in `f32` where that holds each of them exactly.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Numbers {
    /// Nothing is rounded. `[n, d]`
    F32(Array2<f32>),
    /// In `f32` some would be. `[n, d]`
    F64(Array2<f64>),
}

impl Numbers {
    /// Rows and columns.
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Numbers::F32(array) => array.dim(),
            Numbers::F64(array) => array.dim(),
        }
    }

    /// The rows `rows`, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Numbers {
        match self {
            Numbers::F32(array) => Numbers::F32(array.select(Axis(0), rows)),
            Numbers::F64(array) => Numbers::F64(array.select(Axis(0), rows)),
        }
    }

    /// All of them in `f64`. `[n, d]`
    pub fn into_f64(self) -> Array2<f64> {
        match self {
            Numbers::F32(array) => array.mapv(f64::from),
            Numbers::F64(array) => array,
        }
    }
}

fn open(path: &Path) -> Result<BufReader<File>, String> {
    File::open(path).map(|file| BufReader::with_capacity(1 << 16, file)).map_err(|error| error.to_string())
}

/// An npy array of numbers, as `f32`.
pub(crate) fn parse_f32(reader: impl Read) -> Result<Array2<f32>, String> {
    let file = header(reader)?;
    let array = match kind(&file)? {
        (TypeChar::Float, 2) => collect(file, |x: npyz::half::f16| Ok(x.to_f32())),
        (TypeChar::Float, 4) => collect(file, |x: f32| Ok(x)),
        (TypeChar::Float, 8) => collect(file, |x: f64| {
            let narrow = x as f32;
            let fits = narrow.is_finite() || !x.is_finite();
            fits.then_some(narrow)
                .ok_or_else(|| format!("holds {x:e}: numbers up to {:e} are expected", f32::MAX))
        }),
        _ => collect_integers(file, NUMBERS, |x| Ok(x as f32)),
    }?;
    rows_and_columns(array)
}

/// An npy array of numbers, as `f32` where that is exact.
pub(crate) fn parse_numbers(reader: impl Read) -> Result<Numbers, String> {
    let file = header(reader)?;
    let wide = match kind(&file)? {
        (TypeChar::Float, 2) => {
            return rows_and_columns(collect(file, |x: npyz::half::f16| Ok(x.to_f32()))?).map(Numbers::F32);
        }
        (TypeChar::Float, 4) => {
            return rows_and_columns(collect(file, |x: f32| Ok(x))?).map(Numbers::F32);
        }
        (TypeChar::Float, 8) => collect(file, |x: f64| Ok(x)),
        _ => collect_integers(file, NUMBERS, |x| {
            let fits = x.unsigned_abs() <= LARGEST_WHOLE_F64;
            let large = || {
                format!(
                    "holds {x}: whole numbers up to {LARGEST_WHOLE_F64} are expected, subtract what all have in common"
                )
            };
            fits.then_some(x as f64).ok_or_else(large)
        }),
    }?;
    let wide = rows_and_columns(wide)?;
    // Written so that NaN is exact.
    let is_exact = |&x: &f64| x.is_nan() || f64::from(x as f32).total_cmp(&x).is_eq();
    Ok(if wide.iter().all(is_exact) { Numbers::F32(wide.mapv(|x| x as f32)) } else { Numbers::F64(wide) })
}

fn rows_and_columns<T>(array: ArrayD<T>) -> Result<Array2<T>, String> {
    let shape = array.shape().to_vec();
    array
        .into_dimensionality::<Ix2>()
        .map_err(|_| format!("has the shape {shape:?}: two dimensions are expected, rows and columns"))
}

/// An npy array of integers of shape `[n]` or `[n, 1]`.
pub(crate) fn parse_labels(reader: impl Read) -> Result<Vec<i64>, String> {
    one_a_row(collect_integers(header(reader)?, LABELS, Ok)?, "label")
}

fn one_a_row<T>(array: ArrayD<T>, what: &str) -> Result<Vec<T>, String> {
    match array.shape() {
        [_] | [_, 1] => Ok(array.into_raw_vec_and_offset().0),
        shape => Err(format!("has the shape {shape:?}: one {what} a row is expected, [n] or [n, 1]")),
    }
}

/// An npy array of booleans, or of integers that are 0 or 1, of shape `[n]` or `[n, 1]`.
pub(crate) fn parse_mask(reader: impl Read) -> Result<Vec<bool>, String> {
    let array = collect_integers(header(reader)?, MASK, |x| match x {
        0 | 1 => Ok(x == 1),
        other => Err(format!("holds {other}: {MASK} expected")),
    })?;
    one_a_row(array, "value")
}

/// An npy array of unsigned bytes, of any shape.
pub(crate) fn parse_bytes(reader: impl Read) -> Result<ArrayD<u8>, String> {
    let file = header(reader)?;
    match kind(&file)? {
        (TypeChar::Uint, 1) => {}
        _ => {
            return Err(format!(
                "has the type {}: unsigned bytes (u1) are expected, as NumPy's astype(\"u1\") gives them",
                file.dtype().descr()
            ));
        }
    }
    let (shape, order, length) = layout(&file)?;
    let mut bytes = Vec::with_capacity(length.min(RESERVED_AT_MOST));
    file.into_inner().take(length as u64).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    if bytes.len() < length {
        return Err(format!("ends early: the shape {shape:?} needs {length} bytes, it has {}", bytes.len()));
    }
    arrange(&shape, order, bytes)
}

/// Reads the header: nothing is allocated, multiplied or parsed beyond what an honest header needs.
fn header<R: Read>(mut reader: R) -> Result<NpyFile<R>, String> {
    let mut start = [0; 8];
    reader.read_exact(&mut start).map_err(|error| broken(&error))?;
    if &start[..6] != b"\x93NUMPY" {
        return Err("is no npy array: it does not start with \\x93NUMPY".to_owned());
    }
    let mut length = [0; 4];
    let n = if start[6] == 1 { 2 } else { 4 };
    reader.read_exact(&mut length[..n]).map_err(|error| broken(&error))?;
    let n_header = u32::from_le_bytes(length) as usize;
    if n_header > LONGEST_HEADER {
        return Err(format!(
            "has an npy header of {n_header} bytes: {LONGEST_HEADER} is the longest that NumPy reads"
        ));
    }
    let mut text = vec![0; n_header];
    reader.read_exact(&mut text).map_err(|error| broken(&error))?;
    let unreadable = |why: &dyn std::fmt::Display| format!("has an npy header that cannot be read: {why}");
    if text.iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
        return Err(unreadable(&"it nests too deeply"));
    }
    check_shape(std::str::from_utf8(&text).map_err(|error| unreadable(&error))?)?;
    let whole = start.chain(&length[..n]).chain(&text[..]);
    let header = NpyHeader::from_reader(whole).map_err(|error| unreadable(&error))?;
    Ok(NpyFile::with_header(header, reader))
}

/// The product of all dimensions, and with it npyz's strides, fits when every zero counts as a one.
fn check_shape(text: &str) -> Result<(), String> {
    let Ok(Value::Dict(items)) = text.trim_end().parse::<Value>() else {
        return Err("has an npy header that is no Python dict".to_owned());
    };
    for (key, value) in items {
        let (Value::Tuple(lengths) | Value::List(lengths)) = value else { continue };
        if key != Value::String("shape".to_owned()) {
            continue;
        }
        let product = lengths.iter().try_fold(1_u64, |product, length| {
            let Value::Integer(length) = length else { return None };
            product.checked_mul(u64::try_from(length).ok()?.max(1))
        });
        // Sixteen bytes are the largest number type.
        if product.and_then(|product| product.checked_mul(16)).is_none_or(|bytes| bytes > isize::MAX as u64) {
            return Err("has an npy header with a shape that memory cannot hold".to_owned());
        }
    }
    Ok(())
}

/// Type and size of the elements.
fn kind<R: Read>(file: &NpyFile<R>) -> Result<(TypeChar, u64), String> {
    match file.dtype() {
        DType::Plain(kind) if (kind.type_char(), kind.size_field()) == (TypeChar::RawData, 2) => Err(
            "has the type |V2, which is how NumPy writes bfloat16: save it as float32, by array.astype('float32') or tensor.float()"
                .to_owned(),
        ),
        DType::Plain(kind) => Ok((kind.type_char(), kind.size_field())),
        other => Err(format!("has the type {}: a plain number type is expected", other.descr())),
    }
}

fn layout<R: Read>(file: &NpyFile<R>) -> Result<(Vec<usize>, Order, usize), String> {
    let shape: Vec<usize> = file.shape().iter().map(|&length| length as usize).collect();
    let length = usize::try_from(file.len()).map_err(|error| error.to_string())?;
    Ok((shape, file.order(), length))
}

fn collect_integers<R: Read, U>(
    file: NpyFile<R>,
    expected: &str,
    convert: impl Fn(i64) -> Result<U, String>,
) -> Result<ArrayD<U>, String>
where
    U: Clone,
{
    match kind(&file)? {
        (TypeChar::Bool, 1) => collect(file, |x: bool| convert(i64::from(x))),
        (TypeChar::Int, 1) => collect(file, |x: i8| convert(x.into())),
        (TypeChar::Int, 2) => collect(file, |x: i16| convert(x.into())),
        (TypeChar::Int, 4) => collect(file, |x: i32| convert(x.into())),
        (TypeChar::Int, 8) => collect(file, convert),
        (TypeChar::Uint, 1) => collect(file, |x: u8| convert(x.into())),
        (TypeChar::Uint, 2) => collect(file, |x: u16| convert(x.into())),
        (TypeChar::Uint, 4) => collect(file, |x: u32| convert(x.into())),
        (TypeChar::Uint, 8) => {
            let large = |x: u64| format!("holds {x}: integers up to {} are expected", i64::MAX);
            collect(file, |x: u64| convert(i64::try_from(x).map_err(|_| large(x))?))
        }
        _ => Err(format!("has the type {}: {expected} expected", file.dtype().descr())),
    }
}

/// Reads and converts every element.
fn collect<R: Read, T: Deserialize, U: Clone>(
    file: NpyFile<R>,
    convert: impl Fn(T) -> Result<U, String>,
) -> Result<ArrayD<U>, String> {
    let (shape, order, length) = layout(&file)?;
    let mut values = Vec::with_capacity(length.min(RESERVED_AT_MOST));
    for value in file.data::<T>().map_err(|error| error.to_string())? {
        values.push(convert(value.map_err(|error| broken(&error))?)?);
    }
    arrange(&shape, order, values)
}

fn arrange<T: Clone>(shape: &[usize], order: Order, values: Vec<T>) -> Result<ArrayD<T>, String> {
    let shape = IxDyn(shape).set_f(order == Order::Fortran);
    let array = ArrayD::from_shape_vec(shape, values).map_err(|error| error.to_string())?;
    Ok(match order {
        Order::C => array,
        Order::Fortran => array.as_standard_layout().into_owned(),
    })
}

fn broken(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "ends early: the file is cut off".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}
