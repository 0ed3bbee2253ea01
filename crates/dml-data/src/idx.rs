//! The idx format of MNIST: a magic number, big-endian dimensions, then big-endian numbers;
//! gzipped or plain.

use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use ndarray::{ArrayD, IxDyn};

use crate::DataError;

/// No real file has more.
const MOST_DIMENSIONS: usize = 8;
/// No buffer is reserved beyond this before the bytes are there.
const RESERVED_AT_MOST: usize = 1 << 20;

/// Reads an idx file of unsigned bytes, gzipped or plain, told by its content. Shape as in the
/// file.
///
/// # Errors
/// When the file cannot be read, is no idx file of unsigned bytes, or is shorter or longer than its
/// dimensions say.
pub fn read(path: &Path) -> Result<ArrayD<u8>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    parse(BufReader::with_capacity(1 << 16, file)).map_err(DataError::format(path))
}

/// Reads an idx file of whole numbers, which may be unsigned or signed bytes or have 2 or 4 bytes.
/// Labels of a signed kind can say with -1 that there is none.
///
/// # Errors
/// As [`read`], but only where numbers are not whole.
pub fn read_labels(path: &Path) -> Result<ArrayD<i32>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    parse_labels(BufReader::with_capacity(1 << 16, file)).map_err(DataError::format(path))
}

/// Whether a file starts as an idx file does, gzipped or plain; not where it cannot be read.
pub fn is_idx(path: &Path) -> bool {
    let start = |file: File| {
        let mut reader = plain(BufReader::new(file)).ok()?;
        word(&mut reader).ok()
    };
    let kind = |word: [u8; 4]| word[..2] == [0, 0] && (8..=14).contains(&word[2]) && word[3] > 0;
    path.is_file() && File::open(path).ok().and_then(start).is_some_and(kind)
}

/// Reads idx bytes, gzipped or plain, from anything.
pub(crate) fn parse(reader: impl BufRead) -> Result<ArrayD<u8>, String> {
    let kinds = "unsigned bytes (00 00 08 and the number of dimensions)";
    let content = parse_plain(plain(reader)?, &[(8, 1)], kinds)?;
    ArrayD::from_shape_vec(IxDyn(&content.shape), content.bytes).map_err(|error| error.to_string())
}

fn parse_labels(reader: impl BufRead) -> Result<ArrayD<i32>, String> {
    let kinds = "whole numbers (00 00, then 08, 09, 0b or 0c, and the number of dimensions)";
    let content = parse_plain(plain(reader)?, &[(8, 1), (9, 1), (0x0b, 2), (0x0c, 4)], kinds)?;
    let number = |bytes: &[u8]| match (content.kind, bytes) {
        (8, &[byte]) => i32::from(byte),
        (_, &[byte]) => i32::from(byte.cast_signed()),
        (_, &[high, low]) => i32::from(i16::from_be_bytes([high, low])),
        (_, bytes) => i32::from_be_bytes(bytes.try_into().expect("it has four bytes")),
    };
    let numbers = content.bytes.chunks(content.width).map(number).collect();
    ArrayD::from_shape_vec(IxDyn(&content.shape), numbers).map_err(|error| error.to_string())
}

/// What a file holds without its gzip, where it has one.
fn plain<'a>(mut reader: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>, String> {
    let start = reader.fill_buf().map_err(|error| error.to_string())?;
    let is_packed = start.starts_with(&[0x1f, 0x8b]);
    Ok(if is_packed { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) })
}

