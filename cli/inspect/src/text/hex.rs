//! Pairs of hex digits, with blanks, colons, commas or prefixes between them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Comment, Peers, Position, digit, shown};

#[derive(Clone, Debug, Default)]
pub(super) struct Hex {
    comment: Comment,
    prefix: Prefix,
    run: Option<Run>,
    /// Letters behind `<`.
    tag: Option<usize>,
    is_quoted: bool,
    /// How many `\x` came.
    escapes: u64,
    /// A point came, which no other may follow.
    has_point: bool,
    /// Numbers with `0x` so far, and whether one of them was longer than a byte.
    numbers: u64,
    has_long: bool,
    /// Of lines that are indented and others, which to read.
    lines: Peers,
    is_line_begun: bool,
    is_line_skipped: bool,
}

/// Digits that stand together.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: Position,
    digits: u64,
    high: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Prefix {
    #[default]
    None,
    /// `0x`
    Zero,
    /// A backslash whose `x` is to come.
    Backslash,
    /// `\x`
    Escape,
}

const TAG: &[u8] = b"Buffer";

impl Hex {
    pub(super) fn new(lines: Peers) -> Hex {
        Hex { lines, ..Hex::default() }
    }

    /// Whether a byte belongs to a line of the other peer.
    fn is_skipped(&mut self, byte: u8) -> bool {
        if !self.is_line_begun {
            self.is_line_skipped = match self.lines {
                Peers::All => false,
                Peers::First => byte == b'\t',
                Peers::Second => byte != b'\t',
            };
        }
        self.is_line_begun = byte != b'\n';
        self.is_line_skipped && byte != b'\n'
    }

    pub(super) fn take(&mut self, byte: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        if self.is_skipped(byte) {
            return Ok(());
        }
        if self.comment != Comment::None || matches!(byte, b'#' | b'/') {
            let was_slash = self.comment == Comment::Slash;
            if self.comment.take(byte) {
                return self.end_run(out);
            }
            if was_slash {
                return Err(at.error("a slash that begins no comment"));
            }
        }
        if let Some(letters) = self.tag {
            return match TAG.get(letters) {
                Some(letter) if *letter == byte => {
                    self.tag = Some(letters + 1);
                    Ok(())
                }
                None if byte.is_ascii_whitespace() || byte == b'>' => {
                    self.tag = None;
                    Ok(())
                }
                _ => Err(at.error("\"<\" that begins no <Buffer ...>")),
            };
        }
        if self.has_point && byte != b'.' {
            return Err(at.error("a point before this, where a hex digit should be,"));
        }
        match byte {
            b'x' | b'X' => match (self.prefix, self.run) {
                (Prefix::Backslash, _) => {
                    self.prefix = Prefix::Escape;
                    self.escapes += 1;
                    Ok(())
                }
                // The 0 may stand behind the digits of another number: 0x810x05.
                (Prefix::None | Prefix::Zero, Some(Run { digits, high: 0, .. })) if !digits.is_multiple_of(2) => {
                    if self.prefix == Prefix::None && digits > 1 {
                        return Err(at.error(&format!("{} that is no digit", shown(byte))));
                    }
                    (self.prefix, self.run) = (Prefix::Zero, None);
                    Ok(())
                }
                _ => Err(at.error(&format!("{} that is no digit", shown(byte)))),
            },
            _ if self.prefix == Prefix::Backslash => Err(at.error("a backslash without x")),
            _ if digit(byte).is_some() => self.digit(digit(byte).unwrap_or_default(), at, out),
            b'.' if self.has_point => Err(at.error("points: the bytes seem to be cut before them,")),
            b'.' => {
                self.has_point = true;
                self.end_run(out)
            }
            b':' if self.prefix == Prefix::Zero && self.run.is_some_and(|run| run.digits > 2) => {
                Err(at.error("an address before a colon"))
            }
            b' ' | b'\t' | b'\r' | b'\n' | 0x0c | b':' | b',' | b';' | b'-' | b'_' | b'>' => self.end_run(out),
            b'"' | b'\'' => {
                self.is_quoted = !self.is_quoted;
                self.end_run(out)
            }
            b'\\' => {
                self.end_run(out)?;
                self.prefix = Prefix::Backslash;
                Ok(())
            }
            b'<' => {
                self.tag = Some(0);
                self.end_run(out)
            }
            _ => Err(at.error(&format!("{} where a hex digit should be,", shown(byte)))),
        }
    }

    fn digit(&mut self, digit: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        let run = self.run.get_or_insert(Run { start: at, digits: 0, high: 0 });
        // Behind `\x` stand two digits; what follows them belongs to a literal, unless there is one long run.
        if self.prefix == Prefix::Escape && run.digits >= 2 && (self.is_quoted || self.escapes > 1) {
            return Err(at.error("a letter behind \\x and its two digits"));
        }
        if run.digits.is_multiple_of(2) {
            run.high = digit;
        } else {
            out.push(run.high << 4 | digit);
        }
        run.digits += 1;
        Ok(())
    }

    fn end_run(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let prefix = core::mem::take(&mut self.prefix);
        if let (Prefix::Zero, Some(run)) = (prefix, self.run) {
            self.numbers += 1;
            self.has_long |= run.digits > 2;
            if self.has_long && self.numbers > 1 {
                let what = "numbers of several bytes, whose order is that of the machine that wrote them,";
                return Err(run.start.error(what));
            }
        }
        match self.run.take() {
            None if prefix == Prefix::None => Ok(()),
            None => Err("a prefix without digits".into()),
            Some(run) if run.digits.is_multiple_of(2) => Ok(()),
            // 0x5 is a number.
            Some(Run { digits: 1, high, .. }) if prefix == Prefix::Zero => {
                out.push(high);
                Ok(())
            }
            Some(Run { digits: 1, start, high }) => {
                let what = format!("a byte of one digit, \"{high:X}\" instead of \"{high:02X}\",");
                Err(start.error(&what) + "; write each byte as two digits")
            }
            Some(run) => Err(run.start.error(&format!("half a byte: {} digits", run.digits))),
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if self.has_point {
            return Err("a point at the end".into());
        }
        self.end_run(out)
    }
}
