//! Bytes written as text: hex digits, dumps with offsets, arrays, byte literals, base64. [`sniff`] tells the form by the
//! beginning of an input, and a [`Reader`] turns the text into bytes as it comes.

mod array;
mod base64;
mod dump;
mod hex;
mod literal;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use wsframe::Role;

use self::array::Array;
use self::base64::Base64;
pub use self::dump::{Block, Link};
use self::dump::{Dump, link_of};
use self::hex::Hex;
use self::literal::Literal;
use crate::head::{self, Front, MARK};
use crate::hint::is_legal_start;

/// The form is decided on so many bytes at the beginning.
pub const SNIFF: usize = 64 * 1024;

/// A form that is asked for, instead of being told by the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The bytes as they are.
    Raw,
    /// Hex digits: pairs, arrays, byte literals.
    Hex,
    /// Rows with offsets.
    Dump,
    /// Base64.
    Base64,
    /// A file of packets.
    Capture,
}

/// What an input is.
#[derive(Debug)]
pub enum Input {
    /// The bytes as they are.
    Raw,
    /// Text that stands for bytes; the reader wants all of it, from the first byte.
    Text(Box<Reader>),
    /// Text that stands for packets, each a block of the dump.
    Packets(Box<Reader>, Link),
    /// A file of packets (pcap, pcapng).
    Capture,
}

/// Tells the form of an input by its first bytes: all that there are up to [`SNIFF`] of them, `is_all` if there are no more.
/// `None` means that more bytes are needed. Of two peers in one text, the one is read that sends to `receiver`.
///
/// # Errors
/// What is wrong with an input that is no form of bytes, in a line.
pub fn sniff(bytes: &[u8], is_all: bool, wanted: Option<Wanted>, receiver: Role) -> Result<Option<Input>, String> {
    let enough = is_all || bytes.len() >= SNIFF;
    match wanted {
        Some(Wanted::Raw) => return Ok(Some(Input::Raw)),
        Some(Wanted::Capture) => return Ok(Some(Input::Capture)),
        _ if bytes.is_empty() => return Ok(enough.then_some(Input::Raw)),
        Some(_) => {}
        None => {
            match capture(bytes) {
                Some(true) => return Ok(Some(Input::Capture)),
                None if !enough => return Ok(None),
                _ => {}
            }
            match head::begins(bytes) {
                Front::Head(_) | Front::Partial { is_head: true } | Front::TooLong => return Ok(Some(Input::Raw)),
                Front::Partial { is_head: false } if !enough => return Ok(None),
                _ => {}
            }
            if !is_text(bytes) {
                // Two characters of two bytes each tell such a text.
                return Ok((enough || bytes.len() >= 4).then_some(Input::Raw));
            }
        }
    }
    if !enough {
        return Ok(None);
    }
    // What stands behind the beginning is not seen: only then may it end in the middle of something.
    let bytes = &bytes[..bytes.len().min(SNIFF)];
    read_as_text(bytes, is_all, wanted, receiver).map(Some)
}

/// Whether the bytes are a file of packets; `None` if there are too few.
fn capture(bytes: &[u8]) -> Option<bool> {
    const MAGICS: [[u8; 4]; 7] = [
        [0x0a, 0x0d, 0x0d, 0x0a],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xcd, 0x34],
        [0x34, 0xcd, 0xb2, 0xa1],
    ];
    match bytes.first_chunk::<4>() {
        Some(magic) => Some(MAGICS.contains(magic)),
        None if MAGICS.iter().any(|magic| magic.starts_with(bytes)) => None,
        None => Some(false),
    }
}

