//! A member of a zip as a reader that ends with an error where its CRC-32 is not right.

use std::io::{self, Read, Seek};

use lzma_rust2::LzmaReader;
use zip::{CompressionMethod, ZipArchive, read::ZipFile};

/// What is said where the CRC-32 is not right; the crate zip says it so.
pub(super) const WRONG_CHECKSUM: &str = "Invalid checksum";
/// The number of LZMA among the methods of zip files.
const LZMA: u16 = 14;
/// As much as a file may have taken from memory by what it says of itself: `xz -9` writes no larger
/// dictionary, Python's zipfile one of an eighth.
const LARGEST_DICTIONARY: u32 = 64 << 20;

/// The member `name`: stored, deflated, or compressed by bzip2 or LZMA, which is what Python's
/// zipfile knows.
pub(super) fn open<'a>(
    archive: &'a mut ZipArchive<impl Read + Seek>,
    name: &str,
) -> Result<Box<dyn Read + 'a>, String> {
    let told = |error: zip::result::ZipError| format!("cannot be read: {error}");
    // The last one of a name counts, as for Python.
    let mut indices = (0..archive.len()).rev();
    let is_called = |index: &usize| archive.by_index_raw(*index).is_ok_and(|member| member.name() == name);
    let Some(index) = indices.find(is_called) else {
        return Err("cannot be read: the file is damaged where it begins".to_owned());
    };
    let method = archive.by_index_raw(index).map_err(told)?.compression();
    #[expect(deprecated, reason = "the crate tells the number of a method in no other way")]
    let number = method.to_u16();
    match method {
        CompressionMethod::Stored | CompressionMethod::Deflated | CompressionMethod::Bzip2 => {
            Ok(Box::new(archive.by_index(index).map_err(told)?))
        }
        _ if number == LZMA => lzma(archive.by_index_raw(index).map_err(told)?),
        _ => Err(format!(
            "is compressed by method {number} of zip files: stored, deflated, bzip2 and LZMA are read, save it with np.savez_compressed"
        )),
    }
}

/// LZMA as zip files have it: a version, the length of the properties, which is 5, those, and the
/// bytes.
fn lzma(mut member: ZipFile) -> Result<Box<dyn Read + '_>, String> {
    let broken = |error: io::Error| format!("cannot be read: {error}");
    let mut start = [0; 9];
    member.read_exact(&mut start).map_err(broken)?;
    let [_, _, 5, 0, properties, dictionary @ ..] = start else {
        return Err("cannot be read: it does not begin as LZMA in a zip does".to_owned());
    };
    let (n_bytes, expected) = (member.size(), member.crc32());
    // Nothing can be repeated from farther away than the beginning.
    let farthest = u32::try_from(n_bytes).unwrap_or(u32::MAX).max(1 << 12);
    let dictionary = u32::from_le_bytes(dictionary).min(farthest);
    if dictionary > LARGEST_DICTIONARY {
        return Err(format!(
            "is compressed by LZMA with a dictionary of {dictionary} bytes: at most {LARGEST_DICTIONARY} are read, save it with np.savez_compressed"
        ));
    }
    let reader = LzmaReader::new_with_props(member, n_bytes, properties, dictionary, None).map_err(broken)?;
    Ok(Box::new(Checked { reader, checksum: crc32fast::Hasher::new(), expected }))
}

/// Compares the CRC-32 of all bytes at their end.
struct Checked<R> {
    reader: R,
    checksum: crc32fast::Hasher,
    expected: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.checksum.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.checksum.clone().finalize() != self.expected {
            return Err(io::Error::other(WRONG_CHECKSUM));
        }
        Ok(n)
    }
}
