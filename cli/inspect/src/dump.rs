//! The bytes around the one that decided a violation.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use serde::Serialize;

use crate::record::Payload;

/// How many bytes are shown before the deciding one, and in a row.
pub(crate) const ROW: usize = 16;

/// How many bytes are remembered: the payload of a control frame and its header, and some text.
const KEPT: usize = 256;

/// Remembers the end of what was seen.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    bytes: Vec<u8>,
    /// The offset behind the last of them.
    end: u64,
}

impl Recent {
    pub(crate) fn new(start: u64) -> Recent {
        Recent { bytes: Vec::new(), end: start }
    }

    /// Takes the next bytes of the stream, before they are decoded.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let kept = self.bytes.len().min(KEPT);
        self.bytes.drain(..self.bytes.len() - kept);
        self.bytes.extend_from_slice(bytes);
        self.end += bytes.len() as u64;
    }

    /// The bytes from `offset` to `end`, as far as they are remembered.
    pub(crate) fn range(&self, offset: u64, end: u64) -> &[u8] {
        let start = self.end - self.bytes.len() as u64;
        let index = |offset: u64| (offset.clamp(start, self.end) - start) as usize;
        self.bytes.get(index(offset)..index(end)).unwrap_or_default()
    }

    /// The offset of the first byte that is remembered.
    pub(crate) fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    /// The offset behind the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The bytes around `offset`, which was pushed last or before, with as many behind it as are there, up to `behind`.
    pub(crate) fn dump(&self, offset: u64, behind: usize) -> Dump {
        let from = offset.saturating_sub(ROW as u64).max(self.start());
        let bytes = self.range(from, offset + 1 + behind as u64).to_vec();
        Dump { offset: from, bytes, marked: (offset - from) as usize }
    }
}

/// Up to two rows of bytes, one of which is marked.
#[derive(Debug)]
pub struct Dump {
    /// The offset of the first byte.
    offset: u64,
    bytes: Vec<u8>,
    /// The index of the byte that decided.
    marked: usize,
}

impl Serialize for Dump {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Dump", 2)?;
        fields.serialize_field("offset", &self.offset)?;
        fields.serialize_field("hex", &Payload(&self.bytes))?;
        fields.end()
    }
}

impl Dump {
    /// Rows of hex with letters beside them, and a mark below the byte; of so many bytes each.
    pub fn rows(&self, row_len: usize) -> Vec<String> {
        let mut rows = Vec::new();
        for (i, row) in self.bytes.chunks(row_len).enumerate() {
            let mut text = format!("{:>10}", self.offset + (i * row_len) as u64);
            for byte in row {
                // Writing to a string cannot fail.
                let _ = write!(text, " {byte:02x}");
            }
            let letters = letters(row);
            rows.push(format!("{text:<width$}  {letters}", width = 10 + 3 * row_len));
            if self.marked / row_len == i {
                rows.push(format!("{:>width$}", "^^", width = 10 + 3 * (self.marked % row_len + 1)));
            }
        }
        rows
    }
}

/// A letter a byte, and a point for those that have none.
pub fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect()
}