/// Whether bytes can be text, perhaps cut.
fn is_text(bytes: &[u8]) -> bool {
    let (encoding, mark) = Encoding::of(bytes);
    let bytes = &bytes[mark..];
    // A text may end with a NUL or an end of file, and be coloured.
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | 0x1a)).map_or(0, |last| last + 1);
    let bytes = if encoding == Encoding::Utf8 { &bytes[..end] } else { bytes };
    let is_printed = |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    if encoding != Encoding::Utf8 {
        // Mostly letters of ASCII, as forms of bytes are.
        let units = encoding.units(bytes);
        let letters = units.clone().filter(|unit| *unit < 0x80).count();
        return units.clone().all(|unit| is_printed(&unit)) && 2 * letters >= units.len();
    }
    let valid = match str::from_utf8(bytes) {
        Ok(_) => bytes,
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        Err(_) => return false,
    };
    valid.iter().all(is_printed)
}

/// How characters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    /// The encoding, and the length of the byte-order mark.
    fn of(bytes: &[u8]) -> (Encoding, usize) {
        match bytes {
            _ if bytes.starts_with(MARK) => (Encoding::Utf8, MARK.len()),
            [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
            // Without a mark.
            [b' '..=b'~', 0, b' '..=b'~', 0, ..] => (Encoding::Utf16Le, 0),
            [0, b' '..=b'~', 0, b' '..=b'~', ..] => (Encoding::Utf16Be, 0),
            _ => (Encoding::Utf8, 0),
        }
    }

    /// Two bytes as a character, or something that is no ASCII.
    fn unit(self, pair: [u8; 2]) -> u8 {
        let value = if self == Encoding::Utf16Be { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        u8::try_from(value).ok().filter(u8::is_ascii).unwrap_or(0xff)
    }

    /// The characters of a text of two bytes each.
    fn units(self, bytes: &[u8]) -> impl ExactSizeIterator<Item = u8> + Clone {
        bytes.chunks_exact(2).map(move |pair| self.unit([pair[0], pair[1]]))
    }
}

/// Tries the forms that text can have.
fn read_as_text(bytes: &[u8], is_all: bool, wanted: Option<Wanted>, receiver: Role) -> Result<Input, String> {
    let (peer, rows_of) = (Peers::of_arrays(bytes, receiver), Peers::of_rows(bytes, receiver));
    let lines_of = Peers::of_lines(bytes, receiver);
    let digits = || {
        [
            Form::Hex(Hex::new(lines_of)),
            // What looks like an array may stand in a literal.
            Form::Literal(Literal::new(bytes)),
            Form::Array(Array::new(b'{', false, peer)),
            Form::Array(Array::new(b'[', false, peer)),
            Form::Array(Array::new(b'{', true, peer)),
            Form::Array(Array::new(b'[', true, peer)),
        ]
    };
    let dump = || Form::Dump(Dump::new(rows_of));
    let forms: Vec<Form> = match wanted {
        Some(Wanted::Hex) => digits().into_iter().collect(),
        Some(Wanted::Dump) => [dump()].into(),
        Some(Wanted::Base64) => [Form::Base64(Base64::default())].into(),
        _ => [dump()].into_iter().chain(digits()).chain([Form::Base64(Base64::default())]).collect(),
    };
    let mut found: Option<(Form, Vec<u8>, Vec<Block>)> = None;
    // The form that went furthest, for what is none of them.
    let mut nearest: Option<(usize, &'static str, String)> = None;
    for form in forms {
        let mut trial = Reader::new(form.clone(), bytes);
        let mut out = Vec::new();
        let read = trial.push(bytes, &mut out).and_then(|()| if is_all { trial.finish(&mut out) } else { Ok(()) });
        match read {
            Ok(()) if !out.is_empty() && (wanted.is_some() || trial.form.is_plausible(&out)) => {
                // Of two readings of an array, the one that begins like a stream; otherwise the first.
                let is_better = match &found {
                    None => true,
                    Some((Form::Array(_), first, _)) => {
                        matches!(form, Form::Array(_)) && is_legal_start(&out) && !is_legal_start(first)
                    }
                    Some(_) => false,
                };
                if is_better {
                    found = Some((form, out, trial.blocks()));
                }
                let is_decided = matches!(&found, Some((form, ..)) if !matches!(form, Form::Array(_)));
                if is_decided {
                    break;
                }
            }
            Ok(()) => {}
            Err(error) => {
                // Some words of a text are letters of base64 too.
                const FEW: usize = 24;
                if trial.form.is_certain() && wanted.is_none() {
                    return Err(refusal(bytes, Some((usize::MAX, form.name(), error))));
                }
                let counts = !matches!(form, Form::Base64(_) | Form::Literal(_)) || out.len() >= FEW;
                if counts && nearest.as_ref().is_none_or(|(most, ..)| *most < out.len()) {
                    nearest = Some((out.len(), form.name(), error));
                }
            }
        }
    }
    if let Some((form, out, blocks)) = found {
        let first_end = blocks.get(1).map_or(out.len(), |block| block.start as usize);
        if let Form::Dump(_) = form
            && let Some(link) = out.get(..first_end).and_then(link_of)
        {
            return Ok(Input::Packets(Box::new(Reader::new(form, bytes)), link));
        }
        return Ok(Input::Text(Box::new(Reader::new(form, bytes))));
    }
    if wanted.is_some() {
        // It is read as far as it goes, so that what comes before the fault is not lost.
        let form = match wanted {
            Some(Wanted::Dump) => dump(),
            Some(Wanted::Base64) => Form::Base64(Base64::default()),
            _ => Form::Hex(Hex::default()),
        };
        return Ok(Input::Text(Box::new(Reader::new(form, bytes))));
    }
    // Text that is known to be no form of bytes is taken as it is, and named beside the violation.
    if bytes.starts_with(b"PRI * HTTP/2") || is_rest_of_head(bytes) {
        return Ok(Input::Raw);
    }
    Err(refusal(bytes, nearest))
}

fn is_rest_of_head(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n\r\n") && bytes.contains(&b':')
}

/// Why text is not taken.
fn refusal(bytes: &[u8], nearest: Option<(usize, &'static str, String)>) -> String {
    const FORMS: &str = "hex digits in pairs, a dump with offsets (xxd, hexdump -C, od -Ax -tx1, Wireshark, tcpdump -X), an \
                         array, a byte literal, base64";
    const BEGINNING: usize = 256;
    let (encoding, mark) = Encoding::of(bytes);
    let letters: Vec<u8> = match encoding {
        Encoding::Utf8 => bytes[mark..].iter().copied().take(BEGINNING).collect(),
        _ => encoding.units(&bytes[mark..]).take(BEGINNING).collect(),
    };
    let text = letters.trim_ascii_start();
    let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
    if text.starts_with(b"{") && has(b"\"log\"") && (has(b"\"version\"") || has(b"\"creator\"") || has(b"\"entries\""))
    {
        return "is a HAR file, which has messages and not the frames that carried them; capture the packets (tcpdump -w, \
                Wireshark), or put 'wsframe proxy' between client and server"
            .into();
    }
    if text.starts_with(b"{") && has(b"\"constants\"") {
        return "is a net log of Chrome, which has events and not the bytes of frames; capture the packets (tcpdump -w, \
                Wireshark), or put 'wsframe proxy' between client and server"
            .into();
    }
    if let Some((_, name, error)) = nearest.filter(|(len, ..)| *len > 0) {
        return format!("is not {name}: {error}; --input says which form it is: raw, hex, dump, base64");
    }
    let is_json = match text {
        [b'{', rest @ ..] => matches!(rest.trim_ascii_start(), [b'"' | b'}', ..]),
        [b'[', rest @ ..] => matches!(rest.trim_ascii_start(), [b'"' | b'{' | b'[' | b']' | b'-' | b'0'..=b'9', ..]),
        _ => false,
    };
    let what = if is_json { "looks like JSON" } else { "is text" };
    format!("{what}, in none of the forms of bytes that are known ({FORMS}); --input raw takes it as it is")
}

/// What text is, if its beginning is hex or base64 of frames.
pub(crate) fn of_frames(text: &[u8], is_all: bool) -> Option<&'static str> {
    [Form::Hex(Hex::default()), Form::Base64(Base64::default())].into_iter().find_map(|form| {
        let name = if matches!(form, Form::Hex(_)) { "hex" } else { "base64" };
        let mut reader = Reader::new(form, text);
        let mut out = Vec::new();
        let read = reader.push(text, &mut out).and_then(|()| if is_all { reader.finish(&mut out) } else { Ok(()) });
        (read.is_ok() && out.len() > 2 && is_legal_start(&out)).then_some(name)
    })
}

/// Of two peers in a text that Wireshark exported from a connection, which to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Peers {
    #[default]
    /// There are no peers, or only one.
    All,
    /// The one that opened the connection: `peer0`, rows at the margin.
    First,
    /// The other one: `peer1`, rows that are indented.
    Second,
}

impl Peers {
    fn of_arrays(text: &[u8], receiver: Role) -> Peers {
        let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
        Peers::for_receiver(has(b"peer0_") && has(b"peer1_"), receiver)
    }

    fn of_rows(text: &[u8], receiver: Role) -> Peers {
        let rows = |start: &[u8]| text.split(|byte| *byte == b'\n').any(|line| line.starts_with(start));
        let are_both = rows(b"00000000  ") && (rows(b"    00000000  ") || rows(b"\t00000000  "));
        Peers::for_receiver(are_both, receiver)
    }

    /// Lines of digits alone, some of them indented: `tshark -z follow,tcp,raw`.
    fn of_lines(text: &[u8], receiver: Role) -> Peers {
        let lines = || text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let is_digits = |line: &[u8]| line.trim_ascii().iter().all(u8::is_ascii_hexdigit);
        let is_indented = |line: &[u8]| line.starts_with(b"\t");
        let are_both = lines().all(is_digits) && lines().any(is_indented) && !lines().all(is_indented);
        Peers::for_receiver(are_both, receiver)
    }

    fn for_receiver(are_both: bool, receiver: Role) -> Peers {
        match receiver {
            _ if !are_both => Peers::All,
            Role::Server => Peers::First,
            Role::Client => Peers::Second,
        }
    }
}

/// A place in a text, from 1.
#[derive(Clone, Copy, Debug)]
struct Position {
    line: u64,
    column: u64,
}

impl Position {
    fn error(self, what: &str) -> String {
        format!("{what} at line {}, column {}", self.line, self.column)
    }
}

/// A form of text, and where in it a reader is.
#[derive(Clone, Debug)]
enum Form {
    Hex(Hex),
    Array(Array),
    Literal(Literal),
    Base64(Base64),
    Dump(Dump),
}

impl Form {
    /// For messages.
    fn name(&self) -> &'static str {
        match self {
            Form::Hex(_) => "hex",
            Form::Array(_) => "an array of bytes",
            Form::Literal(_) => "a byte literal",
            Form::Base64(_) => "base64",
            Form::Dump(_) => "a dump",
        }
    }

    /// Whether nothing else begins like this, though it cannot be read to its end.
    fn is_certain(&self) -> bool {
        matches!(self, Form::Dump(dump) if dump.is_certain)
    }

    /// Whether a text that can be read like this is meant like this.
    fn is_plausible(&self, out: &[u8]) -> bool {
        match self {
            Form::Hex(_) | Form::Dump(_) | Form::Array(_) => true,
            Form::Literal(literal) => literal.has_escapes() || is_legal_start(out),
            Form::Base64(base64) => base64.is_likely() || is_legal_start(out),
        }
    }

    fn take(&mut self, byte: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Form::Hex(hex) => hex.take(byte, at, out),
            Form::Array(array) => array.take(byte, at, out),
            Form::Literal(literal) => literal.take(byte, at, out),
            Form::Base64(base64) => base64.take(byte, at, out),
            Form::Dump(dump) => dump.take(byte, at, out),
        }
    }

    fn finish(&mut self, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Form::Hex(hex) => hex.finish(out),
            Form::Array(array) => array.finish(at),
            Form::Literal(literal) => literal.finish(at, out),
            Form::Base64(base64) => base64.finish(at, out),
            Form::Dump(dump) => dump.finish(at, out),
        }
    }
}

