//! Base64 (RFC 4648), with either alphabet, in lines.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{Position, shown};

#[derive(Clone, Debug, Default)]
pub(super) struct Base64 {
    group: [u8; 4],
    len: usize,
    /// How many equals signs end the group.
    padding: usize,
    /// A blank came behind letters of this line.
    has_blank: bool,
    is_line_begun: bool,
    letters: u64,
    /// Small letters, capitals, digits, others.
    kinds: u8,
    has_padding: bool,
}

impl Base64 {
    /// Whether it looks like base64 rather than a word.
    pub(super) fn is_likely(&self) -> bool {
        self.letters >= 8 && (self.has_padding || self.kinds.count_ones() >= 2)
    }

    pub(super) fn take(&mut self, byte: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        match byte {
            b'\n' | b'\r' => {
                (self.has_blank, self.is_line_begun) = (false, false);
                return Ok(());
            }
            b' ' | b'\t' => {
                self.has_blank = self.is_line_begun;
                return Ok(());
            }
            b'"' | b'\'' => return Ok(()),
            _ => {}
        }
        if self.has_blank {
            return Err(at.error("a blank between letters"));
        }
        self.is_line_begun = true;
        if byte == b'=' {
            (self.padding, self.has_padding) = (self.padding + 1, true);
            return match self.len + self.padding {
                4 if self.len >= 2 => self.decode(at, out),
                3 if self.len == 2 => Ok(()),
                _ => Err(at.error("\"=\" that completes no four letters")),
            };
        }
        let (letter, kind) = match byte {
            b'a'..=b'z' => (byte, 1),
            b'A'..=b'Z' => (byte, 2),
            b'0'..=b'9' => (byte, 4),
            b'+' | b'-' => (b'+', 8),
            b'/' | b'_' => (b'/', 8),
            _ => return Err(at.error(&format!("{} that is no letter of base64", shown(byte)))),
        };
        if self.padding > 0 {
            return Err(at.error("a letter behind \"=\""));
        }
        self.kinds |= kind;
        self.letters += 1;
        self.group[self.len] = letter;
        self.len += 1;
        if self.len == 4 { self.decode(at, out) } else { Ok(()) }
    }

    fn decode(&mut self, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        let mut bytes = [0; 3];
        let decoded = STANDARD_NO_PAD.decode_slice(&self.group[..self.len], &mut bytes);
        let len = decoded.map_err(|_| at.error("letters that stand for no bytes"))?;
        out.extend_from_slice(&bytes[..len]);
        (self.len, self.padding) = (0, 0);
        Ok(())
    }

    pub(super) fn finish(&mut self, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        match (self.len, self.padding) {
            (0, 0) => Ok(()),
            (2.., 0) => self.decode(at, out),
            _ => Err(at.error("the end of the text within four letters")),
        }
    }
}
