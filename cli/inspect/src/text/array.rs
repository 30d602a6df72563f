//! Arrays of numbers in the languages that have them: `{ 0x81, 0x85 }`, `[129, 133]`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Comment, Peers, Position, digit, shown};

/// The most bytes of a number.
const TOKEN: usize = 64;

/// How much of what stands before a bracket is remembered.
const PRELUDE: usize = 32;

#[derive(Clone, Debug)]
pub(super) struct Array {
    /// The bracket that begins an array.
    open: u8,
    /// Whether numbers without a prefix are hex.
    is_hex: bool,
    peers: Peers,
    comment: Comment,
    place: Place,
    token: Vec<u8>,
    token_at: Position,
    /// The end of what stands outside of arrays.
    prelude: Vec<u8>,
    /// Whether what stands outside has a sign of code, or nothing stands there.
    has_code: bool,
    has_words: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    /// In an array of so many numbers so far. The first is held: alone, it may be the size of an array.
    Inside {
        numbers: u64,
        held: Option<u8>,
        may_be_size: bool,
    },
    /// In brackets that hold something else.
    Skipped,
}

impl Array {
    pub(super) fn new(open: u8, is_hex: bool, peers: Peers) -> Array {
        Array {
            open,
            is_hex,
            peers,
            comment: Comment::None,
            place: Place::Outside,
            token: Vec::new(),
            token_at: Position { line: 1, column: 1 },
            prelude: Vec::new(),
            has_code: false,
            has_words: false,
        }
    }

    /// Whether it is code, or an array alone.
    pub(super) fn is_code(&self) -> bool {
        self.has_code || !self.has_words
    }

    pub(super) fn take(&mut self, byte: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        if self.comment.take(byte) {
            return Ok(());
        }
        let close = if self.open == b'{' { b'}' } else { b']' };
        match self.place {
            Place::Outside => {
                if byte == self.open {
                    self.begin();
                } else {
                    self.has_words |= byte.is_ascii_alphanumeric();
                    self.has_code |= matches!(byte, b'=' | b'(' | b':' | b'<' | b'!' | b'&' | b'{');
                    self.prelude.push(byte);
                    if self.prelude.len() > 2 * PRELUDE {
                        self.prelude.drain(..PRELUDE);
                    }
                }
                Ok(())
            }
            Place::Skipped => {
                if byte == self.open {
                    self.begin();
                } else if byte == close {
                    self.place = Place::Outside;
                }
                Ok(())
            }
            Place::Inside { numbers, .. } => {
                if byte == close {
                    self.number(out)?;
                    if let Place::Inside { held, may_be_size: false, .. } = self.place {
                        out.extend(held);
                    }
                    (self.place, self.prelude) = (Place::Outside, Vec::new());
                    return Ok(());
                }
                if byte == self.open {
                    self.begin();
                    return Ok(());
                }
                if byte.is_ascii_whitespace() || matches!(byte, b',' | b';') {
                    return self.number(out);
                }
                if !byte.is_ascii_alphanumeric() && byte != b'-' {
                    if numbers == 0 {
                        self.token.clear();
                        self.place = Place::Skipped;
                        return Ok(());
                    }
                    return Err(at.error(&format!("{} in an array of bytes", shown(byte))));
                }
                if self.token.is_empty() {
                    self.token_at = at;
                }
                if self.token.len() == TOKEN {
                    return Err(self.token_at.error("a number of many digits"));
                }
                self.token.push(byte);
                Ok(())
            }
        }
    }

    fn begin(&mut self) {
        let may_be_size = self.open == b'['
            && self.prelude.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b']'));
        self.token.clear();
        self.place =
            if self.is_other_peer() { Place::Skipped } else { Place::Inside { numbers: 0, held: None, may_be_size } };
    }

    fn is_other_peer(&self) -> bool {
        let has = |name: &[u8]| memchr::memmem::rfind(&self.prelude, name);
        match self.peers {
            Peers::All => false,
            Peers::First => has(b"peer1_") > has(b"peer0_"),
            Peers::Second => has(b"peer0_") > has(b"peer1_"),
        }
    }

    /// The number that ends here, if there is one.
    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if self.token.is_empty() {
            return Ok(());
        }
        let Place::Inside { numbers, mut held, may_be_size } = self.place else { return Ok(()) };
        let token = core::mem::take(&mut self.token);
        let bytes = match self.bytes(&token) {
            Ok(bytes) => bytes,
            Err(_) if numbers == 0 && !token[0].is_ascii_digit() && token[0] != b'-' => {
                self.place = Place::Skipped;
                return Ok(());
            }
            Err(error) => {
                out.extend(held);
                return Err(error);
            }
        };
        match bytes[..] {
            [byte] if numbers == 0 => held = Some(byte),
            _ => {
                out.extend(held.take());
                out.extend_from_slice(&bytes);
            }
        }
        self.place = Place::Inside { numbers: numbers + 1, held, may_be_size };
        Ok(())
    }

    /// The bytes that a number stands for.
    fn bytes(&self, token: &[u8]) -> Result<Vec<u8>, String> {
        let text = str::from_utf8(token).unwrap_or_default();
        let error = |what: &str| Err(self.token_at.error(&format!("\"{}\", {what},", text.escape_debug())));
        let number = text.trim_end_matches(['u', 'U', 'l', 'L']);
        let (hex, is_prefixed) = match number.strip_prefix("0x").or(number.strip_prefix("0X")) {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        if is_prefixed || self.is_hex {
            let digits: Option<Vec<u8>> = hex.bytes().map(digit).collect();
            return match digits.as_deref() {
                Some([low]) if is_prefixed => Ok([*low].into()),
                Some(digits) if !digits.is_empty() && digits.len().is_multiple_of(2) => {
                    Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
                }
                _ => error("which is no byte in hex"),
            };
        }
        let has_leading_zero = number.len() > 1 && number.starts_with('0');
        match number.parse::<i64>() {
            // Java's bytes have a sign.
            Ok(value @ -128..=255) if !has_leading_zero => Ok([value as u8].into()),
            Ok(_) if !has_leading_zero => error("which is not from 0 to 255"),
            _ => error("which is no decimal number"),
        }
    }

    pub(super) fn finish(&self, at: Position) -> Result<(), String> {
        match self.place {
            Place::Inside { .. } => Err(at.error("the end of the text in an array")),
            _ => Ok(()),
        }
    }
}
