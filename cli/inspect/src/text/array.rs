//! Arrays of numbers in the languages that have them: `{ 0x81, 0x85 }`, `[129, 133]`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Comment, Peers, Position, digit, shown};

/// The most bytes of a number.
const TOKEN: usize = 64;

/// The most bytes of what stands before an array.
const PRELUDE: usize = 240;

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
    /// What stands before the next array: a declaration, or nothing.
    prelude: Vec<u8>,
    /// What the arrays are called, without digits.
    name: Option<Vec<u8>>,
    /// Whether a type in round brackets stands before a number.
    in_cast: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    /// In an array of so many numbers so far. The first is held: alone behind a name, it is the size of an array.
    Inside {
        numbers: u64,
        held: Option<u8>,
        is_attached: bool,
    },
    /// In brackets of a declaration.
    Declared,
    /// In an array of the other peer.
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
            name: None,
            in_cast: false,
        }
    }

    pub(super) fn take(&mut self, byte: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        if self.comment.take(byte) {
            return Ok(());
        }
        let close = if self.open == b'{' { b'}' } else { b']' };
        match self.place {
            Place::Outside if byte == self.open => self.begin(),
            Place::Outside => return self.outside(byte, at),
            Place::Declared => {
                if byte == close {
                    self.place = Place::Outside;
                }
                return self.outside(byte, at);
            }
            Place::Skipped => {
                if byte == close {
                    (self.place, self.prelude) = (Place::Outside, Vec::new());
                }
            }
            Place::Inside { .. } if self.in_cast => self.in_cast = byte != b')',
            Place::Inside { .. } if byte == close => return self.end(at, out),
            Place::Inside { numbers: 0, .. } if byte == self.open && self.token.is_empty() => self.begin(),
            Place::Inside { .. } if byte.is_ascii_whitespace() || matches!(byte, b',' | b';') => {
                return self.number(out);
            }
            Place::Inside { .. } if byte == b'(' && self.token.is_empty() => self.in_cast = true,
            Place::Inside { .. } if byte.is_ascii_alphanumeric() || byte == b'-' => {
                if self.token.is_empty() {
                    self.token_at = at;
                }
                if self.token.len() == TOKEN {
                    return Err(self.token_at.error("a number of many digits"));
                }
                self.token.push(byte);
            }
            Place::Inside { .. } => return Err(at.error(&format!("{} in an array of bytes", shown(byte)))),
        }
        Ok(())
    }

    /// A byte of a declaration.
    fn outside(&mut self, byte: u8, at: Position) -> Result<(), String> {
        if self.prelude.len() == PRELUDE {
            return Err(at.error("much text that belongs to no array"));
        }
        self.prelude.push(byte);
        Ok(())
    }

    fn begin(&mut self) {
        let is_attached = self.open == b'['
            && self.prelude.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b']'));
        self.token.clear();
        self.place =
            if self.is_other_peer() { Place::Skipped } else { Place::Inside { numbers: 0, held: None, is_attached } };
    }

    fn is_other_peer(&self) -> bool {
        let has = |name: &[u8]| memchr::memmem::rfind(&self.prelude, name);
        match self.peers {
            Peers::All => false,
            Peers::First => has(b"peer1_") > has(b"peer0_"),
            Peers::Second => has(b"peer0_") > has(b"peer1_"),
        }
    }

    /// The array ends here.
    fn end(&mut self, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        self.number(out)?;
        match self.place {
            // `[]` and `[19]` belong to a declaration.
            Place::Inside { numbers: 0, .. } | Place::Inside { held: Some(_), is_attached: true, .. } => {
                self.place = Place::Outside;
                self.outside(self.open, at)?;
                self.outside(b']', at)
            }
            Place::Inside { held, .. } => {
                out.extend(held);
                (self.place, self.prelude) = (Place::Outside, Vec::new());
                Ok(())
            }
            // The last word of a declaration.
            _ => {
                self.place = Place::Outside;
                self.outside(b']', at)
            }
        }
    }

    /// The number that ends here, if there is one.
    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if self.token.is_empty() {
            return Ok(());
        }
        let Place::Inside { numbers, mut held, is_attached } = self.place else { return Ok(()) };
        let token = core::mem::take(&mut self.token);
        if numbers == 0 && !token[0].is_ascii_digit() && token[0] != b'-' && !self.is_hex {
            // `[u8; 19]`
            self.prelude.push(self.open);
            self.prelude.extend(token);
            self.prelude.push(b' ');
            self.place = Place::Declared;
            return Ok(());
        }
        if numbers == u64::from(is_attached) {
            self.declare()?;
        }
        let byte = self.byte(&token).inspect_err(|_| out.extend(held))?;
        match numbers {
            0 => held = Some(byte),
            _ => {
                out.extend(held.take());
                out.push(byte);
            }
        }
        self.place = Place::Inside { numbers: numbers + 1, held, is_attached };
        Ok(())
    }

    /// Checks what stands before an array: nothing else may be lost with it.
    fn declare(&mut self) -> Result<(), String> {
        let prelude = String::from_utf8_lossy(&self.prelude).into_owned();
        let prelude =
            prelude.trim_start_matches(|letter: char| letter.is_whitespace() || ";,)]}".contains(letter)).trim();
        if !is_declaration(prelude) {
            return Err(self.token_at.error("text before an array that declares none,"));
        }
        let Some(name) = name(prelude) else { return Ok(()) };
        match &self.name {
            Some(first) if *first != name => Err(self.token_at.error("an array of another name")),
            Some(_) => Ok(()),
            None => {
                self.name = Some(name);
                Ok(())
            }
        }
    }

    /// The byte that a number stands for.
    fn byte(&self, token: &[u8]) -> Result<u8, String> {
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
                Some([low]) if is_prefixed => Ok(*low),
                Some([high, low]) => Ok(high << 4 | low),
                _ => error("which is not two hex digits"),
            };
        }
        let has_leading_zero = number.len() > 1 && number.starts_with('0');
        match number.parse::<i64>() {
            // Java's bytes have a sign.
            Ok(value @ -128..=255) if !has_leading_zero => Ok(value as u8),
            Ok(_) if !has_leading_zero => error("which is not from 0 to 255"),
            _ => error("which is no decimal number"),
        }
    }

    pub(super) fn finish(&self, at: Position) -> Result<(), String> {
        let rest = String::from_utf8_lossy(&self.prelude);
        let rest = rest.trim_matches(|letter: char| letter.is_whitespace() || ";,)]}".contains(letter));
        // xxd -i ends with the length.
        let is_length = rest.starts_with("unsigned int ") && rest.contains("_len = ") && !rest.contains(['\n', ';']);
        match self.place {
            Place::Outside if rest.is_empty() || is_length => Ok(()),
            Place::Outside => Err(at.error("text behind an array")),
            _ => Err(at.error("the end of the text in an array")),
        }
    }
}

