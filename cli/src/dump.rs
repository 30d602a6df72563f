//! The bytes around the one that decided a violation.

use core::fmt::Write;

/// How many bytes are shown before the deciding one, and in a row.
const ROW: usize = 16;

/// Remembers the end of what was seen.
#[derive(Default)]
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
        let kept = self.bytes.len().min(2 * ROW);
        self.bytes.drain(..self.bytes.len() - kept);
        self.bytes.extend_from_slice(bytes);
        self.end += bytes.len() as u64;
    }

    /// The bytes around `offset`, which was pushed last or before; what follows it may have to be added.
    pub(crate) fn dump(&self, offset: u64) -> Dump {
        let start = self.end - self.bytes.len() as u64;
        let at = (offset - start) as usize;
        let from = at.saturating_sub(ROW);
        let mut dump = Dump { offset: start + from as u64, bytes: self.bytes[from..at].to_vec(), marked: at - from };
        dump.extend(&self.bytes[at..]);
        dump
    }
}

/// Up to two rows of bytes, one of which is marked.
pub(crate) struct Dump {
    /// The offset of the first byte.
    offset: u64,
    bytes: Vec<u8>,
    /// The index of the byte that decided.
    marked: usize,
}

impl Dump {
    /// Adds what follows, as far as it is shown.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let room = self.room();
        self.bytes.extend(bytes.iter().take(room));
    }

    /// How many more bytes would be shown.
    pub(crate) fn room(&self) -> usize {
        (self.marked + ROW).saturating_sub(self.bytes.len())
    }

    /// The byte that decided, as it came over the wire.
    pub(crate) fn byte(&self) -> u8 {
        self.bytes[self.marked]
    }

    /// Rows of hex, with a mark below the byte.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for (i, row) in self.bytes.chunks(ROW).enumerate() {
            let mut text = format!("{:>10}", self.offset + (i * ROW) as u64);
            for byte in row {
                // Writing to a string cannot fail.
                let _ = write!(text, " {byte:02x}");
            }
            rows.push(text);
            if self.marked / ROW == i {
                rows.push(format!("{:>width$}", "^^", width = 10 + 3 * (self.marked % ROW + 1)));
            }
        }
        rows
    }
}
