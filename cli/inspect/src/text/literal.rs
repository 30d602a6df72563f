//! Byte literals with letters between escapes, as Python, Go, Rust and C write them: `b'\x81\x05Hello'`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Position, digit, shown};
use crate::head::MARK;

#[derive(Clone, Debug)]
pub(super) struct Literal {
    /// The quote that ends the literal that it is in; a literal without quotes is all of the text.
    quote: Option<u8>,
    is_bare: bool,
    escape: Escape,
    /// Escapes that name a byte.
    escapes: u64,
    /// Whether a literal stands before on this line: then only another may follow.
    is_behind: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Backslash,
    /// `\x` and perhaps a digit.
    Hex(Option<u8>),
    /// A backslash and so many octal digits.
    Octal {
        value: u16,
        digits: u8,
        is_zero_first: bool,
    },
}

impl Literal {
    pub(super) fn new(beginning: &[u8]) -> Literal {
        let text = beginning.strip_prefix(MARK).unwrap_or(beginning);
        let is_bare = text.trim_ascii_start().starts_with(b"\\");
        Literal { quote: None, is_bare, escape: Escape::None, escapes: 0, is_behind: false }
    }

    pub(super) fn has_escapes(&self) -> bool {
        self.escapes > 0
    }

    pub(super) fn take(&mut self, byte: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        let is_octal = (b'0'..=b'7').contains(&byte);
        match self.escape {
            Escape::Backslash => return self.escaped(byte, at, out),
            Escape::Hex(high) => {
                let Some(low) = digit(byte) else {
                    return Err(at.error(&format!("{} where \\x wants a digit", shown(byte))));
                };
                self.escape = match high {
                    None => Escape::Hex(Some(low)),
                    Some(high) => {
                        out.push(high << 4 | low);
                        Escape::None
                    }
                };
                return Ok(());
            }
            Escape::Octal { value, digits: digits @ 0..3, is_zero_first } if is_octal => {
                let value = value * 8 + u16::from(byte - b'0');
                self.escape = Escape::Octal { value, digits: digits + 1, is_zero_first };
                return Ok(());
            }
            Escape::Octal { .. } => self.end_octal(at, out)?,
            Escape::None => {}
        }
        match (byte, self.quote) {
            (b'\\', _) if self.quote.is_some() || self.is_bare => {
                self.escape = Escape::Backslash;
            }
            (_, Some(quote)) if byte == quote => (self.quote, self.is_behind) = (None, true),
            (b'\n' | b'\r', Some(_)) => return Err(at.error("the end of a line in a literal")),
            (b'\n' | b'\r', None) if self.is_bare => {}
            (_, Some(_)) => out.push(byte),
            (_, None) if self.is_bare => out.push(byte),
            (b'"' | b'\'', None) => self.quote = Some(byte),
            (b'\n', None) => self.is_behind = false,
            (_, None) if self.is_behind && (byte.is_ascii_whitespace() || b",+;)]bBrR".contains(&byte)) => {}
            (_, None)
                if !self.is_behind
                    && (byte.is_ascii_alphanumeric()
                        || byte.is_ascii_whitespace()
                        || b"_[]().:=&*+".contains(&byte)) => {}
            (_, None) => return Err(at.error(&format!("{} outside of a literal", shown(byte)))),
        }
        Ok(())
    }

    /// The byte behind a backslash.
    fn escaped(&mut self, byte: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        self.escape = Escape::None;
        out.push(match byte {
            b'x' => {
                self.escapes += 1;
                self.escape = Escape::Hex(None);
                return Ok(());
            }
            b'0'..=b'7' => {
                self.escapes += 1;
                self.escape = Escape::Octal { value: (byte - b'0').into(), digits: 1, is_zero_first: byte == b'0' };
                return Ok(());
            }
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'e' => 0x1b,
            b'\\' | b'\'' | b'"' => byte,
            b'u' | b'U' | b'N' => return Err(at.error("an escape that stands for a character and not for a byte")),
            _ => return Err(at.error(&format!("a backslash before {}", shown(byte)))),
        });
        Ok(())
    }

    /// `\0` is a byte; what follows it is octal only if there are three digits.
    fn end_octal(&mut self, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        let Escape::Octal { value, digits, is_zero_first } = core::mem::take(&mut self.escape) else { return Ok(()) };
        match u8::try_from(value) {
            Ok(low) if is_zero_first && digits == 2 => out.extend([0, b'0' + low]),
            Ok(byte) => out.push(byte),
            Err(_) => return Err(at.error("an octal escape above 377")),
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        self.end_octal(at, out)?;
        match (self.quote, self.escape) {
            (None, Escape::None) => Ok(()),
            _ => Err(at.error("the end of the text in a literal")),
        }
    }
}