/// Whether this declares an array: `const uint8_t frame[19] =`, `new Uint8Array(`, `[]byte`, `let f: [u8; 3] = &`.
fn is_declaration(text: &str) -> bool {
    const WORDS: usize = 10;
    const TYPES: [&str; 12] = [
        "byte",
        "bytes",
        "bytearray",
        "Uint8Array",
        "Int8Array",
        "Buffer",
        "u8",
        "uint8",
        "uint8_t",
        "char",
        "list",
        "array",
    ];
    let squeezed: String = text.split_whitespace().collect();
    if text.is_empty() || squeezed == "{\"type\":\"Buffer\",\"data\":" {
        return true;
    }
    if !text
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter.is_whitespace() || "_*&=()[]:;<>.!,".contains(letter))
    {
        return false;
    }
    // A colon ends a label, or belongs to a type or an operator.
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(':') {
        rest = after;
        if !(after.is_empty() || after.starts_with([':', '=']) || after.trim_start().starts_with(['[', '&'])) {
            return false;
        }
    }
    // Numbers are sizes.
    let mut depth = 0;
    let mut before = ' ';
    for letter in text.chars() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '0'..='9' if depth <= 0 && !(before.is_ascii_alphanumeric() || before == '_') => return false,
            _ => {}
        }
        before = letter;
    }
    let words: Vec<&str> = text
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let is_type = text.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
        && words.last().is_some_and(|word| TYPES.contains(word));
    words.len() <= WORDS && (is_type || text.ends_with(['=', '(', ')', ']', '[', '!', '&', ':', '>']))
}

/// The name that a declaration gives, without digits; what has no equals sign has none.
fn name(declaration: &str) -> Option<Vec<u8>> {
    let (before, _) = declaration.rsplit_once('=')?;
    let before = before.trim_end_matches([':', ' ']);
    // Sizes and types stand behind names, in brackets or behind a colon.
    let before = before.split([':', '[']).next().unwrap_or_default().trim_end();
    let word = before.rsplit(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).next()?;
    Some(word.bytes().filter(|byte| !byte.is_ascii_digit()).collect())
}