/// Turns text into bytes, however it is cut.
#[derive(Debug)]
pub struct Reader {
    form: Form,
    encoding: Encoding,
    /// Bytes of the byte-order mark that are still to come.
    mark: usize,
    /// The first byte of a character of two.
    half: Option<u8>,
    /// Whether the bytes belong to a sequence that colours the text on a terminal.
    colour: bool,
    at: Position,
}

impl Reader {
    /// For a text that begins like this.
    fn new(form: Form, beginning: &[u8]) -> Reader {
        let (encoding, mark) = Encoding::of(beginning);
        Reader { form, encoding, mark, half: None, colour: false, at: Position { line: 1, column: 0 } }
    }

    /// Takes the next piece of the text, and appends its bytes to `out`.
    ///
    /// # Errors
    /// What is wrong, with line and column, in a line; `out` has what came before it.
    pub fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        for byte in text {
            if self.mark > 0 {
                self.mark -= 1;
                continue;
            }
            let byte = match (self.encoding, self.half.take()) {
                (Encoding::Utf8, _) => *byte,
                (_, None) => {
                    self.half = Some(*byte);
                    continue;
                }
                (encoding, Some(first)) => encoding.unit([first, *byte]),
            };
            // The bytes of a character behind its first are in the same column.
            if byte & 0xc0 != 0x80 || self.at.column == 0 {
                self.at.column += 1;
            }
            // Ends of old texts, and colours.
            match (byte, self.colour) {
                (0 | 0x1a, _) => continue,
                (0x1b, _) => {
                    self.colour = true;
                    continue;
                }
                (_, true) => {
                    self.colour = !byte.is_ascii_alphabetic();
                    continue;
                }
                (_, false) => {}
            }
            self.form.take(byte, self.at, out)?;
            if byte == b'\n' {
                self.at = Position { line: self.at.line + 1, column: 0 };
            }
        }
        Ok(())
    }

    /// The text is over.
    ///
    /// # Errors
    /// As for [`Reader::push`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        self.form.finish(self.at, out)
    }

    /// What the form is called.
    pub fn name(&self) -> &'static str {
        self.form.name()
    }

    /// Where the offsets of a dump began anew, since the last call.
    pub fn blocks(&mut self) -> Vec<Block> {
        match &mut self.form {
            Form::Dump(dump) => core::mem::take(&mut dump.blocks),
            _ => Vec::new(),
        }
    }
}

