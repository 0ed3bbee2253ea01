//! Event files that TensorBoard reads: `TFRecord` framing around three fields of its `Event`
//! message.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// Loss terms of one trial as scalars over epochs.
#[derive(Debug)]
pub(crate) struct TensorBoard {
    file: File,
}

impl TensorBoard {
    /// A new file for the epochs after `epoch`; TensorBoard reads all files of a directory as one
    /// run.
    pub(crate) fn create(directory: &Path, epoch: u32) -> Result<Self> {
        let path = directory.join(format!("events.out.tfevents.{epoch:010}.dml"));
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let mut board = Self { file };
        board.record(&bytes_field(3, b"brain.Event:2"))?;
        Ok(board)
    }

    /// Adds the terms of an epoch that have a value.
    pub(crate) fn add(&mut self, epoch: u32, terms: &BTreeMap<String, Option<f64>>) -> Result<()> {
        for (name, value) in terms {
            let Some(value) = value else { continue };
            // Field 2, 32 bits.
            let simple_value = [&[0x15][..], &(*value as f32).to_le_bytes()].concat();
            let summary = [bytes_field(1, name.as_bytes()), simple_value].concat();
            let step = [vec![0x10], varint(u64::from(epoch))].concat(); // field 2, varint
            self.record(&[step, bytes_field(5, &bytes_field(1, &summary))].concat())?;
        }
        Ok(())
    }

    fn record(&mut self, event: &[u8]) -> Result<()> {
        let length = (event.len() as u64).to_le_bytes();
        let parts = [&length[..], &masked_crc(&length), event, &masked_crc(event)];
        Ok(self.file.write_all(&parts.concat())?)
    }
}

/// A length-delimited protocol-buffer field.
fn bytes_field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// CRC-32C, rotated and offset as `TFRecord` wants it.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_file_is_framed_as_tfrecords() {
        let folder = tempfile::tempdir().unwrap();
        let mut board = TensorBoard::create(folder.path(), 0).unwrap();
        board
            .add(300, &BTreeMap::from([("kl".to_string(), Some(1.5)), ("supervised".to_string(), None)]))
            .unwrap();
        let bytes = std::fs::read(folder.path().join("events.out.tfevents.0000000000.dml")).unwrap();
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        while !rest.is_empty() {
            let n = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked_crc(&rest[..8]));
            events.push(&rest[12..12 + n]);
            assert_eq!(rest[12 + n..16 + n], masked_crc(&rest[12..12 + n]));
            rest = &rest[16 + n..];
        }
        assert_eq!(events.len(), 2, "the version and one scalar");
        // step = 300, summary { value { tag: "kl", simple_value: 1.5 } }
        let scalar =
            [0x10, 0xac, 0x02, 0x2a, 0x0b, 0x0a, 0x09, 0x0a, 0x02, b'k', b'l', 0x15, 0, 0, 0xc0, 0x3f];
        assert_eq!(events[1], scalar);
    }
}