/// What an idx file holds: numbers of a kind and of so many bytes each.
struct Content {
    kind: u8,
    width: usize,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// `kinds` are those that are welcome, each with the bytes of a number; `right` tells them.
fn parse_plain(mut reader: impl Read, kinds: &[(u8, usize)], right: &str) -> Result<Content, String> {
    let magic = word(&mut reader)?;
    let n_dimensions = usize::from(magic[3]);
    let kind = kinds.iter().find(|(kind, _)| magic[..3] == [0, 0, *kind]);
    let Some(&(kind, width)) = kind.filter(|_| (1..=MOST_DIMENSIONS).contains(&n_dimensions)) else {
        return Err(format!("starts with {magic:02x?}, not with an idx magic number of {right}"));
    };
    let shape = (0..n_dimensions)
        .map(|_| Ok(u32::from_be_bytes(word(&mut reader)?) as usize))
        .collect::<Result<Vec<usize>, String>>()?;
    let n_bytes = shape.iter().try_fold(width, |product, &length| product.checked_mul(length));
    let n_bytes = n_bytes.ok_or_else(|| format!("its dimensions {shape:?} are more than memory can hold"))?;
    let mut bytes = Vec::with_capacity(n_bytes.min(RESERVED_AT_MOST));
    reader.by_ref().take(n_bytes as u64).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    if bytes.len() < n_bytes {
        return Err(format!(
            "ends early: its dimensions {shape:?} need {n_bytes} bytes, it has {}",
            bytes.len()
        ));
    }
    // Reading to the very end also makes gzip compare its checksum.
    if reader.read(&mut [0]).map_err(|error| broken(&error))? > 0 {
        return Err(format!("goes on after the {n_bytes} bytes that its dimensions {shape:?} need"));
    }
    Ok(Content { kind, width, shape, bytes })
}

fn word(reader: &mut impl Read) -> Result<[u8; 4], String> {
    let mut word = [0; 4];
    reader.read_exact(&mut word).map_err(|error| broken(&error))?;
    Ok(word)
}

fn broken(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "ends early: the file is cut off".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, shape.len() as u8];
        file.extend(shape.iter().flat_map(|length| length.to_be_bytes()));
        file.extend(bytes);
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_gzipped_files_read_alike() {
        let file = idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let array = parse(&file[..]).unwrap();
        assert_eq!(array.shape(), [2, 1, 3]);
        assert_eq!(array.iter().copied().collect::<Vec<u8>>(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(parse(&gzip(&file)[..]).unwrap(), array);
    }

    #[test]
    fn labels_of_every_whole_kind_read_alike() {
        let files: [(&[u8], &[u8]); 3] = [
            (&[0, 0, 9, 1], &[3, 0xff]),
            (&[0, 0, 0x0b, 1], &[0, 3, 0xff, 0xff]),
            (&[0, 0, 0x0c, 1], &[0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff]),
        ];
        for (magic, numbers) in files {
            let file = [magic, &2_u32.to_be_bytes(), numbers].concat();
            assert_eq!(parse_labels(&gzip(&file)[..]).unwrap().as_slice().unwrap(), [3, -1], "{magic:?}");
        }
        assert_eq!(parse_labels(&idx(&[2], &[3, 255])[..]).unwrap().as_slice().unwrap(), [3, 255]);
        let float = parse_labels(&[0, 0, 0x0d, 1, 0, 0, 0, 0][..]).unwrap_err();
        assert!(float.contains("whole numbers (00 00, then 08, 09, 0b or 0c"), "{float}");
    }

    #[test]
    fn a_file_that_lies_about_its_size_is_an_error() {
        let huge = parse(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[1])[..]).unwrap_err();
        assert!(huge.contains("more than memory can hold"), "{huge}");
        let large = parse(&idx(&[u32::MAX, 2], &[1])[..]).unwrap_err();
        assert!(large.contains("ends early"), "{large}");
        let long = parse(&idx(&[2], &[1, 2, 3])[..]).unwrap_err();
        assert!(long.contains("goes on after the 2 bytes"), "{long}");
        let float = parse(&[0, 0, 0x0d, 1, 0, 0, 0, 0][..]).unwrap_err();
        assert!(float.contains("[00, 00, 0d, 01]"), "{float}");
    }

    proptest! {
        #[test]
        fn a_truncated_file_is_an_error(keep in 0.0..1.0_f64, zip: bool) {
            let whole = idx(&[3, 4, 5], &(0..60).collect::<Vec<u8>>());
            let whole = if zip { gzip(&whole) } else { whole };
            prop_assert!(parse(&whole[..(keep * whole.len() as f64) as usize]).is_err());
        }

        #[test]
        fn corrupted_bytes_never_panic(position in 0..76_usize, byte: u8, zip: bool) {
            let whole = idx(&[3, 4, 5], &(0..60).collect::<Vec<u8>>());
            let mut whole = if zip { gzip(&whole) } else { whole };
            let position = position % whole.len();
            whole[position] = byte;
            let _ = parse(&whole[..]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(tail in prop::collection::vec(any::<u8>(), 0..200), magic: bool) {
            let mut bytes = if magic { vec![0, 0, 8, 3] } else { Vec::new() };
            bytes.extend(tail);
            let _ = parse(&bytes[..]);
        }
    }
}