/// A byte of text for messages.
fn shown(byte: u8) -> String {
    if byte < 0x80 {
        format!("\"{}\"", char::from(byte).escape_debug())
    } else {
        "a character that is not ASCII".into()
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Comments, as the languages of arrays have them, and `#`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Comment {
    #[default]
    None,
    /// A slash that may begin one.
    Slash,
    Line,
    Block,
    /// An asterisk that may end one.
    Star,
}

impl Comment {
    /// Whether this byte belongs to a comment.
    fn take(&mut self, byte: u8) -> bool {
        let (next, is_comment) = match (*self, byte) {
            (Comment::None, b'#') => (Comment::Line, true),
            (Comment::None, b'/') => (Comment::Slash, true),
            (Comment::Slash, b'/') => (Comment::Line, true),
            (Comment::Slash, b'*') => (Comment::Block, true),
            (Comment::None | Comment::Slash, _) => (Comment::None, false),
            // The end of the line is no part of it.
            (Comment::Line, b'\n') => (Comment::None, false),
            (Comment::Line, _) => (Comment::Line, true),
            (Comment::Star, b'/') => (Comment::None, true),
            (Comment::Block | Comment::Star, b'*') => (Comment::Star, true),
            (Comment::Block | Comment::Star, _) => (Comment::Block, true),
        };
        *self = next;
        is_comment
    }
}
